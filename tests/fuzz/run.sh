#!/usr/bin/env bash
# Broken programs for some seconds (600 unless told), one thread; ends with the number of inputs and of findings.
#
#   bash tests/fuzz/run.sh 600
#
# A finding is an input on which the compiler panics, overflows its stack (2 MiB) or takes more than 20 CPU seconds; it is kept below
# target/fuzz.  After a finding the search goes on with the next seed.  ALIGN_FUZZ_SEED is the first seed, 1 unless set.
set -uo pipefail
cd "$(dirname "$0")/../.."

seconds="${1:-600}"
seed="${ALIGN_FUZZ_SEED:-1}"
target="${CARGO_TARGET_DIR:-$PWD/target}"
kept="$target/fuzz"
mkdir -p "$kept"
export ALIGN_FUZZ_INPUT="$kept/input.align"

cargo test --locked -p align-tests --test fuzz --no-run || exit 2

inputs=0
findings=0
end=$((SECONDS + seconds))
while [ "$SECONDS" -lt "$end" ]; do
    log="$kept/log"
    ALIGN_FUZZ_SECONDS=$((end - SECONDS)) ALIGN_FUZZ_SEED="$seed" cargo test --locked --quiet -p align-tests --test fuzz >"$log" 2>&1
    status=$?
    done="$(sed -n 's/^fuzz: seed [0-9]*, \([0-9]*\) inputs.*/\1/p' "$log")"
    inputs=$((inputs + ${done:-0}))
    if [ "$status" -ne 0 ]; then
        findings=$((findings + 1))
        cp "$ALIGN_FUZZ_INPUT" "$kept/finding-$seed.align"
        printf 'finding: %s\n' "$kept/finding-$seed.align"
        tail -n 40 "$log" | cut -c1-300
    fi
    seed=$((seed + 1))
done
printf '%d inputs, %d findings\n' "$inputs" "$findings"
[ "$findings" -eq 0 ]
