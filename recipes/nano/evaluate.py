"""Measures a model file through `hearth` itself, on held-out pictures, and prints a table.

  python3 evaluate.py --hearth ../../build/hearth [--model nano] [--questions 500] [--json figures.json]

Sets: another seed; colour and shape pairs never trained on; fonts and shades never trained on; another
rasteriser (librsvg). Beside each figure stands what always giving the commonest answer would reach.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import tempfile

import numpy as np
from PIL import Image

import draw
import scenes
import questions as wording
import svg

SETS = {
    "seed": dict(fonts=draw.TRAINING_FONTS),
    "pairs": dict(fonts=draw.TRAINING_FONTS, pairs="unseen", kind="things"),
    "fonts and shades": dict(fonts=draw.UNSEEN_FONTS, shades="unseen"),
    "rasteriser": dict(fonts=draw.TRAINING_FONTS),
}
SEEDS = {"seed": 101, "pairs": 102, "fonts and shades": 103, "rasteriser": 104}
RASTERISER_PICTURES = 100


def make(name, folder, questions):
    """[(picture file, kind, question, answer)]: at least `questions` of every kind that the set has."""
    rng = np.random.default_rng(SEEDS[name])
    counts, rows = collections.Counter(), []
    for number in range(20000):
        scene = scenes.sample(rng, **SETS[name])
        asked = wording.questions(scene, rng)
        kinds = [kind_of(scene, kind) for kind, _, _ in asked]
        if name == "rasteriser":
            if number == RASTERISER_PICTURES:
                break
        elif all(counts[k] >= questions for k in kinds):
            if number > 50 and min(counts.values()) >= questions:
                break
            continue
        path = f"{folder}/{name.replace(' ', '-')}-{number}.png"
        if name == "rasteriser":
            svg.render_to(path, scene)
        else:
            Image.fromarray(draw.render(scene, rng)).save(path)
        for kind, (_, question, answer) in zip(kinds, asked):
            if name == "rasteriser" or counts[kind] < questions:
                counts[kind] += 1
                rows.append((path, kind, question, answer))
    return rows


def kind_of(scene, kind):
    if kind == "read":
        return "read 1–4" if len(scene.text) <= 4 else "read 5–6"
    return kind


def ask(args, row):
    path, _, question, _ = row
    command = [args.hearth, "run", args.model, question, "--image", path, "--threads", "1", "--offline"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def measure(args, name):
    """{kind: (questions, right, always the commonest answer)}"""
    with tempfile.TemporaryDirectory() as folder:
        rows = make(name, folder, args.questions)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(lambda row: ask(args, row), rows))
    by_kind = collections.defaultdict(list)
    for (_, kind, _, want), got in zip(rows, answers):
        by_kind[kind].append((want, got))
    out = {}
    for kind, pairs in sorted(by_kind.items()):
        commonest = collections.Counter(want for want, _ in pairs).most_common(1)[0][1]
        out[kind] = (len(pairs), sum(w == g for w, g in pairs) / len(pairs), commonest / len(pairs))
    return out


def table(figures):
    kinds = sorted({k for f in figures.values() for k in f})
    lines = ["| kind | questions | commonest answer | " + " | ".join(figures) + " |",
             "|---|---|---|" + "---|" * len(figures)]
    for kind in kinds:
        first = next(f[kind] for f in figures.values() if kind in f)
        cells = [f"{f[kind][1]:.3f}" if kind in f else "–" for f in figures.values()]
        lines.append(f"| {kind} | {first[0]} | {first[2]:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearth", default="../../build/hearth")
    parser.add_argument("--model", default="nano", help="nano, or a .gguf whose mmproj lies beside it")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--json")
    args = parser.parse_args()
    figures = {}
    for name in args.sets:
        print(f"measuring: {name} …", flush=True)
        figures[name] = measure(args, name)
    print(table(figures))
    print("\nIt knows nothing of photographs: what it says of one is a guess among these words.")
    if args.json:
        with open(args.json, "w") as f:
            json.dump(figures, f, indent=1)


if __name__ == "__main__":
    main()
