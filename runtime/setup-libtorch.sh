#!/usr/bin/env bash
# Gets libtorch from the Python package index, checks it, and prints the line that builds `align` with it.
#
#   runtime/setup-libtorch.sh [--cuda] [--to FOLDER]
#
# --cuda   all of it (4 GB to download, 7 GB on disk); by default the parts for the processor alone (900 MB, 0.5 GB)
# --to     where it goes: by default `libtorch` in the target folder; a folder that holds it already is checked and used again
set -euo pipefail

# burn-tch 0.22 is made for this one.
version=2.9.0
cudart=12.8.90
cupti=12.8.90

cd "$(dirname "$0")/.."
kind=cpu
to=${CARGO_TARGET_DIR:-target}/libtorch
while [ $# -gt 0 ]; do
    case "$1" in
    --cuda) kind=cuda ;;
    --to)
        to=${2:?--to wants a folder}
        shift
        ;;
    *)
        echo "setup-libtorch: found \`$1\`, wanted --cuda or --to FOLDER" >&2
        exit 2
        ;;
    esac
    shift
done

fail() {
    echo "setup-libtorch: $1" >&2
    exit 1
}

command -v python3 >/dev/null || fail "wants Python 3, for its package index"
command -v c++ >/dev/null || fail "wants a C++ compiler (\`c++\`), which the bindings are built with"

mkdir -p "$to"
to=$(cd "$to" && pwd)
mark=$to/kind

if [ "$(cat "$mark" 2>/dev/null)" != "$kind $version" ]; then
    work=$to/download.$$
    mkdir "$work"
    trap 'rm -rf "$work"' EXIT
    python3 -m venv "$work/venv" || fail "Python cannot make an environment (\`python3 -m venv\`; Debian: python3-venv)"
    get=("$work/venv/bin/pip" download --quiet --disable-pip-version-check --only-binary :all: --dest "$work")
    echo "libtorch $version for $kind: downloading to $to"
    if [ "$kind" = cuda ]; then
        "${get[@]}" "torch==$version"
    else
        "${get[@]}" --no-deps "torch==$version" "nvidia-cuda-runtime-cu12==$cudart" "nvidia-cuda-cupti-cu12==$cupti"
    fi
    rm -rf "$to/torch" "$to/nvidia"
    # The processor's libtorch asks for two small libraries of NVIDIA's, beside it, and never calls them.
    python3 - "$kind" "$work" "$to" <<'PYTHON'
import pathlib, sys, zipfile

kind, work, to = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
CPU = ("torch/include/", "torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp")
for wheel in sorted(work.glob("*.whl")):
    name = wheel.name
    with zipfile.ZipFile(wheel) as packed:
        for entry in packed.namelist():
            if name.startswith("torch-"):
                wanted = entry.startswith(CPU if kind == "cpu" else ("torch/include/", "torch/lib/"))
            else:
                wanted = name.startswith("nvidia_") and ".so" in entry
            if wanted:
                packed.extract(entry, to)
PYTHON
    if [ "$kind" = cpu ]; then
        # The wheel's own stub asks for the CUDA part, which is left out.
        cc -shared -fPIC -o "$to/torch/lib/libtorch.so" -Wl,-soname,libtorch.so -x c /dev/null
    fi
    echo "$kind $version" >"$mark"
fi

for file in include/torch/csrc/api/include/torch/torch.h lib/libtorch.so lib/libtorch_cpu.so lib/libc10.so; do
    [ -e "$to/torch/$file" ] || fail "$to/torch/$file is missing: remove $to and run this again"
done
lacking=$(ldd "$to/torch/lib/libtorch_cpu.so" | grep "not found" || true)
[ -z "$lacking" ] || fail "libtorch cannot be loaded: $lacking"

echo "libtorch $version for $kind is in $to.  This builds \`align\` with it:"
echo
echo "  LIBTORCH=$to/torch cargo build --release --features libtorch --target-dir $to/build"
echo
echo "and $to/build/release/align runs with nothing set: \`align devices\` says what it has."
