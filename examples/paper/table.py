"""Makes the tables and pictures of README.md from what the store holds of a sweep; a sweep that is not finished gives those of its lanes that are.

    python3 examples/paper/table.py examples/paper/maze.align
    python3 examples/paper/table.py examples/paper/hopper.align --set data=PATH/hopper-medium.hdf5

It asks `align status --json` (ALIGN_BIN names the binary; by default target/release/align) and needs nothing but Python 3.
"""

import collections
import json
import math
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# Student's t at 97.5% by degrees of freedom.
T = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
# What is compared: a row's words, the node, and whether it acts in the task while it learns.
ROWS = [
    ("pretrained", "pretrain", "data"),
    ("reinforcement alone, acting", "rl", "acting"),
    ("reinforcement alone, from data", "rl_off", "data"),
    ("preferences alone", "dpo_alone", "data"),
    ("supervision alone (weighted)", "sft_alone", "data"),
    ("sequence from data, 1 round", "sft_off", "data"),
    ("sequence from data, 2 rounds", "sft_off#2", "data"),
    ("sequence from data, 3 rounds", "sft_off#3", "data"),
    ("sequence acting, 1 round", "sft", "acting"),
    ("sequence acting, 2 rounds", "sft#2", "acting"),
    ("sequence acting, 3 rounds", "sft#3", "acting"),
    ("pretrained, best of 5 by the critic", "picked", "data"),
    ("cascade, best of 3 by the critic", "controller", "acting"),
    ("sequence acting, best of 5 by the critic", "online_picked", "acting"),
]


def status(program):
    """The nodes of a program, which is its file and the options it was run with."""
    binary = os.environ.get("ALIGN_BIN", "target/release/align")
    out = subprocess.run([binary, "status", "--json", *program], capture_output=True, text=True, check=True).stdout
    return json.loads(out)["nodes"]


def lanes(nodes):
    """For each task, each seed's newest evaluation of each node that is done."""
    found = collections.defaultdict(lambda: collections.defaultdict(dict))
    for node in nodes:
        at = re.fullmatch(r".*\[task=([^,\]]+),seed=(\d+)\]/(.+)", node["id"])
        if at and node["state"] == "done" and node.get("last"):
            found[at[1]][int(at[2])][at[3]] = node["last"]
    return found


def interval(values):
    """Mean and half of its 95% interval."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, math.nan
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    return mean, T.get(n - 1, 1.96) * deviation / math.sqrt(n)


def shown(pair):
    mean, half = pair
    return f"{mean:.1f}" + ("" if math.isnan(half) else f" ± {half:.1f}")


def compare(seeds):
    """Each row: words, how it learns, how many seeds, score, gain over pretrain, spread, its change."""
    out = []
    for words, node, how in ROWS:
        both = [(lane[node], lane["pretrain"]) for lane in seeds.values() if node in lane and "pretrain" in lane]
        both = [(a, b) for a, b in both if "score" in a]
        if not both:
            continue
        of = lambda f: interval([f(a, b) for a, b in both])
        out.append((
            words, how, len(both), of(lambda a, b: a["score"]), of(lambda a, b: a["score"] - b["score"]),
            of(lambda a, b: a["spread"]), of(lambda a, b: a["spread"] - b["spread"]),
        ))
    return out


def table(rows):
    lines = ["| | learns | seeds | score | gain | spread | change of spread |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {w} | {how} | {n} | {shown(s)} | {shown(g)} | {shown(d)} | {shown(c)} |" for w, how, n, s, g, d, c in rows]
    return "\n".join(lines)


def picture(task, rows):
    """Bars of the gain and of the change of spread, with their intervals."""
    height, left, width = 22 * len(rows) + 60, 270, 250
    halves = [abs(m) + (0 if math.isnan(h) else h) for *_, g, _, c in rows for m, h in (g, c)]
    most = max([1.0, *halves])
    at = lambda origin, value: origin + value / most * width / 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + 2 * width + 60}" height="{height}" font-family="sans-serif" font-size="12">']
    out.append('<rect width="100%" height="100%" fill="white"/>')
    for k, title in enumerate(["gain in points over pretrained", "change of the spread in points"]):
        origin = left + width / 2 + k * (width + 40)
        out.append(f'<text x="{origin}" y="20" text-anchor="middle" font-weight="bold">{title}</text>')
        out.append(f'<line x1="{origin}" y1="30" x2="{origin}" y2="{height - 25}" stroke="#999"/>')
        for mark in (-most, most):
            out.append(f'<text x="{at(origin, mark)}" y="{height - 8}" text-anchor="middle" fill="#666">{mark:+.0f}</text>')
        for i, row in enumerate(rows):
            mean, half = row[4] if k == 0 else row[6]
            good, y = (mean > 0) == (k == 0), 36 + 22 * i
            x = min(origin, at(origin, mean))
            out.append(f'<rect x="{x:.1f}" y="{y}" width="{abs(at(0, mean)):.1f}" height="14" fill="{"#2b8a5f" if good else "#b5473c"}"/>')
            if not math.isnan(half):
                low, high = at(origin, mean - half), at(origin, mean + half)
                out.append(f'<path d="M{low:.1f} {y + 7}H{high:.1f}M{low:.1f} {y + 3}v8M{high:.1f} {y + 3}v8" stroke="#111" fill="none"/>')
    for i, row in enumerate(rows):
        out.append(f'<text x="{left - 8}" y="{47 + 22 * i}" text-anchor="end">{row[0]}</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
    readme = HERE / "README.md"
    text = readme.read_text()
    for task, seeds in sorted(lanes(status(sys.argv[1:])).items(), reverse=True):
        rows = compare(seeds)
        if not rows:
            continue
        (HERE / f"{task}.svg").write_text(picture(task, rows))
        part = f"<!-- {task} -->\n\n{table(rows)}\n\n![{task}: gain and change of spread]({task}.svg)\n\n<!-- end -->"
        text, found = re.subn(rf"<!-- {re.escape(task)} -->.*?<!-- end -->", lambda _: part, text, flags=re.S)
        if not found:
            sys.exit(f"README.md has no place for {task}")
        print(f"{task}: {len(seeds)} seeds, {len(rows)} rows")
    readme.write_text(text)


if __name__ == "__main__":
    main()
