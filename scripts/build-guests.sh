#!/usr/bin/env bash
# Builds Tests/Guests into .build/guests: C to wasm with the toolchain's clang, text modules as they stand.
# A guest is built again when its source, guest.h or this script is newer. A first line `// build: FLAGS` adds flags to one guest.
set -euo pipefail
cd "$(dirname "$0")/.."

out=.build/guests
builtins=$(echo /usr/lib/llvm-*/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a | awk '{ print $NF }')
[ -e "$builtins" ] || { echo 'guests: no compiler runtime for wasm32: run make setup' >&2; exit 1; }
[ -e /usr/lib/wasm32-wasi/libc.a ] || { echo 'guests: no wasi-libc: run make setup' >&2; exit 1; }

# wasm-opt, where it is installed, would make the output differ from machine to machine. Names stay, for backtraces.
flags=(--target=wasm32-wasi --sysroot=/usr -O2 -Wall -Wextra -Werror -nodefaultlibs --no-wasm-opt -Wl,--strip-debug)

# The linker puts the output's name into the module, so a guest is linked under its own name, elsewhere, and renamed when whole.
mkdir -p "$out" .build/guests.new
build() {
    local source=$1 target=$2 extra
    extra=$(sed -n '1s|^// build: ||p' "$source")
    # shellcheck disable=SC2086
    clang "${flags[@]}" $extra -I Tests/Guests -I Benchmarks/guests "$source" -lc "$builtins" -o ".build/guests.new/${target##*/}" || return 1
    mv ".build/guests.new/${target##*/}" "$target"
}

built=0
failed=0
for source in Tests/Guests/*.c Tests/Guests/*.wat Examples/*/*.c Benchmarks/guests/*.c; do
    [ -e "$source" ] || continue
    name=${source##*/}
    case $source in
        *.wat) target=$out/$name ;;
        *) target=$out/${name%.c}.wasm ;;
    esac
    if [ -e "$target" ] && [ "$target" -nt "$source" ] && [ "$target" -nt Tests/Guests/guest.h ] &&
        [ "$target" -nt scripts/build-guests.sh ]; then
        continue
    fi
    case $source in
        *.wat) cp "$source" "$target" ;;
        *) build "$source" "$target" || failed=1 ;;
    esac
    built=$((built + 1))
done
# A guest that is gone must not go on being tested.
for target in "$out"/*; do
    name=${target##*/}
    stem=${name%.*}
    compgen -G "Tests/Guests/$stem.[cw]*" >/dev/null || compgen -G "Examples/*/$stem.c" >/dev/null ||
        compgen -G "Benchmarks/guests/$stem.c" >/dev/null || rm -f "$target"
done
[ "$failed" -eq 0 ] || { echo 'guests: some did not build' >&2; exit 1; }
printf 'guests: %d built, %d in %s\n' "$built" "$(find "$out" -name '*.wasm' -o -name '*.wat' | wc -l)" "$out"
