#!/usr/bin/env bash
# wasi-testsuite.sh PATH [PATTERN]: runs the preview-1 tests of a checkout of WebAssembly/wasi-testsuite (branch
# prod/testsuite-base, which holds them built) through `bulkhead run`, and prints a table. PATTERN picks tests by name.
# BULKHEAD names the program; without it the release build is taken, then the debug build.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ "$#" -lt 1 ] || [ ! -d "$1/tests" ]; then
    echo 'usage: wasi-testsuite.sh CHECKOUT [PATTERN], a checkout of WebAssembly/wasi-testsuite at prod/testsuite-base' >&2
    exit 2
fi

program=${BULKHEAD:-}
for candidate in "$root/.build/release/bulkhead" "$root/.build/debug/bulkhead"; do
    [ -n "$program" ] || [ ! -x "$candidate" ] || program=$candidate
done
[ -n "$program" ] || { echo 'wasi-testsuite: no bulkhead here: run make build' >&2; exit 2; }

exec python3 "$here/wasi_testsuite.py" --program "$program" --checkout "$1" --pattern "${2:-*}"
