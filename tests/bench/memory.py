"""How much memory does a dataset of D4RL's largest size take?  Prints one line a process; fails above the limit.

    python3 tests/bench/memory.py             # needs h5py and numpy, the built binary, and 1 GB of disk

4 M steps of 11 numbers of observation and 3 of action, packed with gzip by h5py, go through a run: the dataset, a critic, a planner, a filter, and a
planner on what the filter keeps.  The memory of each worker is the peak that the kernel accounts for it (VmHWM), as GNU time prints it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

ALIGN = os.environ.get("ALIGN_BIN", str(Path(__file__).resolve().parents[2] / "target/release/align"))
STEPS = int(float(sys.argv[1])) if len(sys.argv) > 1 else 4_000_000
LIMIT = 2048  # MiB

PROGRAM = """align 1

dataset rollouts {
    source  = file("data.hdf5", task: "hopper-medium-v2")
    horizon = 32 steps
}

model critic { net = twin_q(width: 32, depth: 2) }

stage value trains critic on rollouts { loss = iql(backup: 10), batch = 64, budget = 10 steps }

model planner { net = temporal_unet(width: 8, mults: [1, 2]), sampler = ddim(train: 20 denoise_steps, act: 10 denoise_steps) }

stage pretrain trains planner on rollouts { loss = denoise(), batch = 32, budget = 10 steps, eval every 10 steps { critic = value.best } }

dataset better from rollouts { keep = score >= percentile(50%) }

stage sft trains planner on better from pretrain.best { loss = denoise(), batch = 32, budget = 10 steps, eval every 10 steps { critic = value.best } }
"""


def write(path):
    """Random numbers, which pack badly: the file is as large as real ones are."""
    rng, piece = np.random.default_rng(0), 1 << 18
    with h5py.File(path, "w") as f:
        packed = {"compression": "gzip", "compression_opts": 1}
        for name, width in (("observations", 11), ("actions", 3)):
            rows = f.create_dataset(name, (STEPS, width), "f4", chunks=(16384, width), **packed)
            for first in range(0, STEPS, piece):
                last = min(STEPS, first + piece)
                rows[first:last] = rng.uniform(-1, 1, (last - first, width)).astype("f4")
        timeouts = np.zeros(STEPS, bool)
        timeouts[999::1000] = True
        f.create_dataset("rewards", data=np.ones(STEPS, "f4"), **packed)
        f.create_dataset("terminals", data=np.zeros(STEPS, bool), **packed)
        f.create_dataset("timeouts", data=timeouts, **packed)


with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    write(root / "data.hdf5")
    (root / "main.align").write_text(PROGRAM)
    log = root / "memory"
    wrapped = {**os.environ, "ALIGN_WORKER_WRAPPER": f"/usr/bin/time -a -o {log} -f %M_%e"}
    done = subprocess.run([ALIGN, "run", "main.align", "--jobs", "1"], cwd=root, env=wrapped, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    worst = 0
    for name, line in zip(("rollouts", "value", "pretrain", "better", "sft"), log.read_text().split()):
        kibibytes, seconds = line.split("_")
        worst = max(worst, int(kibibytes) // 1024)
        print(f"{name:10} {int(kibibytes) // 1024:6} MiB  {seconds:>6} s")
    size = (root / "data.hdf5").stat().st_size >> 20
    print(f"{STEPS} steps, {size} MiB on disk: at most {worst} MiB, limit {LIMIT}")
    sys.exit(worst > LIMIT)
