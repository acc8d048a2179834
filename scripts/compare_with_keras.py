#!/usr/bin/env python3
"""Compares a recorded run of experiments/batch_norm.yaml with the same networks in Keras 3.

    bn-runner run experiments/batch_norm.yaml
    python3 scripts/compare_with_keras.py [results folder]

Prints a Markdown table of means over seeds next to Keras' numbers. Ends with 0 if every difference
is within its tolerance, with 1 if one is not, and with 2 if the results are not there or are of
another experiment. Needs nothing but Python 3.
"""

import csv
import sys
from collections import namedtuple
from pathlib import Path

EXPERIMENT = "batch_norm"
LAST_EPOCH = 10

# One row of the table: Keras' value and the difference that is still taken for chance. Early
# epochs are on the steep part of the curve, where seeds differ most.
Reference = namedtuple("Reference", "variant quantity keras tolerance")

REFERENCES = [
    Reference("bn_after", "val_accuracy@1", 0.805, 0.015),
    Reference("bn_after", "val_accuracy@5", 0.859, 0.006),
    Reference("bn_after", "val_accuracy@10", 0.871, 0.006),
    Reference("bn_after", "test_accuracy", 0.856, 0.006),
    Reference("bn_after", "val_loss@10", 0.371, 0.012),
    Reference("bn_before", "val_accuracy@1", 0.782, 0.015),
    Reference("bn_before", "val_accuracy@5", 0.848, 0.006),
    Reference("bn_before", "val_accuracy@10", 0.865, 0.006),
    Reference("bn_before", "test_accuracy", 0.849, 0.006),
    Reference("bn_before", "val_loss@10", 0.391, 0.012),
    Reference("no_bn", "val_accuracy@1", 0.700, 0.025),
    Reference("no_bn", "val_accuracy@5", 0.810, 0.006),
    Reference("no_bn", "val_accuracy@10", 0.839, 0.006),
    Reference("no_bn", "test_accuracy", 0.820, 0.006),
    Reference("no_bn", "val_loss@10", 0.489, 0.012),
]

TITLES = {
    "bn_after": "BN after the activations",
    "bn_before": "BN before the activations",
    "no_bn": "no BN",
}


class Unusable(Exception):
    """Results that cannot be compared, with the reason and a remedy."""


def read(path):
    """The rows of a CSV file, each a dict from column to text."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise Unusable(
            f"cannot read {path}: {error.strerror}; "
            f"first run `bn-runner run experiments/{EXPERIMENT}.yaml`"
        ) from error


def number(row, column, path):
    """A cell as a number. bn-runner leaves a cell empty where there is no number."""
    try:
        return float(row[column])
    except (KeyError, TypeError, ValueError):
        raise Unusable(f"{path} has no number in column `{column}` for {row.get('variant')}") from None


def check_length(curves, path):
    """Other lengths of training have other numbers after the last epoch; they are not compared."""
    last = {}
    for row in curves:
        trial = row["variant"], row["seed"]
        last[trial] = max(last.get(trial, 0), int(number(row, "epoch", path)))
    for (variant, seed), epoch in last.items():
        if variant in TITLES and epoch != LAST_EPOCH:
            raise Unusable(
                f"{path}: {variant}, seed {seed}, has {epoch} epochs; Keras' numbers are for "
                f"{LAST_EPOCH}: run the experiment as it is in the file"
            )


def measure(reference, aggregate, curves, folder):
    """Our mean over seeds, and how many seeds it is of."""
    if "@" in reference.quantity:
        metric, epoch = reference.quantity.split("@")
        path = folder / "curves.csv"
        rows = [
            row for row in curves if row["variant"] == reference.variant and row["epoch"] == epoch
        ]
        column = metric
    else:
        path = folder / "aggregate.csv"
        rows = [row for row in aggregate if row["variant"] == reference.variant]
        if len(rows) > 1:
            raise Unusable(f"{path} has several rows for {reference.variant}: leave out the grid")
        column = f"{reference.quantity}_mean"
    if not rows:
        raise Unusable(f"{path} has no row for {reference.variant}, {reference.quantity}")
    values = [number(row, column, path) for row in rows]
    seeds = len(values) if "@" in reference.quantity else int(number(rows[0], "n", path))
    return sum(values) / len(values), seeds


def compare(folder):
    """Prints the table; returns the rows that are outside their tolerance."""
    aggregate = read(folder / "aggregate.csv")
    curves = read(folder / "curves.csv")
    unfinished = [row["variant"] for row in aggregate if row.get("failed") != "0"]
    if unfinished:
        raise Unusable(f"trials of {', '.join(unfinished)} failed: see {folder / 'summary.csv'}")
    check_length(curves, folder / "curves.csv")

    measured = [(ref, *measure(ref, aggregate, curves, folder)) for ref in REFERENCES]
    outside = []
    print("| network | quantity | bn-runner | Keras 3 | difference | tolerance | seeds | |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for reference, ours, seeds in measured:
        difference = ours - reference.keras
        # Written so that NaN, of a run that diverged, is outside. The last digit is for the
        # rounding of decimal numbers.
        within = abs(difference) <= reference.tolerance + 1e-9
        if not within:
            outside.append(reference)
        print(
            f"| {TITLES[reference.variant]} | {reference.quantity} "
            f"| {ours:.4f} | {reference.keras:.3f} | {difference:+.4f} "
            f"| ±{reference.tolerance:.3f} | {seeds} | {'ok' if within else '**outside**'} |"
        )
    return outside


def main(arguments):
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    folder = Path(arguments[0] if arguments else "results")
    # Both the results folder and the experiment's own folder in it are understood.
    if not (folder / "aggregate.csv").exists():
        folder /= EXPERIMENT
    try:
        outside = compare(folder)
    except Unusable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for reference in outside:
        print(f"outside: {reference.variant}, {reference.quantity}", file=sys.stderr)
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
