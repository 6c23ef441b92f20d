#!/usr/bin/env bash
# Runs programs that nobody here wrote under capability files: each does its job, and each is denied something it wants.
# BULKHEAD names the program; without it the release build is taken, then the debug build.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

Tests/programs/fetch.sh || exit 1
bulkhead=${BULKHEAD:-}
for candidate in "$root/.build/release/bulkhead" "$root/.build/debug/bulkhead"; do
    [ -n "$bulkhead" ] || [ ! -x "$candidate" ] || bulkhead=$candidate
done
[ -n "$bulkhead" ] || { echo 'programs: no bulkhead here: run make build' >&2; exit 2; }

programs=$root/.deps/programs
# The picture's pixels as native renderers give them; the native one of this machine is asked too, where there is one.
drawing_pixels='160 120 4 752b3a0d86b8811cd84b499dd7f51e8e21fbaeccfd4bef7479034ad9edfd5406'

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r Tests/programs/policies/. "$scratch"
cp -r Tests/programs/inputs "$scratch/work"
# A log of its own for each run; compiled modules, and the key that vouches for them, are kept between runs.
export BULKHEAD_STATE_DIR=$root/.build/test-programs/state BULKHEAD_CACHE_DIR=$root/.build/test-programs/cache
passed=0
failed=0

report() {
    local name=$1 problem=$2
    if [ -z "$problem" ]; then
        printf 'ok    %s\n' "$name"
        passed=$((passed + 1))
    else
        printf 'FAIL  %s: %s\n' "$name" "$problem"
        sed 's/^/      stdout: /' "$scratch/out" | head -n 20
        sed 's/^/      stderr: /' "$scratch/err" | head -n 20
        failed=$((failed + 1))
    fi
}

# run POLICY ARGUMENTS…: leaves $status, out and err behind, and an audit log of this run alone.
run() {
    local policy=$1
    shift
    rm -rf "$BULKHEAD_STATE_DIR/audit"
    timeout 120 "$bulkhead" run --policy "$scratch/$policy.toml" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
}

# Prints what is wrong with the last run, nothing if it ended with this status and its output has all these lines.
ended() {
    local wanted=$1 line
    shift
    [ "$status" -eq "$wanted" ] || { printf 'exit %d, not %d' "$status" "$wanted"; return; }
    for line in "$@"; do
        grep -qF -- "$line" "$scratch/out" || { printf 'no "%s" in its output' "$line"; return; }
    done
}

# Prints what is wrong with the audit log of the last run, nothing if it has a denial of this call by this key.
audited() {
    local call=$1 key=$2
    "$bulkhead" audit --json >"$scratch/audit" 2>&1 || { printf 'bulkhead audit failed: %s' "$(head -n 1 "$scratch/audit")"; return; }
    python3 - "$scratch/audit" "$call" "$key" <<'PYTHON'
import json
import sys

path, call, key = sys.argv[1:]
denials = [event for event in map(json.loads, open(path)) if event["kind"] == "denied"]
if not any(event["call"].endswith(call) and event["key"] == key for event in denials):
    print(f"no denial of {call} by {key} among the {len(denials)} in the log", end="")
PYTHON
}

both() { printf '%s' "${1:-$2}"; }

run solver "$programs/boolector.wasm" -- --smt2 /work/factors.smt2
report 'boolector solves' "$(ended 10 'sat' 'smaller #b0000000001000011' 'larger #b0000000010001011')"
run solver-without-fs "$programs/boolector.wasm" -- --smt2 /work/factors.smt2
report 'boolector without its file' "$(both "$(ended 1)" "$(audited path_filestat_get fs)")"
run solver "$programs/boolector.wasm" -- --smt2 -o /work/made-by-guest /work/factors.smt2
report 'boolector may not write' "$(both "$(both "$(ended 1)" \
    "$([ ! -e "$scratch/work/made-by-guest" ] || printf 'it wrote')")" "$(audited path_open 'fs["/work"].access')")"

rm -f "$scratch/work/drawing.png"
run renderer "$programs/resvg.wasm" -- /work/drawing.svg /work/drawing.png
report 'resvg renders' "$(ended 0)"
pixels=$(python3 Tests/programs/png_pixels.py "$scratch/work/drawing.png" 2>&1)
reference=$drawing_pixels
if [ -x "$programs/resvg" ] && "$programs/resvg" "$scratch/work/drawing.svg" "$scratch/native.png" 2>"$scratch/err"; then
    reference=$(python3 Tests/programs/png_pixels.py "$scratch/native.png")
fi
report 'resvg equals the native renderer' "$([ "$pixels" = "$reference" ] || printf '%s, not %s' "$pixels" "$reference")"
report 'resvg equals the known picture' "$([ "$pixels" = "$drawing_pixels" ] || printf '%s, not %s' "$pixels" "$drawing_pixels")"
rm -f "$scratch/work/drawing.png"
run renderer-read-only "$programs/resvg.wasm" -- /work/drawing.svg /work/drawing.png
report 'resvg may not write' "$(both "$(both "$([ "$status" -ne 0 ] || printf 'it ended well')" \
    "$([ ! -e "$scratch/work/drawing.png" ] || printf 'it wrote')")" "$(audited path_open 'fs["/work"].access')")"

run script "$programs/quickjs.wasm" -- --std /work/script.js
report 'QuickJS runs a script' "$(ended 0 'squares 1 4 9 16' 'note granted' 'passwd denied' 'write denied')"
report 'QuickJS may not write' "$(both "$([ ! -e "$scratch/work/made-by-guest" ] || printf 'it wrote')" \
    "$(audited path_open 'fs["/work"].access')")"

run script "$programs/python.wasm" -- /work/script.py
report 'CPython runs a script' "$(ended 0 'sum 5050' 'note granted' 'passwd denied' 'random 8' '{"environment": ["LANG"]}')"
run script-without-random "$programs/python.wasm" -- /work/script.py
report 'CPython without random numbers' \
    "$(both "$([ "$status" -ne 0 ] || printf 'it ended well')" "$(audited random_get random)")"

run script "$programs/micropython-wasi.wasm" -- -c 'print(1)'
report 'MicroPython is told what it lacks' "$(both "$(ended 78)" \
    "$(grep -q host_result_cap "$scratch/err" && grep -q host_call "$scratch/err" || printf 'its imports are not named')")"

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
