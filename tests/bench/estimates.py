"""How far are the times that `align plan --probe` tells from those that a run then takes?  Prints both for each stage; fails above 30%.

    python3 tests/bench/estimates.py                          # the examples that train without anything beside them
    python3 tests/bench/estimates.py examples/policy.align    # these

A stage that its rule ends early takes less than what is told, which is for the whole budget: it is compared by its steps, as told for so many.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALIGN = os.environ.get("ALIGN_BIN", str(ROOT / "target/release/align"))
LIMIT = 0.30
# Below it the start of a process is most of it.
LEAST = 1.0
EXAMPLES = ["examples/quickstart.align", "examples/policy.align"]


def run(*words, codes=(0, 5)):
    done = subprocess.run([ALIGN, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.exit(f"align {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(program, store):
    told = {n["id"]: n for n in json.loads(run("plan", program, "--probe", "--json", "--store", store))["nodes"]}
    run("run", program, "--store", store)
    worst = 0.0
    for node in json.loads(run("status", program, "--json", "--store", store))["nodes"]:
        plan = told[node["id"]]
        if node["kind"] != "stage" or plan["seconds"] is None or node["seconds"] < LEAST:
            continue
        share = node["steps"] / plan["steps"] if plan["steps"] else 1.0
        predicted, actual = plan["seconds"] * share, node["seconds"]
        off = predicted / actual - 1
        worst = max(worst, abs(off))
        memory = f", {plan['peak'] / 2**20:.0f} MiB told" if plan["peak"] else ""
        print(f"{program}  {node['id']:24} {predicted:7.1f} s told, {actual:7.1f} s taken for {node['steps']} steps: {100 * off:+.0f}%{memory}", flush=True)
    return worst


def main():
    with tempfile.TemporaryDirectory() as folder:
        worst = max(compare(program, Path(folder) / str(i)) for i, program in enumerate(sys.argv[1:] or EXAMPLES))
    print(f"at most {100 * worst:.0f}% off, limit {100 * LIMIT:.0f}%")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
