#!/usr/bin/env bash
# Installs what the build needs, once: Debian packages (as root or by sudo) and libwasmtime into .deps/, by hash.
# A second run finds everything in place and needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly wasmtime_version=50.0.1
readonly packages=(libseccomp-dev libcap-dev wasi-libc libclang-rt-19-dev-wasm32)

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

need swift "install a Swift 6.3 toolchain and put its usr/bin on PATH"
need python3 "apt-get install python3 python3-pip"
need git "apt-get install git"

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    printf 'setup: installing %s\n' "${missing[*]}"
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "these packages are missing and there is no sudo: ${missing[*]}"
        as_root=(sudo)
    fi
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -q >/dev/null || fail "apt-get update failed; packages still missing: ${missing[*]}"
    "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get install failed: ${missing[*]}"
fi

mkdir -p .deps/wasmtime/lib
stamp=.deps/wasmtime/version
source_of_library=wheel
prefix=${WASMTIME_PREFIX:-}
if [ -z "$prefix" ] && command -v pkg-config >/dev/null && pkg-config --exists "wasmtime = $wasmtime_version"; then
    prefix=$(pkg-config --variable=prefix wasmtime)
fi
if [ -n "$prefix" ]; then
    [ -e "$prefix/lib/libwasmtime.so" ] || fail "no lib/libwasmtime.so beneath $prefix"
    grep -q "\"$wasmtime_version\"" "$prefix/include/wasmtime.h" 2>/dev/null ||
        fail "$prefix does not hold libwasmtime $wasmtime_version (include/wasmtime.h says otherwise)"
    source_of_library=$prefix
fi
wanted="$wasmtime_version $source_of_library"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || [ ! -e .deps/wasmtime/lib/libwasmtime.so ]; then
    if [ "$source_of_library" = wheel ]; then
        python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: apt-get install python3-pip"
        work=$(mktemp -d .deps/download.XXXXXX)
        trap 'rm -rf "$work"' EXIT
        printf 'setup: fetching libwasmtime %s\n' "$wasmtime_version"
        python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
            -r scripts/requirements-wasmtime.txt -d "$work" ||
            fail "the wasmtime $wasmtime_version wheel could not be fetched from PyPI, or its SHA-256 is not the pinned one"
        python3 scripts/unpack-wheel.py "$work" .deps/wasmtime
    else
        ln -sf "$prefix/lib/libwasmtime.so" .deps/wasmtime/lib/libwasmtime.so
    fi
    printf '%s\n' "$wanted" >"$stamp"
fi
printf 'setup: libwasmtime %s\n' "$wanted"
