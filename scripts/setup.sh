#!/usr/bin/env bash
# Installs what the build needs, once: Debian packages (as root or by sudo), libwasmtime into .deps/ by hash, the Swift packages.
# A second run finds everything in place and needs no network. `setup.sh --tests` adds what only tests and models need.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly wasmtime_version=50.0.1
packages=(libseccomp-dev wasi-libc libclang-rt-19-dev-wasm32 rustc libstd-rust-dev-wasm32)
# Models are checked with spin, which makes C of them; what our processes do is compared with Erlang's.
if [ "${1:-}" = --tests ]; then packages+=(spin gcc erlang-base); fi
readonly packages

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

need swift "install a Swift 6.3 toolchain and put its usr/bin on PATH"
need clang "it comes with the Swift toolchain: put the toolchain's usr/bin on PATH"
need wasm-ld "it comes with the Swift toolchain: put the toolchain's usr/bin on PATH"
need python3 "apt-get install python3 python3-pip"
need git "apt-get install git"
case $(uname -sm) in
    'Linux x86_64' | 'Linux aarch64') ;;
    *) fail "Bulkhead runs on Linux on x86_64 or aarch64; this is $(uname -sm)" ;;
esac
if [[ ! $(swift --version 2>/dev/null) =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
    fail "'swift --version' does not answer as expected; is the toolchain whole?"
fi
if ((BASH_REMATCH[1] * 100 + BASH_REMATCH[2] < 603)); then
    fail "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old: 6.3 is needed"
fi

install_packages() {
    local missing=() package as_root=()
    if ! command -v dpkg-query >/dev/null; then
        printf 'setup: no dpkg here; making sure of these is yours: %s\n' "${packages[*]}"
        return
    fi
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    printf 'setup: installing %s\n' "${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "missing packages, and neither root nor sudo here. As root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    # env, because sudo drops the environment. The index is fetched only if the one at hand does not do.
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    "${as_root[@]}" install --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return
    "${as_root[@]}" update >/dev/null ||
        fail "apt-get update failed (no network, or no right to?). Still missing: ${missing[*]}"
    "${as_root[@]}" install --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install: ${missing[*]}"
}

# Prints the prefix of an installed libwasmtime of our version, or nothing.
installed_prefix() {
    local prefix=${WASMTIME_PREFIX:-}
    if [ -z "$prefix" ] && command -v pkg-config >/dev/null && pkg-config --exists "wasmtime = $wasmtime_version"; then
        prefix=$(pkg-config --variable=prefix wasmtime)
    fi
    [ -n "$prefix" ] || return 0
    [ -e "$prefix/lib/libwasmtime.so" ] || fail "no lib/libwasmtime.so beneath $prefix"
    grep -q "\"$wasmtime_version\"" "$prefix/include/wasmtime.h" 2>/dev/null ||
        fail "$prefix/include/wasmtime.h does not say version $wasmtime_version"
    printf '%s\n' "$prefix"
}

fetch_wheel() {
    local work
    python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: apt-get install python3-pip"
    work=$(mktemp -d .deps/download.XXXXXX)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    printf 'setup: fetching libwasmtime %s\n' "$wasmtime_version"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        -r scripts/requirements-wasmtime.txt -d "$work" ||
        fail "the wasmtime $wasmtime_version wheel could not be fetched from PyPI, or its SHA-256 is not the pinned one." \
            "An installed C API release of that version does too: set WASMTIME_PREFIX"
    python3 scripts/unpack-wheel.py "$work" .deps/wasmtime
}

install_packages

mkdir -p .deps/wasmtime/lib
stamp=.deps/wasmtime/version
prefix=$(installed_prefix)
wanted="$wasmtime_version ${prefix:-wheel}"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || [ ! -e .deps/wasmtime/lib/libwasmtime.so ]; then
    rm -f "$stamp"
    if [ -z "$prefix" ]; then
        fetch_wheel
    else
        rm -f .deps/wasmtime/_bindings.py
        ln -sfn "$(realpath "$prefix/lib/libwasmtime.so")" .deps/wasmtime/lib/libwasmtime.so
    fi
    printf '%s\n' "$wanted" >"$stamp"
fi

# A release build takes libstdc++ from here: relocating the shared one is a sixth of a short run's time.
mkdir -p .deps/static
archive=$(clang -print-file-name=libstdc++.a)
if [ -e "$archive" ]; then ln -sfn "$(realpath "$archive")" .deps/static/libstdc++.a; fi

# swift build would fetch these itself; here a failure gets a name.
if [ ! -e .build/workspace-state.json ]; then
    resolving=$(swift package resolve 2>&1) || {
        printf '%s\n' "$resolving" | tail -n 20 >&2
        fail "the Swift packages that Package.swift names could not be fetched"
    }
fi
printf 'setup: libwasmtime %s\n' "$wanted"
