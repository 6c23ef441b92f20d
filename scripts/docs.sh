#!/usr/bin/env bash
# Builds the reference of every module with the toolchain's DocC into .build/docs. Serve that folder to read it.
set -euo pipefail
cd "$(dirname "$0")/.."

swift package dump-symbol-graph --minimum-access-level package --skip-synthesized-members >/dev/null
graphs=$(swift build --show-bin-path)/../symbolgraph
input=.build/docs-input
rm -rf "$input" .build/docs
mkdir -p "$input"
for module in Sources/*/; do
    name=$(basename "$module")
    graph=$graphs/$name.symbols.json
    # C modules and executables have nothing to document here.
    case $name in C[LW]*|*-*|bulkhead) continue ;; esac
    [ -e "$graph" ] || { echo "docs: no symbol graph of $name" >&2; exit 1; }
    cp "$graph" "$input/"
done
docc convert docs/Bulkhead.docc --additional-symbol-graph-dir "$input" --output-dir .build/docs \
    --fallback-display-name Bulkhead --fallback-bundle-identifier bulkhead >.build/docs.log 2>&1 ||
    { tail -n 40 .build/docs.log >&2; exit 1; }
echo "docs: .build/docs"
