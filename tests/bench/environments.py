"""How good and how fast are the built-in environments?  Prints one line a measurement; fails when a limit is not kept.

D4RL's reference scores over 10,000 episodes, steps a second of the maze, and steps per CPU-second of the robots beside gymnasium's, in turn in the
same run with the same MuJoCo.  ALIGN_TEST_PYTHON names a Python with mujoco and gymnasium.
"""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/env_speed"
PYTHON = os.environ.get("ALIGN_TEST_PYTHON")
failures = []

GYMNASIUM = """
import sys, time, warnings
warnings.filterwarnings("ignore")
import gymnasium as gym
import numpy as np
env = gym.make(sys.argv[1])
steps = int(sys.argv[2])
rng = np.random.default_rng(0)
env.reset(seed=0)
actions = rng.uniform(-1, 1, (steps, env.action_space.shape[0])).astype(np.float32)
started = time.process_time()
for action in actions:
    _, _, end, cut, _ = env.step(action)
    if end or cut:
        env.reset()
print(steps / (time.process_time() - started))
"""


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def verdict(name, text, kept):
    if not kept:
        failures.append(name)
    print(f"{name:<44} {text} {'' if kept else 'MISSED'}", flush=True)


def scores():
    """Published scores are means of 100 episodes: 2 standard errors are those of 100 and of ours together."""
    for line in run(BINARY, "scores", 10_000).splitlines()[1:]:
        name, who, rest = line.split(maxsplit=2)
        if name.startswith("maze2d") and "@" not in name:
            off = float(re.search(r"off by ([+-][\d.]+)", rest)[1])
            verdict(f"{name} {who}", rest, abs(off) <= 2)


def maze():
    for line in run(BINARY, "maze").splitlines():
        rate = float(re.search(r"([\d.]+) million", line)[1])
        verdict(line.split(":")[0] + " speed", f"{rate:.2f} million steps per CPU-second, limit >= 2", rate >= 2)


def robots(rounds=5, steps=20_000):
    if not PYTHON:
        print("robots beside gymnasium: left out, ALIGN_TEST_PYTHON names no Python with mujoco and gymnasium")
        return
    library = run(PYTHON, "-c", "import importlib.util as u; print(u.find_spec('mujoco').submodule_search_locations[0])").strip()
    for task, peer, limit in (("hopper-v4", "Hopper-v4", 1.3), ("halfcheetah-v4", "HalfCheetah-v4", None), ("walker2d-v4", "Walker2d-v4", None)):
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(float(run(BINARY, "robot", task, steps, ALIGN_MUJOCO=library)))
            theirs.append(float(run(PYTHON, "-c", GYMNASIUM, peer, steps)))
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        text = f"{statistics.median(ours):,.0f} steps per CPU-second, gymnasium {statistics.median(theirs):,.0f}: {ratio:.2f}x"
        verdict(f"{task} speed", text + (f", limit >= {limit}" if limit else ""), limit is None or ratio >= limit)


if __name__ == "__main__":
    scores()
    maze()
    robots()
    if failures:
        sys.exit(f"missed: {', '.join(failures)}")
