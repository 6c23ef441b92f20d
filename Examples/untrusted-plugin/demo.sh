#!/usr/bin/env bash
# Shows what Bulkhead is: a plugin does its job, tries more than its policy grants, and every refusal can be traced to a line.
# BULKHEAD names the program; without it the release build is taken.
set -euo pipefail
cd "$(dirname "$0")"

root=$(cd ../.. && pwd)
bulkhead=${BULKHEAD:-$root/.build/release/bulkhead}
plugin=$root/.build/guests/word-count.wasm
[ -x "$bulkhead" ] || { echo "demo: no $bulkhead: run make release" >&2; exit 1; }
"$root/scripts/build-guests.sh" >/dev/null

# The demo has an audit log and a module cache of its own.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export BULKHEAD_STATE_DIR=$scratch/state BULKHEAD_CACHE_DIR=$scratch/cache

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
show() {
    printf '%s$ %s%s\n' "$dim" "$1" "$plain"
    shift
    "$@"
}

say 'A policy says what a plugin may touch. What it does not say is denied.'
show 'cat policy.toml' cat policy.toml

say 'The plugin counts words. Its source, word-count.c, also reads /etc/passwd, overwrites its input and phones home.'
before=$(sha256sum <data/text.txt)
status=0
show 'bulkhead run --policy policy.toml word-count.wasm -- /data/text.txt' \
    "$bulkhead" run --policy policy.toml "$plugin" -- /data/text.txt >"$scratch/out" 2>&1 || status=$?
cat "$scratch/out"
[ "$status" -eq 0 ] || { echo "demo: the plugin ended with $status" >&2; exit 1; }

say 'The supervisor wrote down each refusal, and the line of the policy that made it.'
show 'bulkhead audit' "$bulkhead" audit

say 'The log is a keyed hash chain. Nothing in it was changed.'
show 'bulkhead audit verify' "$bulkhead" audit verify

say 'Remove one denial, and that shows.'
log=$scratch/state/audit/audit.jsonl
cp "$log" "$scratch/log.kept"
sed -i '0,/"kind":"denied"/{/"kind":"denied"/d}' "$log"
if show 'bulkhead audit verify' "$bulkhead" audit verify; then
    echo 'demo: the change went unnoticed' >&2
    exit 1
fi
cp "$scratch/log.kept" "$log"

say 'What the policy becomes: who enforces what (the first lines of bulkhead policy explain).'
"$bulkhead" policy explain policy.toml >"$scratch/explained"
show 'bulkhead policy explain policy.toml' sed -n '1,24p' "$scratch/explained"

# The demo is a test, too: the job was done, and nothing else.
grep -q '3 lines, 29 words' "$scratch/out" || { echo 'demo: the plugin did not do its job' >&2; exit 1; }
if grep -qE 'READ|OVERWROTE|CONNECTED' "$scratch/out"; then
    echo 'demo: the plugin got out' >&2
    exit 1
fi
[ "$(sha256sum <data/text.txt)" = "$before" ] || { echo 'demo: the text was changed' >&2; exit 1; }
say 'The plugin did its job, and nothing else.'
