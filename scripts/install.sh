#!/usr/bin/env bash
# install.sh install|uninstall: what `make install` and `make uninstall` do, beneath $DESTDIR$PREFIX.
# bulkhead goes to bin; the two programs that only it starts to libexec/bulkhead; libwasmtime, which only they load, to lib/bulkhead.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
case $prefix in /*) ;; *) echo "install: PREFIX must be absolute, not '$prefix'" >&2; exit 1 ;; esac
root=${DESTDIR:-}$prefix
share=$root/share
helpers=(bulkhead-cell bulkhead-compiler)
documents=(LICENSE NOTICE README.md SECURITY.md RATIONALE.md CHANGELOG.md docs/audit-event.schema.json docs/apps.md
    docs/app.schema.json)
completions=(
    "bash $share/bash-completion/completions/bulkhead"
    "zsh $share/zsh/site-functions/_bulkhead"
    "fish $share/fish/vendor_completions.d/bulkhead.fish"
)

put() {
    local mode=$1 source=$2 target=$3
    # Written aside and renamed by install itself: a running program keeps the file it has.
    install -D -m "$mode" "$source" "$target"
    printf '  %s\n' "$target"
}

install_all() {
    local built=.build/release binary kind place page policy
    for binary in bulkhead "${helpers[@]}"; do
        if [ ! -x "$built/$binary" ]; then
            command -v swift >/dev/null || { echo "install: no release build here; run 'make release' first" >&2; exit 1; }
            make release
            break
        fi
    done
    local scratch
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' RETURN

    for binary in bulkhead "${helpers[@]}"; do
        cp "$built/$binary" "$scratch/$binary"
        [ -z "${STRIP:-}" ] || strip "$scratch/$binary"
        scripts/drop-rpath.py "$scratch/$binary" "$PWD"
    done
    put 755 "$scratch/bulkhead" "$root/bin/bulkhead"
    for binary in "${helpers[@]}"; do put 755 "$scratch/$binary" "$root/libexec/bulkhead/$binary"; done
    put 755 .deps/wasmtime/lib/libwasmtime.so "$root/lib/bulkhead/libwasmtime.so"
    for policy in policies/*.toml; do
        put 644 "$policy" "$share/bulkhead/policies/${policy##*/}"
    done
    for page in docs/man/*.[1-8]; do
        put 644 "$page" "$share/man/man${page##*.}/${page##*/}"
    done
    for page in "${documents[@]}"; do
        put 644 "$page" "$share/doc/bulkhead/${page##*/}"
    done
    [ ! -e .deps/wasmtime/LICENSE ] || put 644 .deps/wasmtime/LICENSE "$share/doc/bulkhead/LICENSE.wasmtime"
    for place in "${completions[@]}"; do
        read -r kind place <<<"$place"
        "$built/bulkhead" --generate-completion-script "$kind" >"$scratch/completion"
        put 644 "$scratch/completion" "$place"
    done
}

uninstall_all() {
    local policy page place
    rm -f "$root/bin/bulkhead" "${helpers[@]/#/$root/libexec/bulkhead/}" "$root/lib/bulkhead/libwasmtime.so"
    for policy in policies/*.toml; do rm -f "$share/bulkhead/policies/${policy##*/}"; done
    for page in docs/man/*.[1-8]; do rm -f "$share/man/man${page##*.}/${page##*/}"; done
    for page in "${documents[@]}"; do rm -f "$share/doc/bulkhead/${page##*/}"; done
    rm -f "$share/doc/bulkhead/LICENSE.wasmtime"
    for place in "${completions[@]}"; do rm -f "${place#* }"; done
    # Only our own directories, and only when nothing else is in them.
    rmdir "$root/libexec/bulkhead" "$root/lib/bulkhead" "$share/bulkhead/policies" "$share/bulkhead" \
        "$share/doc/bulkhead" 2>/dev/null || true
}

shopt -s nullglob
case ${1:-} in
    install)
        printf 'install: beneath %s\n' "$root"
        install_all
        ;;
    uninstall)
        uninstall_all
        printf 'uninstall: removed from %s\n' "$root"
        ;;
    *)
        echo 'usage: install.sh install|uninstall' >&2
        exit 2
        ;;
esac
