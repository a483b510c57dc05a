"""What does the tool cost?  Prints one line a measurement; fails when a limit is not kept.

CPU seconds are those of the kernel's accounting of a finished child, best of several runs: other work on the machine can only
add to them.
"""

import json
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
    cpu, _, _ = cost([ALIGN, "check", "large.align"], folder, 20)
    line("align check, 1,000 stages, CPU", (cpu, "s"), 0.1, peer)


def bench_nothing_to_do(folder):
    """A run whose every result is in the store; the tiny program of the whole runs."""
    shutil.copy(ROOT / "tests/e2e/tiny.align", folder)
    cost([ALIGN, "run", "tiny.align"], folder, 1)
    cpu, wall, _ = cost([ALIGN, "run", "tiny.align"], folder, 5)
    line("align run, all in the store, wall", (wall, "s"), 1, f"{cpu:.3f} s of CPU")


def bench_overhead(folder, program, limit):
    """CPU time of a run outside the library's training, evaluating and data work, as a share of all of it."""
    shutil.copy(ROOT / program, folder)
    meter = folder / "meter.jsonl"
    os.environ["ALIGN_METER"] = str(meter)
    total, wall, _ = cost([ALIGN, "run", Path(program).name, "--store", "overhead"], folder, 1)
    del os.environ["ALIGN_METER"]
    workers = [json.loads(text) for text in meter.read_text().splitlines()]
    spent = {key: sum(worker[key] for worker in workers) for key in ("step", "evaluate", "make", "open", "save", "total")}
    rest = total - spent["step"] - spent["evaluate"] - spent["make"]
    share = ", ".join(
        f"{name} {100 * seconds / total:.1f}%"
        for name, seconds in (
            ("steps", spent["step"]),
            ("evaluations", spent["evaluate"]),
            ("data and cascades", spent["make"]),
            ("opening", spent["open"]),
            ("saving", spent["save"]),
            ("driver", total - spent["total"]),
        )
    )
    line(f"runtime overhead, {Path(program).stem}", (100 * rest / total, "%"), limit, f"of {total:.0f} s CPU, {wall:.0f} s wall: {share}")


def bench_training():
    """The embedded U-Net against PyTorch eager, one thread each, in turn."""
    python = os.environ.get("ALIGN_TORCH_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode:
        print("left out: training against PyTorch (pip install torch==2.9.0 numpy safetensors, or name its Python in ALIGN_TORCH_PYTHON)")
        return
    ours = ["cargo", "run", "--release", "--quiet", "-p", "align-stdlib", "--features", "exec", "--example", "train_speed"]
    theirs = [python, "tests/bench/pytorch/unet.py"]
    os.environ["RAYON_NUM_THREADS"] = "1"
    ratios = []
    for _ in range(3):
        rates = []
        for command in (ours, theirs):
            out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
            rates.append(float(out.split()[-1]))
        ratios.append((rates[0] / rates[1], rates))
    ratio, rates = sorted(ratios)[1]
    line("U-Net training over PyTorch", (ratio, "x"), 0.85, f"{rates[0]:.2f} and {rates[1]:.2f} steps/s", at_least=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_start(folder)
        bench_check(folder)
        bench_nothing_to_do(folder)
        if "--train" in sys.argv:
            bench_overhead(folder, "examples/quickstart.align", 3)
            bench_training()
        else:
            bench_overhead(folder, "tests/e2e/tiny.align", None)
    if failures:
        sys.exit(f"missed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
