#!/usr/bin/env bash
# Prints what the tool costs, each number beside its limit or beside a peer measured in the same run.  README.md says how.
#
#   bash tests/bench/run.sh             what takes seconds: start, check, a run that has nothing to do
#   bash tests/bench/run.sh --train     also the overhead of a quickstart (minutes); speed.py is training beside PyTorch
set -euo pipefail
cd "$(dirname "$0")/../.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
export ALIGN_BIN="${ALIGN_BIN:-$CARGO_TARGET_DIR/release/align}"
if [ ! -x "$ALIGN_BIN" ]; then
    cargo build --release --locked -p align
fi
exec python3 tests/bench/bench.py "$@"
