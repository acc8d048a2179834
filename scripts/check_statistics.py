#!/usr/bin/env python3
"""Computes every statistic of a results folder again with numpy and scipy, from its CSV files.

    bn-runner run experiments/batch_norm.yaml
    pip install numpy scipy
    python3 scripts/check_statistics.py [results folder] [--bn-runner PROGRAM]

summary.csv from curves.csv; aggregate.csv and comparison.csv from summary.csv; expectations.csv from
both; and what `bn-runner compare --format csv` prints for every case as the baseline. Every number
must agree to 1e-9. Ends with 0 if all do, with 1 if one does not, and with 2 if there are no results.
"""

import argparse
import csv
import io
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import stats

TOLERANCE = 1e-9

# Metrics of the kept, the last and the best epoch.
EPOCH_METRICS = ["accuracy", "loss", "val_accuracy", "val_loss"]
METRICS = (
    EPOCH_METRICS
    + [f"best_{metric}" for metric in EPOCH_METRICS]
    + ["test_accuracy", "test_loss", "epoch_seconds", "train_seconds"]
    + [f"last_{metric}" for metric in EPOCH_METRICS]
)


class Checker:
    """Counts comparisons and tells those that fail."""

    def __init__(self):
        self.agreed = 0
        self.largest = 0.0
        self.failures = []

    def check(self, where, ours, theirs):
        """Holds a number of a file against the one computed here; `None` is an empty cell."""
        if ours is None and theirs is None:
            self.agreed += 1
            return
        if ours is None or theirs is None:
            self.failures.append(f"{where}: {ours} in the file, {theirs} here")
            return
        error = abs(ours - theirs) / max(1.0, abs(theirs))
        if error <= TOLERANCE:
            self.agreed += 1
            self.largest = max(self.largest, error)
        else:
            self.failures.append(f"{where}: {ours!r} in the file, {theirs!r} here")

    def same(self, where, ours, theirs):
        """Holds a word against another."""
        if ours == theirs:
            self.agreed += 1
        else:
            self.failures.append(f"{where}: {ours!r} in the file, {theirs!r} here")


def read(path):
    """The rows of a CSV file, each a dict from column to text."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def number(text):
    """A cell as a number; an empty one is none."""
    return float(text) if text not in ("", None) else None


def is_low(metric):
    """Whether less of a metric is better."""
    return metric.endswith(("loss", "seconds"))


def trial_key(row, grid):
    """What tells a trial from the others."""
    return row["variant"], tuple(row[key] for key in grid), row["seed"]


def grid_keys(row):
    """The columns of grid keys: dotted paths."""
    return [column for column in row if column.startswith(("dataset.", "model.", "training."))]


def from_epochs(epochs, kept):
    """The metrics that follow from a trial's epochs; `kept` is the number of the kept one."""
    at_kept = [epoch for epoch in epochs if number(epoch["epoch"]) == kept] or [epochs[-1]]
    metrics = {}
    for metric in EPOCH_METRICS:
        values = [number(epoch[metric]) for epoch in epochs]
        metrics[metric] = number(at_kept[0][metric])
        metrics[f"last_{metric}"] = values[-1]
        known = [value for value in values if value is not None and not math.isnan(value)]
        best = None
        if known:
            best = min(known) if is_low(metric) else max(known)
            metrics[f"best_{metric}_epoch"] = float(epochs[values.index(best)]["epoch"])
        metrics[f"best_{metric}"] = best
    seconds = [number(epoch["epoch_seconds"]) for epoch in epochs]
    metrics["epoch_seconds"] = float(np.median(seconds[1:] or seconds))
    return metrics


