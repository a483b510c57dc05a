#!/usr/bin/env bash
# Every gate of the repository, from an empty machine to one closing line, `N passed, N failed`.
#
#   bash tests/run.sh             everything (about 20 minutes on 2 cores from an empty cache, a few with a warm one)
#   bash tests/run.sh fmt tidy    only these sections
#
# All sections run whatever the others say.  One profile (release) serves the checks, the tests and the binary, so that the
# tensor library is built once.  CARGO_TARGET_DIR is used when it is set.
set -uo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
target="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_TARGET_DIR="$target"
export ALIGN_BIN="$target/release/align"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT

passed=0
failed=0
summary=()
left_out=()

# Adds what a log's `test result:` lines say to the counts; prints the two sums of this log.
count() {
    awk '/^test result: / {
        for (i = 1; i < NF; i++) {
            if ($(i + 1) ~ /^passed/) p += $i
            if ($(i + 1) ~ /^failed/) f += $i
        }
    } END { print p + 0, f + 0 }' "$1"
}

# section NAME COMMAND..: runs it, shows its output, times it.  A run of tests counts its tests, anything else counts as one.
section() {
    local name="$1"; shift
    if [ ${#only[@]} -gt 0 ] && [[ ! " ${only[*]} " == *" $name "* ]]; then return; fi
    local log="$logs/$name" started=$SECONDS status p f
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" 2>&1 </dev/null | tee "$log"
    status=${PIPESTATUS[0]}
    read -r p f < <(count "$log")
    if [ "$((p + f))" -eq 0 ]; then
        if [ "$status" -eq 0 ]; then p=1; else f=1; fi
    elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1 # A suite that died or did not compile, beside others that passed.
    fi
    passed=$((passed + p))
    failed=$((failed + f))
    summary+=("$(printf '%-12s %5d passed %5d failed %6d s' "$name" "$p" "$f" $((SECONDS - started)))")
}

# Adds a toolchain component that is missing; says so when that cannot be done.
component() {
    cargo "$1" --version >/dev/null 2>&1 && return 0
    rustup component add "$2" >/dev/null 2>&1 && return 0
    left_out+=("$2: not installed, and rustup could not add it")
    return 1
}

# Adds a program that is missing; says so when that cannot be done.
program() {
    command -v "$1" >/dev/null 2>&1 && return 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        { apt-get install -y "$1" || { apt-get update && apt-get install -y "$1"; }; } >/dev/null 2>&1 && return 0
    fi
    left_out+=("$2: no $1 here, and it could not be installed")
    return 1
}

# A Python of the tests' own, with the packages of `tests/requirements.txt`, beside what is built; ALIGN_TEST_PYTHON names another one.
packages() {
    [ -n "${ALIGN_TEST_PYTHON:-}" ] && return 0
    local home="$target/python" wanted="$PWD/tests/requirements.txt"
    if ! cmp -s "$wanted" "$home/requirements.txt"; then
        rm -rf "$home"
        program python3 "a Python for the tests" || return 1
        python3 -m venv "$home" >/dev/null 2>&1 || { program python3-venv "a Python for the tests"; python3 -m venv "$home" >/dev/null 2>&1; }
        if ! "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >"$logs/packages" 2>&1; then
            left_out+=("the packages of tests/requirements.txt: $(tail -n 1 "$logs/packages" 2>/dev/null)")
            return 1
        fi
        cp "$wanted" "$home/requirements.txt"
    fi
    export ALIGN_TEST_PYTHON="$home/bin/python"
}

only=("$@")

if [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" tests "* ]]; then
    program strace "crash points"
    packages
fi
component fmt rustfmt && section fmt cargo fmt --all --check
# The build comes before the lints: a build that fails is the shorter story.
section build cargo build --release --locked --workspace --bins --tests
component clippy clippy && section clippy cargo clippy --release --locked --workspace --all-targets --quiet -- -D warnings
section tests cargo test --release --locked --workspace --no-fail-fast
# What the suites could not do on this machine (the lack of strace itself is said already).
if command -v strace >/dev/null 2>&1 && [ -f "$logs/tests" ]; then
    while read -r line; do left_out+=("$line"); done < <(sed -n 's/^left out: //p' "$logs/tests")
fi
section editors bash tests/editors/run.sh
if [ -f "$logs/editors" ]; then
    while read -r line; do left_out+=("$line"); done < <(sed -n 's/^left out: //p' "$logs/editors")
fi
for example in examples/*.align; do
    section "check-$(basename "$example" .align)" "$ALIGN_BIN" check "$example"
done

if python3 -c 'import torch' >/dev/null 2>&1; then
    :
else
    left_out+=("fixtures against PyTorch made anew: no torch here (the stored fixtures are tested all the same)")
fi

printf '\n== summary, %d s\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
for line in ${left_out[@]+"${left_out[@]}"}; do
    printf 'left out: %s\n' "$line"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
