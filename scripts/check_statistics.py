#!/usr/bin/env python3
"""Computes every statistic of a results folder again with scipy and statsmodels, from its CSV files.

    bn-runner run experiments/batch_norm.yaml
    pip install numpy scipy statsmodels
    python3 scripts/check_statistics.py [results folder] [--bn-runner PROGRAM]

summary.csv from curves.csv; aggregate.csv and comparison.csv from summary.csv; expectations.csv from
both, with its p-values, intervals, Holm's correction and numbers of seeds; and what `bn-runner compare --format csv` prints for every case as the baseline. Every number
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
from scipy import integrate, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

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
        if math.isinf(theirs) or math.isinf(ours):
            self.same(where, ours, theirs)
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
        apart = differences(np.array(one), np.array(other)) if paired else np.array([0.0, 1.0])
        flat = np.ptp(apart) == 0 if paired else np.ptp(one) == 0 == np.ptp(other)
        if flat:
            parts["ci95_low"] = parts["ci95_high"] = parts["difference"]
            if parts["difference"] != 0:
                parts["t"], parts["p"] = math.copysign(math.inf, parts["difference"]), 0.0
        else:
            test = stats.ttest_1samp(apart, 0) if paired else stats.ttest_ind(one, other, equal_var=False)
            low, high = test.confidence_interval(0.95)
            parts |= {"ci95_low": float(low), "ci95_high": float(high)}
            parts |= {"t": float(test.statistic), "p": float(test.pvalue)}
    # Without any spread, a difference takes three seeds.
    enough = parts["p"] != 0.0 or min(len(one), len(other)) >= 3
    if parts["p"] is not None and parts["p"] < 0.05 and enough:
        parts["verdict"] = "higher" if parts["difference"] > 0 else "lower"
    else:
        n = f"{len(one)}" if len(one) == len(other) else f"{len(one)} and {len(other)}"
        tested = min(len(one), len(other)) > 1
        parts["verdict"] = f"not distinguishable at n = {n}" if tested else f"untested (n = {n})"
    if parts["t"] is not None and math.isinf(parts["t"]):
        del parts["t"]
    return parts


class Missing(Exception):
    """A seed lacks a number that a claim is about."""


QUANTITY = re.compile(
    # Names may have dots; what follows the last one of a quantity is a letter.
    r"(?P<variant>[A-Za-z_][\w.-]*?)(?:\[(?P<grid>[^\]]*)\])?\.(?P<name>[a-z_][a-z_0-9]*)"
    r"(?:@(?P<epoch>\d+)|\((?P<metric>\w+) *(?P<relation>[<>]=?) *(?P<value>[-\d.e]+)\))?"
)

RELATIONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def is_same_value(cell, text):
    """Whether a cell of a grid column is the value in a claim: `1e-3` is `0.001`."""
    try:
        return float(cell) == float(text)
    except ValueError:
        return cell == text


def quantity(match, seed, summary, trials, grid):
    """One quantity of a claim for one seed."""
    chosen = {}
    for part in (match["grid"] or "").split(","):
        if part.strip():
            key, value = part.split("=")
            chosen[key.strip()] = value.strip()
    for trial in summary:
        point = {key: trial[key] for key in grid} | {key.rsplit(".", 1)[-1]: trial[key] for key in grid}
        fits = all(is_same_value(point[key], value) for key, value in chosen.items())
        if trial["variant"] == match["variant"] and trial["seed"] == seed and fits:
            break
    else:
        raise Missing
    if trial["status"] not in ("completed", "diverged"):
        raise Missing
    diverged = trial["status"] == "diverged"
    epochs = trials.get(trial_key(trial, grid), [])
    name = match["name"]
    if name == "diverged":
        return float(diverged)
    if name == "params":
        return float(trial["parameters"])
    if match["epoch"]:
        cells = [row[name] for row in epochs if row["epoch"] == match["epoch"]]
        if diverged and not (cells and cells[0] and math.isfinite(float(cells[0]))):
            return math.inf if is_low(name) else 0.0
    elif name in ("epochs_to", "seconds_to"):
        if diverged:
            return math.inf
        holds = lambda row: RELATIONS[match["relation"]](
            float(row[match["metric"]]), float(match["value"])
        )
        column = "epoch" if name == "epochs_to" else "elapsed_seconds"
        cells = [row[column] for row in epochs if row[match["metric"]] != "" and holds(row)][:1]
        if not cells:
            return math.inf
    elif diverged and not name.endswith("seconds"):
        return math.inf if is_low(name) else 0.0
    else:
        cells = [trial[name]]
    if not cells or cells[0] == "":
        raise Missing
    return float(cells[0])


def side(text, summary, trials, grid, seeds):
    """One side of a claim, seed by seed, and whether a seed can change it."""
    text = text.replace("×", "*").replace("÷", "/").replace("−", "-")
    values, names = {}, []

    def name(match):
        key = f"q{len(values)}"
        values[key] = np.array([quantity(match, s, summary, trials, grid) for s in seeds])
        names.append(match["name"])
        return key

    formula = QUANTITY.sub(name, text)
    if not re.fullmatch(r"[-+*/().\de q]*", formula):
        raise ValueError(f"cannot read {text!r}")
    # Letters, digits and signs of a formula alone, as was just seen.
    with np.errstate(invalid="ignore", divide="ignore"):
        found = eval(formula, {"__builtins__": {}}, values)  # noqa: S307
    found = np.broadcast_to(found, len(seeds)).astype(float)
    has_infinity = np.any([np.isinf(v) for v in values.values()], axis=0) if values else False
    if np.any(np.isnan(found) | (np.isinf(found) & ~np.asarray(has_infinity))):
        raise Missing
    return found, any(name != "params" for name in names)


def rounding(a, b):
    """How far apart two numbers can be by rounding alone."""
    size = np.maximum(np.abs(a), np.abs(b))
    return np.where(np.isfinite(size), 4 * np.finfo(float).eps * size, 0.0)


def differences(left, right):
    """Left less right, seed by seed, up to rounding."""
    apart = left - right
    apart = np.where(np.abs(apart) <= rounding(left, right), 0.0, apart)
    if np.all(np.abs(apart - apart[0]) <= 2 * np.max(rounding(left, right))):
        apart = np.full_like(apart, 0.0 if np.any(apart == 0) else apart[0])
    return apart


MAX_SEEDS = 10_000


def fewest(power):
    """The smallest number of seeds with a power of 80 %; `None` beyond the largest."""
    below, above = 1, 2
    while power(above) < 0.8:
        if above == MAX_SEEDS:
            return None
        below, above = above, min(2 * above, MAX_SEEDS)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if power(middle) >= 0.8 else (middle, above)
    return above


def power_of_difference(effect, n, level):
    """The power of the two-sided t-test; the effect in standard deviations."""
    power = TTestPower().power(effect, n, level)
    if not math.isnan(power):
        return power
    # statsmodels adds the other tail, which is none for large effects, and not a number in scipy.
    return stats.nct.sf(stats.t.ppf(1 - level / 2, n - 1), n - 1, effect * math.sqrt(n))


def power_of_equivalence(mean, tolerance, n, level):
    """The power of two one-sided t-tests; mean and tolerance in standard deviations."""
    nu, root = n - 1, math.sqrt(n)
    t = stats.t.ppf(1 - level, nu)
    found = lambda s: stats.norm.cdf((tolerance - mean) * root - t * s) - stats.norm.cdf(
        t * s - (tolerance + mean) * root
    )
    density = lambda s: stats.chi.pdf(s * math.sqrt(nu), nu) * math.sqrt(nu)
    end = min(tolerance * root / t, 1 + 9 / math.sqrt(2 * nu))
    start = max(0.0, 1 - 9 / math.sqrt(2 * nu))
    if end <= start:
        return 0.0
    return integrate.quad(lambda s: found(s) * density(s), start, end, epsabs=1e-11, limit=500)[0]


def power_of_signs(n, share, level):
    """The power of the two-sided sign test; `None` where no outcome is significant."""
    critical = int(stats.binom.ppf(level / 2, n, 0.5)) + 1
    while critical >= 0 and 2 * stats.binom.cdf(critical, n, 0.5) >= level:
        critical -= 1
    if critical < 0:
        return None
    return stats.binom.cdf(critical, n, share) + stats.binom.sf(n - critical - 1, n, share)


def seeds_for_signs(greater, less, ties, level):
    """The seeds that a sign test takes."""
    share = max(greater, less) / (greater + less)
    if share == 0.5:
        return None
    for n in range(1, MAX_SEEDS + 1):
        power = power_of_signs(n, share, level)
        if power is not None and power >= 0.8:
            seeds = math.ceil(n * (greater + less + ties) / (greater + less))
            return seeds if seeds <= MAX_SEEDS else None
    return None


def exact(left, right, relation, tolerance):
    """The outcome of two numbers; `None` where their difference is undefined."""
    apart = left - right
    if math.isnan(apart):
        return None
    apart = 0.0 if abs(apart) <= rounding(left, right) else apart
    if relation == "~=":
        return bool(abs(apart) <= tolerance + rounding(left, right))
    return bool(RELATIONS[relation](apart, 0.0))


def decide(left, right, depends, relation, tolerance, level):
    """The columns of one claim that follow from its sides."""
    found = dict.fromkeys(
        ["p", "ci95_low", "ci95_high", "equivalence_ci_low", "equivalence_ci_high", "level", "seeds_needed"]
    )
    n = len(left)
    word = lambda holds: "undecided" if holds is None else "held" if holds else "refuted"
    claims_more = relation in (">", ">=")

    def compared(test, left, right):
        outcome = word(exact(left, right, relation, tolerance))
        untested = ", untested (n = 1)" if test == "one seed" and outcome != "undecided" else ""
        return found | {"test": test, "outcome": outcome + untested}

    def tested(test, outcome, seeds=None):
        if outcome != "undecided":
            seeds = None
        return found | {"test": test, "outcome": outcome, "seeds_needed": seeds}

    if not depends:
        return compared("exact", left[0], right[0])
    if n == 1:
        return compared("one seed", left[0], right[0])
    if level is None:
        return compared("means", left.mean(), right.mean())
    if not np.all(np.isfinite(np.concatenate([left, right]))):
        if relation == "~=":
            return tested("tost", "undecided")
        same = (left == right) | (np.abs(left - right) <= rounding(left, right))
        greater, less = int(np.sum((left > right) & ~same)), int(np.sum((left < right) & ~same))
        if greater + less == 0:
            return tested("sign", "undecided")
        found |= {"p": float(stats.binomtest(greater, greater + less).pvalue), "level": level}
        if found["p"] < level:
            return tested("sign", word((greater > less) == claims_more))
        seeds = seeds_for_signs(greater, less, n - greater - less, level)
        return tested("sign", "undecided", str(seeds) if seeds else f"> {MAX_SEEDS}")
    apart = differences(left, right)
    if np.all(apart == 0):
        return compared("exact", 0.0, 0.0)
    mean, flat = float(apart.mean()), np.ptp(apart) == 0
    std = 0.0 if flat else float(apart.std(ddof=1))
    found["level"] = level
    kind = "tost" if relation == "~=" else "t"
    tolerance = tolerance + rounding(left.mean(), right.mean()) if kind == "tost" else None
    if flat:
        found |= {"ci95_low": mean, "ci95_high": mean}
        if n < 3:
            return tested(kind, "undecided", "3")
        if kind == "tost":
            holds = bool(abs(mean) <= tolerance)
            found |= {"equivalence_ci_low": mean, "equivalence_ci_high": mean, "p": 0.0 if holds else 1.0}
            return tested(kind, word(holds))
        found["p"] = 0.0
        return tested(kind, word((mean > 0) == claims_more))
    test = stats.ttest_1samp(apart, 0)
    low, high = test.confidence_interval(0.95)
    found |= {"ci95_low": float(low), "ci95_high": float(high)}
    in_words = lambda seeds: str(seeds) if seeds else f"> {MAX_SEEDS}"
    if kind == "t":
        found["p"] = float(test.pvalue)
        if found["p"] < level:
            return tested(kind, word((mean > 0) == claims_more))
        seeds = None
        if mean != 0:
            seeds = fewest(lambda n: power_of_difference(abs(mean) / std, n, level))
        return tested(kind, "undecided", in_words(seeds))
    p, _, _ = ttost_paired(apart, np.zeros(n), -tolerance, tolerance) if tolerance > 0 else (0, 0, 0)
    if tolerance == 0:
        p = max(stats.ttest_1samp(apart, 0, alternative=side).pvalue for side in ("less", "greater"))
    low, high = test.confidence_interval(1 - 2 * level)
    found |= {"p": float(p), "equivalence_ci_low": float(low), "equivalence_ci_high": float(high)}
    if p < level:
        return tested(kind, "held")
    if low > tolerance or high < -tolerance:
        return tested(kind, "refuted")
    effect, width = abs(mean) / std, tolerance / std
    if effect < width:
        seeds = fewest(lambda n: power_of_equivalence(effect, width, n, level))
    else:
        beyond = lambda n: stats.nct.sf(stats.t.ppf(1 - level, n - 1), n - 1, (effect - width) * math.sqrt(n))
        seeds = fewest(beyond) if effect > width else None
    return tested(kind, "undecided", in_words(seeds))


def check_claims(checker, where, rows, summary, trials):
    """expectations.csv against summary.csv and curves.csv."""
    grid = grid_keys(summary[0])
    seeds = sorted({trial["seed"] for trial in summary}, key=int)
    tested = []
    for row in rows:
        place = f"{where} {row['claim']}"
        claim = row["claim"].replace("≤", "<=").replace("≥", ">=").replace("≈", "~=")
        claim, on_average, _ = re.sub(r" +on +average *$", "|", claim).partition("|")
        claim, _, alpha = re.sub(r" with +p +< +", "|", claim).partition("|")
        level = None if on_average else float(alpha or 0.05)
        # A relation inside parentheses is a target's.
        outside = re.sub(r"\w+_to\([^)]*\)", lambda match: "x" * len(match[0]), claim)
        relation = re.search(r"~=|<=|>=|<|>", outside)
        left_text, right_text = claim[: relation.start()], claim[relation.end() :]
        right_text, _, tolerance = right_text.partition("within")
        sides, missing = [], False
        for column, text in (("left", left_text), ("right", right_text)):
            try:
                values, depends = side(text, summary, trials, grid, seeds)
                sides.append((values, depends))
                checker.check(f"{place}: {column}", number(row[column]), float(values.mean()))
            except Missing:
                missing = True
                checker.check(f"{place}: {column}", number(row[column]), None)
        if missing:
            checker.same(f"{place}: outcome", row["outcome"], "undecided")
            continue
        (left, of_left), (right, of_right) = sides
        expected = decide(
            left, right, of_left or of_right, relation[0], float(tolerance or 0), level
        )
        expected["difference"] = float(left.mean()) - float(right.mean())
        if math.isnan(expected["difference"]):
            expected["difference"] = None
        checker.same(f"{place}: n", row["n"], str(len(seeds)))
        for column, value in expected.items():
            if column in ("outcome", "seeds_needed", "test"):
                ours = row[column]
                # Whether a side is a constant changes the name of the test, and nothing else.
                ours = "t" if ours in ("paired t", "one-sample t") else ours
                checker.same(f"{place}: {column}", ours, value or "")
            else:
                checker.check(f"{place}: {column}", number(row[column]), value)
        if expected["p"] is not None:
            tested.append((place, row, expected["p"], level))
    if tested:
        adjusted = multipletests([p for _, _, p, _ in tested], method="holm")[1]
        for (place, row, p, level), p_holm in zip(tested, adjusted):
            checker.check(f"{place}: p_holm", number(row["p_holm"]), float(p_holm))
            fails = row["outcome"] in ("held", "refuted") and p < level <= p_holm
            noted = "after Holm's correction" in row["note"]
            checker.same(f"{place}: note on Holm's correction", noted, fails)


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