def check_summary(checker, where, summary, curves):
    """summary.csv against curves.csv. Returns the epochs of every trial."""
    trials = {}
    for row in curves:
        trials.setdefault(trial_key(row, grid_keys(row)), []).append(row)
    for row in summary:
        epochs = trials.get(trial_key(row, grid_keys(row)), [])
        checker.check(f"{where} epochs", number(row["epochs"]), float(len(epochs)))
        if epochs:
            kept = number(row["kept_epoch"])
            for metric, value in from_epochs(epochs, kept).items():
                checker.check(f"{where} {row['variant']} {metric}", number(row[metric]), value)
    return trials


def aggregate(values):
    """The statistics of one metric over seeds."""
    values = np.array(values, dtype=float)
    parts = {"mean": values.mean(), "median": np.median(values)}
    parts |= {"min": values.min(), "max": values.max(), "std": None}
    parts |= {"ci95_low": None, "ci95_high": None}
    if len(values) > 1:
        parts["std"] = values.std(ddof=1)
        error = stats.sem(values)
        if error > 0:
            low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=error)
        else:
            low = high = values.mean()
        parts["ci95_low"], parts["ci95_high"] = low, high
    return {part: None if value is None else float(value) for part, value in parts.items()}


def completed(summary, row, grid):
    """The completed trials of a case."""
    same = lambda trial: trial_key(trial, grid)[:2] == trial_key({**row, "seed": ""}, grid)[:2]
    return [trial for trial in summary if same(trial) and trial["status"] == "completed"]


def check_aggregates(checker, where, rows, summary):
    """aggregate.csv against summary.csv."""
    for row in rows:
        trials = completed(summary, row, grid_keys(row))
        checker.check(f"{where} n", number(row["n"]), float(len(trials)))
        for metric in METRICS:
            values = [number(trial[metric]) for trial in trials]
            values = [value for value in values if value is not None]
            parts = aggregate(values) if values else dict.fromkeys(PARTS)
            for part, value in parts.items():
                place = f"{where} {row['variant']} {metric}_{part}"
                checker.check(place, number(row[f"{metric}_{part}"]), value)


PARTS = ["mean", "median", "min", "max", "std", "ci95_low", "ci95_high"]


def label(trial, grid):
    """A case's name, as its folder has it."""
    short = [key.rsplit(".", 1)[-1] for key in grid]
    keys = [s if short.count(s) == 1 else key for s, key in zip(short, grid)]
    pairs = [f",{name}={trial[key]}" for name, key in zip(keys, grid) if trial[key] != ""]
    return trial["variant"] + "".join(pairs)


def check_differences(checker, folder, program, summary):
    """What `bn-runner compare` prints with each case as the baseline, against summary.csv."""
    grid = grid_keys(summary[0])
    cases = {}
    for trial in summary:
        cases.setdefault(label(trial, grid), [])
        if trial["status"] == "completed":
            cases[label(trial, grid)].append(trial)
    for baseline in cases:
        command = [program, "compare", str(folder), "--format", "csv", "--baseline", baseline]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for row in csv.DictReader(io.StringIO(printed)):
            of = lambda name: {
                trial["seed"]: float(trial[row["metric"]])
                for trial in cases.get(name, [])
                if trial[row["metric"]] != ""
            }
            ours, theirs = of(row["case"]), of(row["baseline"])
            if not ours or not theirs:
                continue
            expected = difference(ours, theirs)
            for part, value in expected.items():
                place = f"compare {row['case']} {row['baseline']} {row['metric']} {part}"
                if part in ("test", "verdict"):
                    checker.same(place, row[part], value)
                else:
                    checker.check(place, number(row[part]), value)


