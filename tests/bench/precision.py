"""Does `precision = bf16` learn as `f32` does, and is it faster?  Trains the first stage of `speed.align` in both, in turn.

    python3 tests/bench/precision.py                                # on libtorch's processor
    python3 tests/bench/precision.py --device libtorch:cuda:0       # on a card

It prints the validation losses of both side by side and steps a second.  Random streams are derived from a stage's key, which holds its precision: the
two differ as two seeds do, which is what a third run, in f32 with another rate by a millionth, is for.  (The suite `training` compares them on one stream.)  ALIGN_LIBTORCH_TARGET names the folder of a build with libtorch; the Python
that runs it needs `pip install numpy h5py`.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from speed import HERE, Align, run, write_data

STEPS, EVERY = 600, 100


def train(tool, precision, rate="2e-4"):
    """The validation losses of a run, and its steps a second."""
    text = (HERE / "speed.align").read_text().replace("budget = 150 steps\n    eval every 75", f"budget = {STEPS} steps\n    eval every {EVERY}", 1)
    (tool.folder / "precision.align").write_text(text.replace("    loss   = denoise()\n    optim  = adamw(lr: 2e-4)", f"    precision = {precision}\n    loss   = denoise()\n    optim  = adamw(lr: {rate})", 1))
    store = Path(tempfile.mkdtemp(dir=tool.folder))
    command = lambda word, *more: run([tool.binary, word, "precision.align", "--store", store, *more], cwd=tool.folder, env=tool.environment(1))
    command("run", "--until", "plans")
    start = time.perf_counter()
    command("run", "--until", "unet")
    seconds = time.perf_counter() - start
    nodes = json.loads(command("status", "--json"))["nodes"]
    shutil.rmtree(store)
    curve = next(n for n in nodes if n["id"].endswith("unet"))["history"]["valid.loss"]
    return curve, STEPS / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="libtorch")
    device = parser.parse_args().device
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder / "walk.hdf5")
        tool = Align("libtorch", Path(os.environ["ALIGN_LIBTORCH_TARGET"]), device, folder)
        (single, fast), (half, faster) = train(tool, "f32"), train(tool, "bf16")
        again, _ = train(tool, "f32", "2.000002e-4")
    apart = lambda a, b: f"{100 * (b / a - 1):+.2f}%"
    print("| step | f32 | bf16 | apart | f32 of another stream | apart |\n| --- | --- | --- | --- | --- | --- |")
    for (step, a), (_, b), (_, c) in zip(single, half, again):
        print(f"| {step} | {a:.5f} | {b:.5f} | {apart(a, b)} | {c:.5f} | {apart(a, c)} |")
    print(f"steps/s on {device}, one thread: {fast:.4g} in f32, {faster:.4g} in bf16")


if __name__ == "__main__":
    main()
