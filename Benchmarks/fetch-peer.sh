#!/usr/bin/env bash
# Fetches wasmtime's command line by pinned hash into .deps/peers. A second run needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."

target=.deps/peers
wanted=$(sha256sum <Benchmarks/requirements.txt)
[ "$(cat "$target/stamp" 2>/dev/null || true)" != "$wanted" ] || exit 0
mkdir -p "$target"
work=$(mktemp -d .deps/peers.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r Benchmarks/requirements.txt -d "$work"
python3 - "$work" "$target" <<'PYTHON'
import pathlib
import sys
import zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("*.whl")
place = pathlib.Path(sys.argv[2]) / "wasmtime"
with zipfile.ZipFile(wheel) as archive:
    place.write_bytes(archive.read("wasmtime_cli/wasmtime"))
place.chmod(0o755)
PYTHON
printf '%s' "$wanted" >"$target/stamp"
