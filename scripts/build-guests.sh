#!/usr/bin/env bash
# Builds the guests into .build/guests: C, Swift and Rust to wasm, text modules as they stand. They are Tests/Guests,
# Examples, and those of Benchmarks; what includes <bulkhead.h>, and all Swift and Rust, is built over SDK/.
# NAME.c becomes NAME.wasm, or NAME-c.wasm where NAME.swift or NAME.rs is beside it; the others become NAME-swift.wasm
# and NAME-rust.wasm. Only what is older than its sources is built again. First lines: `// build: FLAGS` adds compiler
# flags to a C guest, `// with: FILE.c` links a C file of the same folder into a Swift or Rust one. Arguments: names of
# the guests wanted (all).
set -euo pipefail
cd "$(dirname "$0")/.."

out=.build/guests
new=.build/guests.new
mkdir -p "$out" "$new"

builtins=$(echo /usr/lib/llvm-*/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a | awk '{ print $NF }')
[ -e "$builtins" ] || { echo 'guests: no compiler runtime for wasm32: run make setup' >&2; exit 1; }
[ -e /usr/lib/wasm32-wasi/libc.a ] || { echo 'guests: no wasi-libc: run make setup' >&2; exit 1; }

# A process costs the pages it touches. The stack grows down from a page's middle, and the module's data grows up from
# there, so that a small process touches one page; and running off the stack is a trap, not a write into the data.
process_link=(-z stack-size=30720 --stack-first)
process_link_c=(-Wl,-z,stack-size=30720 -Wl,--stack-first -Wl,--wrap=__original_main)

# wasm-opt, where it is installed, would make the output differ from machine to machine. Names stay, for backtraces.
c_flags=(--target=wasm32-wasi --sysroot=/usr -O2 -Wall -Wextra -Werror -nodefaultlibs --no-wasm-opt -Wl,--strip-debug
    -I Tests/Guests -I Benchmarks/guests -I SDK/c)
freestanding_flags=(--target=wasm32 -ffreestanding -fno-builtin -mbulk-memory -Os -Wall -Wextra -Werror -I SDK/c)
swift_flags=(-target wasm32-unknown-none-wasm -swift-version 6 -wmo -parse-as-library -Osize -warnings-as-errors
    -enable-experimental-feature Embedded -enable-experimental-feature Extern -Xfrontend -disable-stack-protector
    -Xcc -DBULKHEAD_IMPORTS_ONLY -I SDK/swift/CBulkhead -I "$new")
rust_flags=(--edition 2021 --target wasm32-wasi -O -C panic=abort -C codegen-units=1 -C linker=wasm-ld
    -C link-arg=--no-fatal-warnings --remap-path-prefix "$PWD=." -D warnings)

