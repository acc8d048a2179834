"""Runs this project and its peers in turn, round after round, and writes a table and a chart.

Called by bench.sh, which has made an environment for each peer. A number in the table is the median
over rounds; each round's is the median over the epochs after the first, in which JAX compiles.
"""

import argparse
import csv
import datetime
import glob
import json
import os
import platform
import shutil
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORKS = ("no_bn", "bn_after", "bn_before")
CORES = len(os.sched_getaffinity(0))


def network_layers(network, hidden):
    layers = ["flatten"] + ["batch_normalization"] * (network != "no_bn")
    for units in hidden:
        if network == "bn_before":
            layers.append({"dense": {"units": units, "use_bias": False}})
            layers += ["batch_normalization", {"activation": "relu"}]
        else:
            layers.append({"dense": {"units": units, "activation": "relu"}})
            layers += ["batch_normalization"] * (network == "bn_after")
    return layers + [{"dense": {"units": 10, "activation": "softmax"}}]


def experiment(case):
    """A file for bn-runner; YAML reads JSON."""
    variants = {n: {"model": {"layers": network_layers(n, case["hidden"])}} for n in case["networks"]}
    return {
        "name": "bench",
        "dataset": {"name": "fashion_mnist", "validation": 5000, "scaling": "unit"},
        "model": next(iter(variants.values()))["model"],
        "training": {
            "loss": "sparse_categorical_crossentropy",
            "optimizer": {"sgd": {"learning_rate": 0.001}},
            "batch_size": case["batch"],
            "epochs": case["epochs"],
        },
        "seeds": list(range(1, case["trials"] + 1)),
        "variants": variants,
    }


def measured(commands):
    """Runs commands at the same time. Seconds until the last has ended, their largest peak of memory in
    MB, and what they printed."""
    start = time.perf_counter()
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for command in commands
    ]
    peak, printed = 0.0, []
    for command, child in zip(commands, children):
        printed.append(child.stdout.read())
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"failed: {' '.join(command)}")
        peak = max(peak, usage.ru_maxrss / 1024)
    return time.perf_counter() - start, peak, printed


def steady(epochs):
    """The median of each network's epochs but the first."""
    of = {}
    for network, number, seconds in epochs:
        if number > 1:
            of.setdefault(network, []).append(seconds)
    return {network: statistics.median(values) for network, values in of.items()}


def ours(given, case):
    path, out = os.path.join(given.work, "bench.yaml"), os.path.join(given.work, "results")
    shutil.rmtree(out, ignore_errors=True)
    with open(path, "w") as file:
        json.dump(experiment(case), file)
    command = [given.runner, "run", path, "-o", out, "-j", str(case["trials"]), "--force"]
    seconds, peak, _ = measured([command])
    epochs = []
    for name in glob.glob(os.path.join(out, "bench", "*", "seed-*", "metrics.csv")):
        with open(name) as file:
            network = name.split(os.sep)[-3]
            rows = list(csv.DictReader(file))
            epochs += [(network, int(row["epoch"]), float(row["epoch_seconds"])) for row in rows]
    return steady(epochs), seconds, peak


def peer(given, case, name):
    python = os.path.join(given.work, name, "bin", "python")
    trials = case["trials"]
    threads = CORES if trials == 1 else 1
    command = [python, os.path.join(HERE, "peers", f"{name}_peer.py")]
    command += ["--networks", ",".join(case["networks"]), "--epochs", str(case["epochs"])]
    command += ["--batch", str(case["batch"]), "--hidden", ",".join(map(str, case["hidden"]))]
    command += ["--threads", str(threads)]
    pinned = [["taskset", "-c", str(core), *command] for core in sorted(os.sched_getaffinity(0))]
    seconds, peak, printed = measured([command] if trials == 1 else pinned[:trials])
    lines = [json.loads(line) for text in printed for line in text.splitlines()]
    epochs = [(line["network"], line["epoch"], line["seconds"]) for line in lines]
    return steady(epochs), seconds, peak


def cases(only):
    base = {"networks": NETWORKS, "epochs": 4, "batch": 32, "hidden": [300, 100], "trials": 1}
    after = {**base, "networks": ("bn_after",)}
    everything = {
        "epoch": ("one trial", base),
        "pair": (f"{CORES} trials at once", {**after, "trials": CORES}),
        "batch": ("batch 256", {**after, "batch": 256}),
        "wide": ("hidden 1024 × 1024", {**after, "hidden": [1024, 1024], "epochs": 3}),
        "job": ("three networks × 10 epochs", {**base, "epochs": 10}),
    }
    return {key: everything[key] for key in (only or everything)}


def cell(values):
    if not values:
        return "–"
    middle = statistics.median(values)
    return f"{middle:.3g} ({min(values):.3g}–{max(values):.3g})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", required=True)
    parser.add_argument("--only", nargs="+", choices=["epoch", "pair", "batch", "wide", "job"])
    parser.add_argument("--docs", default=os.path.join(HERE, "..", "docs"))
    given = parser.parse_args()

    who = ["bn-runner", *given.peers]
    table, chosen = {}, cases(given.only)
    for turn in range(given.rounds):
        for key, (title, case) in chosen.items():
            for name in who:
                epochs, seconds, peak = (
                    ours(given, case) if name == "bn-runner" else peer(given, case, name)
                )
                if key == "job":
                    numbers = {"whole job, s": seconds, "its peak of memory, MB": peak}
                else:
                    numbers = {f"{net}, {title}, s per epoch": s for net, s in epochs.items()}
                for row, number in numbers.items():
                    table.setdefault(row, {}).setdefault(name, []).append(number)
                    print(f"round {turn + 1}: {row}: {name}: {number:.3f}", flush=True)
    write(given, who, table)


def write(given, who, table):
    lines = ["# Speed", ""]
    version = subprocess.run([given.runner, "--version"], capture_output=True, text=True)
    lines += [
        f"{version.stdout.strip()}, {datetime.date.today()}, {CORES} cores ({platform.machine()}). Written by "
        f"`bash scripts/bench.sh`, {given.rounds} rounds in turn; medians, with the lowest and the "
        "highest round. Epochs are those after the first, validation included. Several trials at once "
        "are, for the peers, as many processes, each pinned to a core.",
        "",
        "| | " + " | ".join(who) + " |",
        "| --- |" + " --- |" * len(who),
    ]
    for row, cells in table.items():
        lines.append(f"| {row} | " + " | ".join(cell(cells.get(name)) for name in who) + " |")
    lines += ["", "![The table as bars](images/performance.png)", ""]
    os.makedirs(os.path.join(given.docs, "images"), exist_ok=True)
    with open(os.path.join(given.docs, "performance.md"), "w") as file:
        file.write("\n".join(lines))
    draw(os.path.join(given.docs, "images", "performance.png"), who, table)


def draw(path, who, table):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in table if "epoch" in row]
    if not rows:
        return
    figure, axes = pyplot.subplots(figsize=(9, 0.9 * len(rows) + 1.5), layout="constrained")
    height = 0.8 / len(who)
    for i, name in enumerate(who):
        middles = [statistics.median(table[row].get(name, [0])) for row in rows]
        places = [place + i * height for place in range(len(rows))]
        bars = axes.barh(places, middles, height * 0.9, label=name)
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(rows))])
    axes.set_yticklabels([row.removesuffix(", s per epoch") for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("seconds per epoch of 55,000 images, validation included")
    axes.legend()
    figure.savefig(path, dpi=120)


main()