def difference(ours, theirs):
    """One case less another, by seed, as a row of `compare`."""
    paired = ours.keys() == theirs.keys()
    one, other = list(ours.values()), list(theirs.values())
    if paired:
        other = [theirs[seed] for seed in ours]
    parts = {
        "test": "paired" if paired else "welch",
        "n": float(len(one)),
        "baseline_n": float(len(other)),
        "mean": float(np.mean(one)),
        "baseline_mean": float(np.mean(other)),
        "difference": float(np.mean(one) - np.mean(other)),
        **dict.fromkeys(["ci95_low", "ci95_high", "t", "p"]),
    }
    if min(len(one), len(other)) > 1:
        apart = np.subtract(one, other) if paired else np.array([0.0, 1.0])
        flat = np.ptp(apart) == 0 if paired else np.ptp(one) == 0 == np.ptp(other)
        if flat:
            parts["ci95_low"] = parts["ci95_high"] = parts["difference"]
            if parts["difference"] != 0:
                parts["t"], parts["p"] = math.copysign(math.inf, parts["difference"]), 0.0
        else:
            test = stats.ttest_rel(one, other) if paired else stats.ttest_ind(one, other, equal_var=False)
            low, high = test.confidence_interval(0.95)
            parts |= {"ci95_low": float(low), "ci95_high": float(high)}
            parts |= {"t": float(test.statistic), "p": float(test.pvalue)}
    if parts["p"] is not None and parts["p"] < 0.05:
        parts["verdict"] = "higher" if parts["difference"] > 0 else "lower"
    else:
        n = f"{len(one)}" if len(one) == len(other) else f"{len(one)} and {len(other)}"
        parts["verdict"] = f"not distinguishable at n = {n}"
    if parts["t"] is not None and math.isinf(parts["t"]):
        del parts["t"]
    return parts


class Missing(Exception):
    """A seed lacks a number that a claim is about."""


QUANTITY = re.compile(
    # Names may have dots; what follows the last one of a quantity is a letter.
    r"(?P<variant>[A-Za-z_][\w.-]*?)(?:\[(?P<grid>[^\]]*)\])?\.(?P<name>[a-z_]+)"
    r"(?:@(?P<epoch>\d+)|\((?P<metric>\w+) *(?P<relation>[<>]=?) *(?P<value>[-\d.e]+)\))?"
)

RELATIONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def quantity(match, seed, summary, trials, grid):
    """One quantity of a claim for one seed."""
    chosen = {}
    for part in (match["grid"] or "").split(","):
        if part.strip():
            key, value = part.split("=")
            chosen[key.strip()] = float(value)
    for trial in summary:
        point = {key: trial[key] for key in grid} | {key.rsplit(".", 1)[-1]: trial[key] for key in grid}
        fits = all(float(point[key]) == value for key, value in chosen.items())
        if trial["variant"] == match["variant"] and trial["seed"] == seed and fits:
            break
    else:
        raise Missing
    if trial["status"] != "completed":
        raise Missing
    epochs = trials[trial_key(trial, grid)]
    name = match["name"]
    if match["epoch"]:
        cells = [row[name] for row in epochs if row["epoch"] == match["epoch"]]
    elif name in ("epochs_to", "seconds_to"):
        holds = lambda row: RELATIONS[match["relation"]](
            float(row[match["metric"]]), float(match["value"])
        )
        column = "epoch" if name == "epochs_to" else "elapsed_seconds"
        cells = [row[column] for row in epochs if row[match["metric"]] != "" and holds(row)][:1]
    else:
        cells = [trial["parameters" if name == "params" else name]]
    if not cells or cells[0] == "":
        raise Missing
    return float(cells[0])


def side(text, summary, trials, grid, seeds):
    """One side of a claim: of the means over seeds, and seed by seed."""
    text = text.replace("×", "*").replace("÷", "/").replace("−", "-")
    values = {}

    def name(match):
        key = f"q{len(values)}"
        values[key] = np.array([quantity(match, s, summary, trials, grid) for s in seeds])
        return key

    formula = QUANTITY.sub(name, text)
    if not re.fullmatch(r"[-+*/().\de q]*", formula):
        raise ValueError(f"cannot read {text!r}")
    # Letters, digits and signs of a formula alone, as was just seen.
    of = lambda known: eval(formula, {"__builtins__": {}}, known)  # noqa: S307
    means = of({key: value.mean() for key, value in values.items()})
    return float(means), np.broadcast_to(of(values), len(seeds)).astype(float)


