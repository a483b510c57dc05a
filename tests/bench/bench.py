"""What does the tool cost?  Prints one line a measurement; fails when a limit is not kept.

CPU seconds are those of the kernel's accounting of a finished child, best of several runs: other work on the machine can only
add to them.
"""

import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALIGN = os.environ["ALIGN_BIN"]
failures = []


def cost(command, cwd, runs, may_fail=False):
    """The least (CPU seconds, wall seconds) of some runs of a command, and its last output."""
    cpu, wall, out = float("inf"), float("inf"), b""
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
        wall = min(wall, time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0 and not may_fail:
            sys.exit(f"{command} ended with {done.returncode}:\n{done.stderr.decode()}\n{done.stdout.decode()}")
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu, out = min(cpu, used), done.stdout
    return cpu, wall, out


def peak(command, cwd):
    """The most memory that a command held, in MiB, as its own `wait4` says."""
    with open(os.devnull, "wb") as nothing:
        child = subprocess.Popen(command, cwd=cwd, stdout=nothing, stderr=nothing)
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return usage.ru_maxrss / 1024


def line(name, value, limit=None, peer="", at_least=False):
    """Prints a measurement; `value` and `limit` are (number, unit) and a number of the same unit."""
    number, unit = value
    kept = limit is None or (number >= limit if at_least else number <= limit)
    if not kept:
        failures.append(name)
    bound = "" if limit is None else f"limit {'>=' if at_least else '<='} {limit:g} {unit}"
    print(f"{name:<34} {number:>9.3f} {unit:<6} {bound:<18} {'' if kept else 'MISSED':<7} {peer}", flush=True)


MODEL = (
    "model planner { net = temporal_unet(width: 16), sampler = ddim(train: 20 denoise_steps, act: 10 denoise_steps) }"
)
ROLLOUTS = 'dataset rollouts { source = collect("maze2d-umaze-v1", by: waypoint, episodes: 200), horizon = 32 steps }'
# One lane: its stages, each with the one before it.
LANE = (("pretrain", None), ("sft", "pretrain"), ("dpo", "sft"), ("rl", "dpo"), ("last", "rl"))


def stages(count):
    """A program of so many stages, written out: lanes of five, six lines a stage, as the peers' programs below."""
    out = [
        "align 1",
        ROLLOUTS,
        "model critic { net = twin_q(width: 64, depth: 2) }",
        MODEL,
        "stage value trains critic on rollouts { loss = iql(), budget = 1k steps, until plateau(valid.loss, improve: 1%, patience: 3 evals) }",
        "dataset pairs from rollouts { prefer = by_value(value.best, margin: 5%), count = 1k pairs }",
    ]
    for i in range(count - 1):
        lane, (name, before) = i // 5, LANE[i % 5]
        # A lane goes on from the one before: a result that nothing uses would be a warning.
        start = f" from {before}_{lane}.best" if before else f" from last_{lane - 1}.best" if lane else ""
        loss = f"diffusion_dpo(beta: {100 + lane % 50}, reference: sft_{lane}.best)" if name == "dpo" else "denoise()"
        out.append(
            f"stage {name}_{lane} trains planner on {'pairs' if name == 'dpo' else 'rollouts'}"
            f"{start} {{\n"
            f"    loss   = {loss}\n"
            f"    batch  = {1 + i % 512}\n"
            f"    budget = {10 + i // 512}k steps\n"
            f"    until plateau(valid.loss, improve: 1%, patience: 3 evals)\n"
            f"}}"
        )
    return "\n".join(out) + "\n"


def sweep(lanes):
    """A pipeline of a dataset and four stages, and a sweep of so many lanes over it."""
    body = [f"    {ROLLOUTS}", f"    {MODEL}"]
    for i in range(4):
        start = f" from s{i - 1}.best" if i else ""
        body.append(
            f"    stage s{i} trains planner on rollouts{start} {{ loss = denoise(), optim = adamw(lr: lr), budget = {i + 1}k steps, "
            "until plateau(score, improve: 1 points, patience: 3 evals) }"
        )
    rates = ", ".join(f"{i}e-4" for i in range(1, 11))
    return "\n".join(
        ["align 1", "pipeline lane(seed: Seed, lr: float) {", *body, "}"]
        + [f"sweep study of lane {{ seed in 0..<{lanes // 10}, lr in [{rates}] }}", ""]
    )


def peers_files(folder, count):
    """The same lanes for the peers: one `echo` a stage."""
    folder.mkdir(exist_ok=True)
    pairs = [(f"{name}_{i // 5}", f"{before}_{i // 5}" if before else None) for i in range(count) for name, before in [LANE[i % 5]]]
    ninja = ["rule run", "  command = echo $out > $out"]
    ninja += [f"build {name}.txt: run {f'{before}.txt' if before else ''}" for name, before in pairs]
    (folder / "build.ninja").write_text("\n".join(ninja) + "\n")
    snake = ["rule all:", "    input: " + ", ".join(f'"{name}.txt"' for name, _ in pairs[4::5])]
    for name, before in pairs:
        needs = f'    input: "{before}.txt"\n' if before else ""
        snake.append(f'rule {name}:\n{needs}    output: "{name}.txt"\n    shell: "echo {name} > {{output}}"')
    (folder / "Snakefile").write_text("\n".join(snake) + "\n")
    dvc = ["stages:"]
    for name, before in pairs:
        deps = f"\n    deps: [{before}.txt]" if before else ""
        dvc.append(f"  {name}:\n    cmd: echo {name} > {name}.txt{deps}\n    outs: [{name}.txt]")
    (folder / "dvc.yaml").write_text("\n".join(dvc) + "\n")
    (folder / "lanes.py").write_text("".join(f'{name} = stage("{name}", {before})\n' for name, before in pairs).replace("stage(", "print(", 1))
    for git in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        if shutil.which(git[0]):
            subprocess.run(git, cwd=folder, capture_output=True, check=False)


def bench_start(folder):
    peer, _, _ = cost(["git", "--version"], folder, 10)
    cpu, wall, _ = cost([ALIGN, "--version"], folder, 20)
    line("align --version, wall", (wall * 1e3, "ms"), 10, f"git --version: {peer * 1e3:.1f} ms of CPU, align {cpu * 1e3:.1f}")


PEERS = (
    ("ninja -n", ["ninja", "-n"], 10),
    ("ruff check", ["ruff", "check", "--no-cache", "--select", "E9", "lanes.py"], 10),
    ("snakemake -n", ["snakemake", "-n", "--quiet", "--cores", "1"], 1),
    ("dvc dag", ["dvc", "dag", "--dot"], 1),
)


def bench_check(folder):
    """Checking beside the peers, at three sizes; the cost must grow as the number of stages does."""
    sizes = (1_000, 3_000, 10_000)
    spent = []
    peers_files(folder / "peers", sizes[0])
    beside, ninja = [], None
    for name, command, runs in PEERS:
        if not shutil.which(command[0]):
            beside.append(f"{name}: not found")
            continue
        used, _, _ = cost(command, folder / "peers", runs, may_fail=True)
        ninja = used if command[0] == "ninja" else ninja
        beside.append(f"{name} {used:.3f} s")
    for size, limit in zip(sizes, (0.06, None, 0.6)):
        (folder / f"large{size}.align").write_text(stages(size))
        command = [ALIGN, "check", f"large{size}.align"]
        used, _, _ = cost(command, folder, 20 if size < 5_000 else 8)
        spent.append(used)
        line(f"align check, {size:,} stages, CPU", (used, "s"), limit, "; ".join(beside) if size == sizes[0] else "")
    line("memory of 10,000 stages", (peak([ALIGN, "check", "large10000.align"], folder), "MiB"), 100)
    if ninja:
        # Sprocket's checker took 3.1 times ninja's dry run of the same 1,000 stages; twice that is the limit.
        line("align check over ninja -n", (spent[0] / ninja, "x"), 6.2, "Sprocket's checker, measured elsewhere: 3.1x")
    xs, ys = [math.log(n) for n in sizes], [math.log(t) for t in spent]
    mx, my = sum(xs) / 3, sum(ys) / 3
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    line("growth: CPU ~ stages to the power", (slope, ""), 1.15, f"{1e6 * spent[-1] / sizes[-1]:.0f} µs a stage")


def bench_plan(folder):
    (folder / "sweep.align").write_text(sweep(2_000))
    used, _, out = cost([ALIGN, "plan", "sweep.align", "--json"], folder, 10)
    nodes = len(json.loads(out)["nodes"])
    used, _, _ = cost([ALIGN, "plan", "sweep.align"], folder, 10)
    line(f"align plan, {nodes:,} nodes of a sweep", (used, "s"), 0.15)


def bench_nothing_to_do(folder):
    """A run whose every result is in the store; the tiny program of the whole runs."""
    shutil.copy(ROOT / "tests/e2e/tiny.align", folder)
    cost([ALIGN, "run", "tiny.align"], folder, 1)
    cpu, wall, _ = cost([ALIGN, "run", "tiny.align"], folder, 5)
    line("align run, all in the store, wall", (wall, "s"), 1, f"{cpu:.3f} s of CPU")


def many_nodes(count):
    """Datasets of one episode each, which is the least that a node can do."""
    head = ["align 1", "pipeline one(seed: Seed) {"]
    body = ['    dataset few { source = collect("maze2d-umaze-v1", by: waypoint, episodes: 2), horizon = 8 steps }', "}"]
    return "\n".join([*head, *body, f"sweep all of one {{ seed in 0..<{count} }}", ""])


def bench_many_nodes(folder):
    """A run of 1,000 nodes whose every result is in the store."""
    (folder / "many.align").write_text(many_nodes(1_000))
    command = [ALIGN, "run", "many.align", "--store", "many"]
    cost(command, folder, 1)
    cpu, wall, _ = cost(command, folder, 5)
    line("align run, 1,000 nodes in the store", (cpu, "s"), 0.05, f"{wall:.3f} s wall")


WATCHED = """align 1
dataset rollouts {{ source = collect("maze2d-umaze-v1", by: waypoint, episodes: 4), horizon = 8 steps, stride = 8 steps }}
model planner {{ net = temporal_unet(width: 8, mults: [1, 2]), sampler = ddim(train: 8 denoise_steps, act: 4 denoise_steps) }}
stage base trains planner on rollouts {{
    loss = denoise(), batch = {batch}, budget = 1M steps
    eval every 100k steps {{ episodes = 1 }}
    until reaches(score, 1000 points)
}}
"""


def bench_watch(folder):
    """From a save to the first changed stage started: the median of 20 edits of a stage that trains."""
    (folder / "watched.align").write_text(WATCHED.format(batch=8))
    command = [ALIGN, "watch", "watched.align", "--json", "--store", "watched", "--jobs", "2"]
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def started():
        for text in child.stdout:
            event = json.loads(text)
            if event["event"] == "started" and event["id"].endswith("base"):
                return time.perf_counter()
        sys.exit("align watch ended by itself")

    started()
    taken = []
    for i in range(20):
        time.sleep(0.3)
        (folder / "watched.align").write_text(WATCHED.format(batch=9 + i))
        saved = time.perf_counter()
        taken.append(started() - saved)
    child.send_signal(2)
    child.wait()
    line("align watch, save to start", (1e3 * statistics.median(taken), "ms"), 150, f"100 ms of it are the wait for the end of the save; longest {1e3 * max(taken):.0f} ms")


def bench_checkpoint(folder):
    """A checkpoint of a model of 4 MB through the store, beside a plain write of the same bytes."""
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--workspace", "--example", "checkpoint_cost"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = [target / "release/examples/checkpoint_cost", folder]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    ours, theirs, more = (float(word) for word in out.split()[-3:])
    line("checkpoint of a 4 MB model over a plain write", (more, "ms"), 15, f"16 MB with moments: {ours:.1f} and {theirs:.1f} ms, medians of 41 in turn")


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


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_start(folder)
        bench_check(folder)
        bench_plan(folder)
        bench_nothing_to_do(folder)
        bench_many_nodes(folder)
        bench_watch(folder)
        bench_checkpoint(folder)
        if "--train" in sys.argv:
            bench_overhead(folder, "examples/quickstart.align", 3)
        else:
            bench_overhead(folder, "tests/e2e/tiny.align", None)
    if failures:
        sys.exit(f"missed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
