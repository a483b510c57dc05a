"""What does the tool cost?  Prints one line a measurement; fails when a limit is not kept.

CPU seconds are those of the kernel's accounting of a finished child, best of several runs: other work on the machine can only
add to them.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALIGN = os.environ["ALIGN_BIN"]
failures = []


def cost(command, cwd, runs):
    """The least (CPU seconds, wall seconds) of some runs of a command, and its last output."""
    cpu, wall, out = float("inf"), float("inf"), b""
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
        wall = min(wall, time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"{command} ended with {done.returncode}:\n{done.stderr.decode()}\n{done.stdout.decode()}")
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu, out = min(cpu, used), done.stdout
    return cpu, wall, out


def line(name, value, limit=None, peer="", at_least=False):
    """Prints a measurement; `value` and `limit` are (number, unit) and a number of the same unit."""
    number, unit = value
    kept = limit is None or (number >= limit if at_least else number <= limit)
    if not kept:
        failures.append(name)
    bound = "" if limit is None else f"limit {'>=' if at_least else '<='} {limit:g} {unit}"
    print(f"{name:<34} {number:>9.3f} {unit:<6} {bound:<18} {'' if kept else 'MISSED':<7} {peer}", flush=True)


def stages(count):
    """A program with so many stages in one chain, each with a rule, an evaluation and failure arms."""
    out = [
        "align 1",
        'dataset rollouts { source = collect("maze2d-umaze-v1", by: waypoint, episodes: 200), horizon = 32 steps }',
        "model planner { net = temporal_unet(width: 16), sampler = ddim(train: 20 denoise_steps, act: 10 denoise_steps) }",
    ]
    for i in range(count):
        start = f" from s{i - 1}.best" if i else ""
        out.append(
            f"stage s{i} trains planner on rollouts{start} {{\n"
            f"    loss   = denoise()\n"
            f"    optim  = adamw(lr: {1 + i % 9}e-4, schedule: cosine(to: budget))\n"
            f"    budget = {10 + i % 7}k steps\n"
            f"    eval every 1k steps {{ episodes = 20 }}\n"
            f"    until plateau(score, improve: 1 points, patience: 3 evals)\n"
            f"    on failure {{ nan => rollback(to: best, scale: {{ optim.lr: 0.5 }}, times: 3), else => fail(lane) }}\n"
            f"}}"
        )
    return "\n".join(out) + "\n"


def bench_start(folder):
    peer, _, _ = cost(["git", "--version"], folder, 10)
    cpu, wall, _ = cost([ALIGN, "--version"], folder, 20)
    line("align --version, wall", (wall * 1e3, "ms"), 10, f"git --version: {peer * 1e3:.1f} ms of CPU, align {cpu * 1e3:.1f}")


def bench_check(folder):
    (folder / "large.align").write_text(stages(1000))
    peer = ""
    if shutil.which("ninja"):
        edges = "".join(f"build s{i}: run {f's{i - 1}' if i else ''}\n" for i in range(1000))
        (folder / "build.ninja").write_text("rule run\n  command = touch $out\n" + edges)
        cpu, _, _ = cost(["ninja", "-n", "s999"], folder, 5)
        peer = f"ninja -n of 1,000 edges: {cpu:.3f} s"
    cpu, _, _ = cost([ALIGN, "check", "large.align"], folder, 7)
    line("align check, 1,000 stages, CPU", (cpu, "s"), 0.1, peer)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_start(folder)
        bench_check(folder)
    if failures:
        sys.exit(f"missed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
