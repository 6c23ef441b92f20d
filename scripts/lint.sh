#!/usr/bin/env bash
# Formatting of the Swift sources (strict), syntax of shell and Python. Reports all of it before it fails.
set -uo pipefail
cd "$(dirname "$0")/.."

status=0
swift format lint --strict --parallel --recursive Sources SDK/swift Tests Examples Package.swift Benchmarks/Package.swift Benchmarks/Sources || status=1
while IFS= read -r script; do
    case $(head -n 1 "$script") in
        *bash*) bash -n "$script" || status=1 ;;
        *python3*) python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$script" || status=1 ;;
    esac
done < <(git ls-files --cached --others --exclude-standard -- .ci scripts Tests Examples Benchmarks | grep -E '(\.sh|\.py|^\.ci/run)$')
[ "$status" -eq 0 ] && echo 'lint: clean'
exit "$status"
