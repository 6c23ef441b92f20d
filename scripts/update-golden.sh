#!/usr/bin/env bash
# Writes Tests/Golden anew from what the code says now; read the diff before you commit it.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p Tests/Golden
scripts/embed-policies.py
BULKHEAD_UPDATE_GOLDEN=1 swift test --filter 'GoldenTests|AppErrorTests'
git --no-pager diff --stat -- Tests/Golden docs