def check_claims(checker, where, rows, summary, trials):
    """expectations.csv against summary.csv and curves.csv."""
    grid = grid_keys(summary[0])
    seeds = sorted({trial["seed"] for trial in summary}, key=int)
    for row in rows:
        place = f"{where} {row['claim']}"
        claim = row["claim"].replace("≤", "<=").replace("≥", ">=").replace("≈", "~=")
        claim, _, alpha = re.sub(r" with +p +< +", "|", claim).partition("|")
        # A relation inside parentheses is a target's.
        outside = re.sub(r"\w+_to\([^)]*\)", lambda match: "x" * len(match[0]), claim)
        relation = re.search(r"~=|<=|>=|<|>", outside)
        left_text, right_text = claim[: relation.start()], claim[relation.end() :]
        right_text, _, tolerance = right_text.partition("within")
        sides, missing = [], False
        for column, text in (("left", left_text), ("right", right_text)):
            try:
                sides.append(side(text, summary, trials, grid, seeds))
                checker.check(f"{place}: {column}", number(row[column]), sides[-1][0])
            except Missing:
                missing = True
                checker.check(f"{place}: {column}", number(row[column]), None)
        p = None
        if missing:
            outcome = "undecided"
        elif tolerance:
            apart = abs(sides[0][0] - sides[1][0])
            outcome = "held" if apart <= float(tolerance) * (1 + 1e-12) + 1e-15 else "failed"
        else:
            held = RELATIONS[relation[0]](sides[0][0], sides[1][0])
            if alpha and len(seeds) < 2:
                outcome = "undecided"
            else:
                if alpha:
                    p = float(stats.ttest_rel(sides[0][1], sides[1][1]).pvalue)
                    held = held and p < float(alpha)
                outcome = "held" if held else "failed"
        checker.same(f"{place}: outcome", row["outcome"], outcome)
        checker.check(f"{place}: p", number(row["p"]), p)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--bn-runner", default=shutil.which("bn-runner"), help="the program")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.results.glob("*/summary.csv"))
    if not folders:
        print(f"no experiment in {arguments.results}: first run `bn-runner run`", file=sys.stderr)
        return 2
    checker = Checker()
    aggregates = []
    for folder in folders:
        summary, name = read(folder / "summary.csv"), folder.name
        trials = check_summary(checker, f"{name}/summary.csv", summary, read(folder / "curves.csv"))
        rows = read(folder / "aggregate.csv")
        check_aggregates(checker, f"{name}/aggregate.csv", rows, summary)
        aggregates += [row | {"folder": name} for row in rows]
        if (folder / "expectations.csv").exists():
            claims = read(folder / "expectations.csv")
            check_claims(checker, f"{name}/expectations.csv", claims, summary, trials)
        if arguments.bn_runner:
            check_differences(checker, folder, arguments.bn_runner, summary)
    if (arguments.results / "comparison.csv").exists():
        for row in read(arguments.results / "comparison.csv"):
            def same(other):
                grid = grid_keys(other)
                point = label(other, grid)[len(other["variant"]) :].lstrip(",").replace(",", ";")
                return (other["experiment"], other["variant"], point) == (
                    row["experiment"], row["variant"], row["grid"]
                )
            found = [other for other in aggregates if same(other)]
            checker.same("comparison.csv rows", len(found), 1)
            for column in set(row) - {"experiment", "variant", "grid"} if found else []:
                checker.same(f"comparison.csv {column}", row[column], found[0][column])
    if not arguments.bn_runner:
        print("bn-runner is not on the path: `compare` was not checked; give --bn-runner")
    for failure in checker.failures[:40]:
        print(f"wrong: {failure}")
    print(
        f"{len(folders)} experiments: {checker.agreed} numbers agree, the farthest apart by "
        f"{checker.largest:.1e}; {len(checker.failures)} do not"
    )
    return 1 if checker.failures else 0


if __name__ == "__main__":
    sys.exit(main())