# A rustc that has the standard library for wasm32-wasi. One that rustup or cargo put first on PATH seldom has.
find_rust() {
    local candidate
    for candidate in "${RUSTC:-}" rustc /usr/bin/rustc; do
        [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
        [ -d "$("$candidate" --print target-libdir --target wasm32-wasi 2>/dev/null || true)" ] || continue
        printf '%s\n' "$candidate"
        return
    done
    echo 'guests: no rustc with wasm32-wasi: run make setup' >&2
    return 1
}

unicode_tables() {
    local resources
    resources=$(swiftc -print-target-info | sed -n 's|.*"runtimeResourcePath": "\(.*\)".*|\1|p')
    printf '%s\n' "$resources/embedded/wasm32-unknown-none-wasm/libswiftUnicodeDataTables.a"
}

# newer TARGET SOURCE...: whether the target is there and newer than all sources, folders with all that is in them.
newer() {
    local target=$1
    shift
    [ -e "$target" ] && [ -z "$(find "$@" -newer "$target" -type f -print -quit)" ]
}

swift_library() {
    newer "$new/Bulkhead.o" SDK/swift SDK/c scripts/build-guests.sh && [ -e "$new/Bulkhead.swiftmodule" ] && return
    clang "${freestanding_flags[@]}" -c SDK/swift/Support/support.c -o "$new/support.o" &&
        swiftc "${swift_flags[@]}" -module-name Bulkhead -emit-module -emit-module-path "$new/Bulkhead.swiftmodule" \
            -c SDK/swift/Sources/*.swift -o "$new/Bulkhead.o"
}

rust_library() {
    newer "$new/libbulkhead.rlib" SDK/rust scripts/build-guests.sh && return
    "$rust" "${rust_flags[@]}" --crate-type rlib --crate-name bulkhead --cfg 'feature="std"' SDK/rust/src/lib.rs \
        -o "$new/libbulkhead.rlib"
}

# The linker puts the output's name into the module, so a guest is linked under its own name, elsewhere, and renamed
# when whole.
build_c() {
    local extra process=()
    extra=$(sed -n '1s|^// build: ||p' "$1")
    ! grep -q '#include <bulkhead.h>' "$1" || process=("${process_link_c[@]}")
    # shellcheck disable=SC2086
    clang "${c_flags[@]}" "${process[@]}" $extra "$1" -lc "$builtins" -o "$2"
}

# The object of the C file that a guest names in its first line, if it names one.
companion() {
    local file
    file=$(sed -n '1s|^// with: ||p' "$1")
    [ -n "$file" ] || return 0
    clang "${freestanding_flags[@]}" -c "${1%/*}/$file" -o "$2.with.o" && printf '%s\n' "$2.with.o"
}

build_swift() {
    local object=$2.o with
    with=$(companion "$1" "$2") || return 1
    swiftc "${swift_flags[@]}" ${with:+-I "${1%/*}/lib"} -module-name Guest -c "$1" -o "$object" &&
        wasm-ld --no-entry --gc-sections --strip-debug "${process_link[@]}" "$object" ${with:+"$with"} \
            "$new/Bulkhead.o" "$new/support.o" "$tables" "$builtins" -o "$2"
}

build_rust() {
    local with
    with=$(companion "$1" "$2") || return 1
    "$rust" "${rust_flags[@]}" -C lto=fat -C strip=debuginfo --crate-name guest \
        --extern "bulkhead=$new/libbulkhead.rlib" -C link-arg=-zstack-size=30720 \
        -C link-arg=--wrap=__original_main \
        ${with:+-C "link-arg=$PWD/$with"} "$1" -o "$2"
}

# The file that a source becomes.
target_of() {
    local stem=${1%.*}
    local name=${stem##*/}
    case $1 in
        *.wat) printf '%s.wat\n' "$name" ;;
        *.swift) printf '%s-swift.wasm\n' "$name" ;;
        *.rs) printf '%s-rust.wasm\n' "$name" ;;
        *)
            [ ! -e "$stem.swift" ] && [ ! -e "$stem.rs" ] || name+=-c
            printf '%s.wasm\n' "$name" ;;
    esac
}

built=0
failed=0
declare -A known=()
rust=
tables=
shopt -s nullglob
for source in Tests/Guests/*.{c,wat,swift,rs} Examples/*/*.{c,swift,rs} Benchmarks/{guests,processes}/*.{c,swift,rs}; do
    name=$(target_of "$source")
    [ -z "${known[$name]:-}" ] || { echo "guests: $source and ${known[$name]} would both be $name" >&2; exit 1; }
    known[$name]=$source
    [ $# -eq 0 ] || [[ " $* " == *" ${name%.*} "* ]] || continue
    target=$out/$name
    needs=("$source" scripts/build-guests.sh)
    case $source in
        *.swift) needs+=(SDK/swift SDK/c) ;;
        *.rs) needs+=(SDK/rust) ;;
        *.c) needs+=(Tests/Guests/*.h Benchmarks/*/*.h)
            ! grep -q '#include <bulkhead.h>' "$source" || needs+=(SDK/c) ;;
    esac
    with=$(sed -n '1s|^// with: ||p' "$source")
    [ -z "$with" ] || needs+=("${source%/*}/$with")
    ! newer "$target" "${needs[@]}" || continue
    case $source in
        *.wat) cp "$source" "$new/$name" ;;
        *.c) build_c "$source" "$new/$name" ;;
        *.swift)
            [ -n "$tables" ] || { tables=$(unicode_tables) && swift_library || exit 1; }
            build_swift "$source" "$new/$name" ;;
        *.rs)
            [ -n "$rust" ] || { rust=$(find_rust) && rust_library || exit 1; }
            build_rust "$source" "$new/$name" ;;
    esac && mv "$new/$name" "$target" || failed=1
    built=$((built + 1))
done
# A guest that is gone must not go on being tested.
for target in "$out"/*; do
    [ -n "${known[${target##*/}]:-}" ] || rm -f "$target"
done
[ "$failed" -eq 0 ] || { echo 'guests: some did not build' >&2; exit 1; }
printf 'guests: %d built, %d in %s\n' "$built" "${#known[@]}" "$out"
