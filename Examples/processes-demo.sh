#!/usr/bin/env bash
# Shows processes: a ring of them, a child with fewer rights than its parent, and a crash in C that closes one connection.
# BULKHEAD names the program; without it the release build is taken.
set -euo pipefail
cd "$(dirname "$0")"

root=$(cd .. && pwd)
bulkhead=${BULKHEAD:-$root/.build/release/bulkhead}
guests=$root/.build/guests
[ -x "$bulkhead" ] || { echo "demo: no $bulkhead: run make release" >&2; exit 1; }
"$root/scripts/build-guests.sh" >/dev/null

scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
export BULKHEAD_STATE_DIR=$scratch/state BULKHEAD_CACHE_DIR=$scratch/cache

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
fail() { echo "demo: $1" >&2; exit 1; }
run() {
    printf '%s$ bulkhead run --policy %s/policy.toml %s%s\n' "$dim" "$1" "$2" "$plain"
    "$bulkhead" run --policy "$1/policy.toml" "$guests/$2" | tee "$scratch/out"
}

say 'A thousand processes in a ring, written in Swift. Each has memory of its own, and waits in a plain call to receive.'
sed -n '/static func handOn/,/^    }/p' ring/ring.swift
run ring ring-swift.wasm
grep -q '100000 hops' "$scratch/out" || fail 'the token did not come round'

say 'A process with a directory, and a child of its without.'
run spawn-without-fs spawn-without-fs-swift.wasm
grep -q 'child: not granted' "$scratch/out" || fail 'the child was granted what it is to do without'

say 'The audit log says why.'
printf '%s$ bulkhead audit --call path_open%s\n' "$dim" "$plain"
"$bulkhead" audit --call path_open | tee "$scratch/audit"
grep -q 'spawn.without.fs' "$scratch/audit" || fail 'the audit log does not say why'

say 'A server that names numbers, by C code that crashes on large ones. Two clients are connected; one makes it crash.'
# Where the port is taken another is.
for port in 1338 21338 22338 23338; do
    sed "s/:1338/:$port/" crashing-c/policy.toml >"$scratch/policy.toml"
    "$bulkhead" run --policy "$scratch/policy.toml" "$guests/crashing-c-c.wasm" >"$scratch/server" 2>"$scratch/errors" &
    server=$!
    while kill -0 "$server" 2>/dev/null && ! grep -q naming "$scratch/server"; do sleep 0.05; done
    ! kill -0 "$server" 2>/dev/null || break
done
kill -0 "$server" 2>/dev/null || { cat "$scratch/errors" >&2; fail 'the server did not start'; }
cat "$scratch/server"
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port"
ask() {
    local answer='(the connection is closed)'
    printf '%s\n' "$2" >&"$1"
    IFS= read -r answer <&"$1" || answer='(the connection is closed)'
    printf '%s: %s -> %s\n' "$3" "$2" "$answer" | tee -a "$scratch/answers"
}
ask 3 3 'first client'
ask 4 1000000000 'second client'
ask 3 8 'first client'
[ "$(cut -d'>' -f2 "$scratch/answers" | tr -d '\n')" = ' three (the connection is closed) eight' ] ||
    fail 'the crash did not stay in its connection'
say 'One connection is gone. Nothing else noticed.'
