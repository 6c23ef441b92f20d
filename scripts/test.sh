#!/usr/bin/env bash
# Builds the tests and runs all of them: Swift Testing's, then the programs nobody here wrote. Closes with a summary.
# Any arguments go to `swift test` (for example --filter Name) and leave the programs out.
set -uo pipefail
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc)}
log=.build/test.log
mkdir -p .build

begin=$SECONDS
swift build --build-tests -j "$jobs" || { echo 'test: the build failed' >&2; exit 1; }
built=$SECONDS

# Every start of a test, and every argument of a parameterised one (some are whole files), stays in the log alone.
swift test --skip-build --disable-xctest "$@" 2>&1 | tee "$log" |
    awk '/^(◇|✔) Test case passing/ || /^◇/ { skip = 1; next } /^(✔|✘|↳|±) / { skip = 0 } !skip { print; fflush() }'
suite=${PIPESTATUS[0]}
# Once more what may go to other threads: WASI's calls on files, all of them through the pool for blocking calls.
if [ "$#" -eq 0 ]; then
    BULKHEAD_WASI_POOL=1 swift test --skip-build --disable-xctest --filter WASIPreview1Tests >.build/test-pool.log 2>&1 ||
        { echo 'test: WASI over the pool failed' >&2; grep -E '✘' .build/test-pool.log | head -n 20 >&2; suite=1; }
fi
suite_done=$SECONDS

programs='left out'
if [ "$#" -eq 0 ] && [ -x Tests/programs/run.sh ]; then
    if BULKHEAD=$PWD/.build/debug/bulkhead Tests/programs/run.sh; then programs=passed; else programs=FAILED; fi
fi

echo
echo '== summary'
printf '   build     %4ds\n' $((built - begin))
printf '   suites    %4ds  exit %d\n' $((suite_done - built)) "$suite"
printf '   programs  %4ds  %s\n' $((SECONDS - suite_done)) "$programs"
grep -E 'Test run with' "$log" | tail -n 1 | sed 's/^/   /'
[ "$suite" -eq 0 ] && [ "$programs" != FAILED ]
