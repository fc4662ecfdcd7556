#!/usr/bin/env python3
"""Writes into each model's `figures.json` how far its score is from the float model, its `training.toml`, and the table of README.md.

    python3 models/report.py [NAME...]

Runs `cargo run --release -p vouch-prover --example model_report` on each folder with a plan.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- models/report.py writes from here -->\n", "<!-- to here -->\n"


def measure(folder):
    """The report of `vouch model add` on the calibration rows."""
    command = ["cargo", "run", "--release", "-q", "-p", "vouch-prover", "--example", "model_report", "--", folder]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def held_out(figures):
    """The quality that training measured, in words."""
    test = figures.get("test")
    if test and "auc" in test:
        most = f" (majority {100 * test['majority']:.1f} %)" if "majority" in test else ""
        return f"accuracy {100 * test['accuracy']:.1f} %{most}, AUC {test['auc']:.3f}"
    if test:
        return f"accuracy {100 * test['accuracy']:.1f} %"
    share = figures["share_of_best"]
    return f"{100 * share['model']:.1f} % of the best profit (best constant fee {100 * share['best_constant_fee']:.1f} %)"


def row(name, figures):
    """A line of the table."""
    score = figures["score"]
    before, after = score["float_accuracy"], score["integer_accuracy"]
    kept = "" if before is None else f"; accuracy {100 * before:.2f} → {100 * after:.2f} %"
    share = score.get("max_relative_error")
    share = "" if share is None else f" ({share:.1e} of the range)"
    error = f"{score['max_abs_error']:.1e} at most{share}, {score['mean_abs_error']:.1e} in the mean{kept}"
    return f"| `{name}/` | {figures['model']} | {held_out(figures)} | {error} |\n"


def training(folder, figures):
    """What `vouch model add --training` shows: where the rows are from, and how many."""
    script = folder / "train.py"
    script = script if script.exists() else HERE / "train.py"
    rows = figures["rows"]["train"] * figures["rows"].get("copies", 1)
    source = f"{figures['data']}; made by {script.relative_to(HERE.parent)}, which is seeded"
    return f"source = {json.dumps(source)}\nrows   = {rows}\n"


def main():
    names = sys.argv[1:] or sorted(plan.parent.name for plan in HERE.glob("*/plan.toml"))
    for name in names:
        path = HERE / name / "figures.json"
        figures = json.loads(path.read_text())
        figures["score"] = measure(path.parent)
        path.write_text(json.dumps(figures, indent=2) + "\n")
        (path.parent / "training.toml").write_text(training(path.parent, figures))
    every = sorted(path.parent.name for path in HERE.glob("*/figures.json"))
    table = "| folder | model | held out | score against floats |\n|---|---|---|---|\n"
    table += "".join(row(name, json.loads((HERE / name / "figures.json").read_text())) for name in every)
    readme = HERE / "README.md"
    head, rest = readme.read_text().split(BEGIN)
    readme.write_text(head + BEGIN + table + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
