"""How fast are whole stages and whole samplers beside PyTorch eager, on this machine, in this run?

    python3 tests/bench/speed.py                # prints the table; about 15 minutes on 2 cores
    python3 tests/bench/speed.py --write        # and puts it into README.md
    python3 tests/bench/speed.py --only card    # what a card does alone, where there is one
    python3 tests/bench/speed.py --rows unet    # the rows whose names hold a word

It needs `pip install torch==2.9.0 numpy safetensors h5py` in the Python that runs it.  A build with libtorch is a column of its own: name its folder in
ALIGN_LIBTORCH_TARGET (CONTRIBUTING.md says how it is built), and in LD_LIBRARY_PATH that of its libraries, which the sampler's example does not know.
Every number is the median of three rounds; in a round each program has its turn.  On a card PyTorch is on that card too.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROUNDS = 3
# Steps of a stage: as `speed.align` says.
STAGES = {"unet": 150, "long_unet": 40, "perceptron": 1500, "rl": 150}
NAMES = {
    "unet": "stage: U-Net, horizon 32, 1 2 4, batch 32",
    "long_unet": "stage: U-Net, horizon 128, 1 2 4 8, batch 32",
    "perceptron": "stage: MLP policy 3 x 256, batch 256",
    "rl": "stage: that policy by its critic's gradient",
}
SAMPLES = [(net, batch) for net in ("unet", "perceptron") for batch in (1, 64)]
WORDS = {"unet": "U-Net, horizon 32", "perceptron": "MLP policy"}
# Seeds of the quickstart that share a card.
PACKED = (1, 2, 4, 8, 16)


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Align:
    """One of our builds on one device."""

    def __init__(self, name, target, device, folder):
        self.name, self.device, self.folder = name, device, folder
        self.binary, self.draw = target / "release/align", target / "release/examples/draw_speed"

    def environment(self, threads):
        return {**os.environ, "ALIGN_THREADS": str(threads), "ALIGN_DEVICE": self.device}

    def stage(self, name, threads):
        """Steps a second of the stage: the wall time of a run that makes nothing else, start-up and all."""
        store = Path(tempfile.mkdtemp(dir=self.folder))
        before = {"rl": ["perceptron", "value"]}.get(name, [])
        data = {"unet": "plans", "long_unet": "long_plans"}.get(name, "moves")
        command = [self.binary, "run", "speed.align", "--store", store]
        until = lambda names: [w for n in names for w in ("--until", n)]
        run([*command, *until([data, *before])], cwd=self.folder, env=self.environment(threads))
        start = time.perf_counter()
        run([*command, "--until", name], cwd=self.folder, env=self.environment(threads))
        seconds = time.perf_counter() - start
        shutil.rmtree(store)
        return STAGES[name] / seconds

    def sample(self, net, batch, threads):
        return float(run([self.draw, net, str(batch), self.device], env={**self.environment(threads), "RAYON_NUM_THREADS": str(threads)}))

    def lanes(self, count):
        """Steps a second of so many lanes of the first stage together, one thread each."""
        text = (self.folder / "speed.align").read_text()
        start = text.index("stage unet")
        body = text[start : text.index("\n}\n", start) + 3]
        lanes = "".join(body.replace("stage unet", f"stage unet_{i}").replace("2e-4", f"{2 + i / 100}e-4") for i in range(count))
        (self.folder / "lanes.align").write_text(text[: text.index("stage unet")] + lanes)
        store = Path(tempfile.mkdtemp(dir=self.folder))
        command = [self.binary, "run", "lanes.align", "--store", store]
        run([*command, "--until", "plans"], cwd=self.folder, env=self.environment(1))
        start = time.perf_counter()
        run([*command, *(w for i in range(count) for w in ("--until", f"unet_{i}"))], cwd=self.folder, env=self.environment(1))
        seconds = time.perf_counter() - start
        shutil.rmtree(store)
        return count * STAGES["unet"] / seconds


    def packed(self, count):
        """Seconds of so many seeds of the quickstart together."""
        shutil.copytree(ROOT / "examples", self.folder / "examples", dirs_exist_ok=True)
        program = self.folder / "examples/packed.align"
        program.write_text(f'align 1\n\nuse "quickstart.align".maze\n\nsweep packed of maze {{\n    seed in 0..<{count}\n}}\n')
        store = Path(tempfile.mkdtemp(dir=self.folder))
        start = time.perf_counter()
        run([self.binary, "run", program, "--store", store], cwd=self.folder, env={**os.environ, "ALIGN_DEVICE": self.device})
        seconds = time.perf_counter() - start
        shutil.rmtree(store)
        return seconds


class PyTorch:
    """Eager, from a file of ours."""

    name = "PyTorch"

    def __init__(self, folder, device="cpu"):
        self.folder, self.device = folder, device

    def ask(self, threads, *words):
        script = HERE / "pytorch/speed.py"
        options = ["--threads", str(threads), "--device", self.device]
        return float(run([sys.executable, script, *map(str, words), *options], cwd=self.folder))

    def stage(self, name, threads):
        return self.ask(threads, "stage", name, "walk.hdf5", STAGES[name])

    def sample(self, net, batch, threads):
        return self.ask(threads, "sample", net, batch)


def write_data(path):
    """100 episodes of 1,000 steps in D4RL's layout, with Hopper's numbers of columns."""
    import h5py
    import numpy as np

    rng, steps = np.random.default_rng(0), 100_000
    with h5py.File(path, "w") as f:
        f["observations"] = rng.uniform(-1, 1, (steps, 11)).astype("f4")
        f["actions"] = rng.uniform(-1, 1, (steps, 3)).astype("f4")
        f["rewards"] = rng.uniform(0, 1, steps).astype("f4")
        f["terminals"], ends = np.zeros(steps, bool), np.zeros(steps, bool)
        ends[999::1000] = True
        f["timeouts"] = ends


def row(name, tools, ask, threads):
    """Median rates of the tools in turn, and the median over the rounds of the best of ours over the peer."""
    rates = {tool.name: [] for tool in tools}
    for _ in range(ROUNDS):
        for tool in tools:
            rates[tool.name].append(ask(tool))
    middle = {tool: statistics.median(of) for tool, of in rates.items()}
    ours = [of for tool, of in rates.items() if tool != "PyTorch"]
    ratio = max(statistics.median(a / b for a, b in zip(of, rates["PyTorch"])) for of in ours)
    cells = " | ".join(f"{middle[tool.name]:.4g}" for tool in tools)
    text = f"| {name} | {threads} | {cells} | {ratio:.2f} |"
    print(text, flush=True)
    return text


def lanes(tools):
    """Two lanes of one thread each beside PyTorch on two threads, and what the second lane costs the first."""
    peer = tools[-1]
    rates, shares = {tool.name: [] for tool in tools}, []
    for _ in range(ROUNDS):
        for tool in tools[:-1]:
            rates[tool.name].append(tool.lanes(2))
        rates[peer.name].append(peer.stage("unet", 2))
        one = tools[0].lanes(1)
        shares.append(2 * one / rates[tools[0].name][-1])
    ratio = max(statistics.median(a / b for a, b in zip(rates[t.name], rates[peer.name])) for t in tools[:-1])
    cells = " | ".join(f"{statistics.median(rates[t.name]):.4g}" for t in tools)
    text = f"| two lanes of the first stage, one thread each, beside PyTorch on two | 2 | {cells} | {ratio:.2f} |"
    print(text, flush=True)
    note = f"Two lanes side by side take {statistics.median(shares):.2f} times as long as one of them alone ({tools[0].name})."
    print(note, flush=True)
    return text, note


def rows(tools, threads, word):
    """The rows whose names hold a word, on so many threads."""
    lines = []
    for stage in STAGES:
        if word in NAMES[stage]:
            lines.append(row(f"{NAMES[stage]}, steps/s", tools, lambda t, s=stage: t.stage(s, threads), threads))
    for net, batch in SAMPLES:
        title = f"sampling: {WORDS[net]}, 20 steps, batch {batch}, calls/s"
        if word in title:
            lines.append(row(title, tools, lambda t, n=net, b=batch: t.sample(n, b, threads), threads))
    return lines


def begun(tools, last):
    """The head of a table."""
    head = ["what", "threads", *(tool.name for tool in tools), last]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    print("\n".join(lines), flush=True)
    return lines


def on_processor(ours, folder, word):
    tools = [*ours, PyTorch(folder)]
    lines, note = begun(tools, "best of ours / PyTorch"), ""
    for threads in (1, 2):
        lines += rows(tools, threads, word)
    if word in "lanes":
        text, note = lanes(tools)
        lines.append(text)
    machine = next((l.split(":")[1].strip() for l in Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")), platform.machine())
    about = f"Measured on {os.cpu_count()} cores ({machine}), medians of {ROUNDS} rounds in turn.  {note}".strip()
    print(about)
    return [*lines, "", about]


def on_card(card, named, folder, word):
    """The same rows where both are on a card, and how many seeds of the quickstart share it; without a card their names alone."""
    if card is None:
        names = [f"{NAMES[s]}, steps/s" for s in STAGES]
        names += [f"sampling: {WORDS[n]}, 20 steps, batch {b}, calls/s" for n, b in SAMPLES]
        names += [f"{count} seeds of the quickstart, times the seconds of one" for count in PACKED[1:]]
        lines = ["| what, on a card | |", "| --- | --- |", *(f"| {name} | not measured |" for name in names)]
        print("\n".join(lines), flush=True)
        return [*lines, "", "There was no card."]
    tools = [card, PyTorch(folder, "cuda" if "cuda" in card.device else "cpu")]
    lines = [*begun(tools, "ours / PyTorch"), *rows(tools, os.cpu_count(), word)]
    if word in "seeds":
        one = card.packed(1)
        for count in PACKED[1:]:
            text = f"| {count} seeds of the quickstart, times the seconds of one | {os.cpu_count()} | {card.packed(count) / one:.2f} | | |"
            print(text, flush=True)
            lines.append(text)
    about = f"Measured on `{card.device}`, {named}."
    print(about)
    return [*lines, "", about]


def write(mark, lines):
    readme = HERE / "README.md"
    block = "\n".join([f"<!-- {mark} -->", *lines, f"<!-- /{mark} -->"])
    readme.write_text(re.sub(f"<!-- {mark} -->.*<!-- /{mark} -->", lambda _: block, readme.read_text(), flags=re.S))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="", help="a word of the rows to measure")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--only", choices=["processor", "card"], help="one of the two tables")
    parser.add_argument("--card", default="libtorch:cuda:0", help="the device that is the card")
    options = parser.parse_args()
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "--workspace", "--bins", "--examples"]
    subprocess.run(cargo, cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder / "walk.hdf5")
        shutil.copy(HERE / "speed.align", folder)
        ours, card, named = [Align("embedded", TARGET, "cpu", folder)], None, None
        if other := os.environ.get("ALIGN_LIBTORCH_TARGET"):
            ours.append(Align("libtorch", Path(other), "libtorch", folder))
            devices = json.loads(run([Path(other) / "release/align", "devices", "--json"]))["devices"]
            if named := next((d["what"] for d in devices if d["name"] == options.card), None):
                card = Align(options.card, Path(other), options.card, folder)
        tables = {}
        if options.only != "card":
            tables["speed"] = on_processor(ours, folder, options.rows)
        if options.only != "processor":
            tables["card"] = on_card(card, named, folder, options.rows)
    if options.write:
        for mark, lines in tables.items():
            write(mark, lines)


if __name__ == "__main__":
    main()
