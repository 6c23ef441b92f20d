#!/usr/bin/env bash
# Checks the models of the runtime's protocols (Model/*.pml) with spin(1), and that the checker finds the faults planted in them.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
command -v spin >/dev/null || { echo "model.sh: spin is not installed (make setup)" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# explore MODEL [DEFINE…]: explores every state; prints pan's summary.
explore() {
    local model=$1
    shift
    (
        cd "$scratch"
        rm -f pan pan.* ./*.trail
        spin "${@/#/-D}" -a "$root/Model/$model.pml" >spin.log 2>&1 && [ -f pan.c ] || { cat spin.log >&2; exit 1; }
        # No warnings: the code is spin's, not ours.
        gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=3000 -o pan pan.c
        ./pan -m1000000 -w22
    )
}

# holds MODEL [DEFINE…]: no assertion fails in any state, and all states were seen.
holds() {
    local summary
    summary=$(explore "$@") || { echo "model.sh: $*: spin failed" >&2; failures=$((failures + 1)); return; }
    if grep -q "errors: 0" <<<"$summary" && ! grep -Eq "max search depth too small|out of memory|reached.*limit" <<<"$summary"; then
        echo "model.sh: $*: $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' <<<"$summary") states, no error"
    else
        echo "model.sh: $*: the model does not hold" >&2
        grep -E "violated|errors:|error:" <<<"$summary" >&2 || true
        failures=$((failures + 1))
    fi
}

# finds MODEL FAULT [DEFINE…]: the planted fault is found.
finds() {
    local summary
    summary=$(explore "$@") || { echo "model.sh: $*: spin failed" >&2; failures=$((failures + 1)); return; }
    if grep -q "errors: 1" <<<"$summary"; then
        echo "model.sh: $1: $2 is found"
    else
        echo "model.sh: $1: the planted fault $2 is not found" >&2
        failures=$((failures + 1))
    fi
}

for scenario in 1 2 3 4 5; do holds process SCENARIO=$scenario; done
finds process PARK_WITHOUT_LOOKING SCENARIO=3
finds process FORGETFUL_WAKE SCENARIO=3
finds process TWICE_QUEUED SCENARIO=1
finds process ANY_GENERATION SCENARIO=2
finds process LOST_ANSWER SCENARIO=2
finds process EARLY_EXIT SCENARIO=2

for scenario in 1 2 3; do holds links SCENARIO=$scenario; done
finds links NO_NUMBER SCENARIO=1
finds links SILENT_GONE SCENARIO=2
finds links UNLINK_DELETES SCENARIO=1

for scenario in 1 2; do holds workers SCENARIO=$scenario; done
finds workers SLEEP_WITHOUT_LOOKING SCENARIO=1
finds workers NO_ADOPTION SCENARIO=1
finds workers WAKE_FIRST SCENARIO=1
finds workers TWO_POLLERS SCENARIO=1
finds workers NO_SECOND_LOOK SCENARIO=1

holds handing
finds handing SPARE_SLEEPS_FIRST
finds handing KEEPS_WORKER
finds handing QUEUES_BLOCKED
finds handing GOES_BY_STATE

if [ "$failures" -gt 0 ]; then
    echo "model.sh: $failures failures" >&2
    exit 1
fi
