#!/usr/bin/env python3
"""Has the real TensorBoard read the event files of a results folder, and compares every number.

    bn-runner run experiments/batch_norm.yaml --tensorboard
    python3 scripts/check_tensorboard.py [results folder]

TensorBoard comes from PyPI, into a venv in a temporary folder, unless it is installed. Every point of
every trial must be what metrics.csv and manifest.json say, as a 32-bit float, which is what Keras
writes and TensorBoard shows: as its EventAccumulator loads the files, and as a server answers over
HTTP, once with its data server and once with its reader in Python. The HPARAMS tab must have a row
for every trial, with its settings, its numbers and how it ended. Histograms of diagnostics are
those of histograms.csv. Ends with 0 if all is so, with 1 if not, and with 2 if there are no event files.
"""

import argparse
import csv
import importlib.util
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import venv
from datetime import datetime
from pathlib import Path

# hparams' `Status`
STATUS = {"completed": "STATUS_SUCCESS", "failed": "STATUS_FAILURE"}
# Columns of metrics.csv that are no metrics.
NO_METRICS = {"epoch", "epoch_seconds", "elapsed_seconds"}


def float32(number):
    """The nearest 32-bit float."""
    return struct.unpack("f", struct.pack("f", number))[0]


class Checker:
    """Counts comparisons and tells those that fail."""

    def __init__(self):
        self.agreed = 0
        self.failures = []

    def same(self, where, found, wanted):
        if found == wanted:
            self.agreed += 1
        else:
            self.failures.append(f"{where}: {found!r} in TensorBoard, {wanted!r} recorded")


class Trial:
    """What bn-runner has recorded of a trial, apart from its event files."""

    def __init__(self, results, folder):
        self.folder = folder
        self.session = str((folder / "tensorboard").relative_to(results))
        self.manifest = json.loads((folder / "manifest.json").read_text())
        # By run and tag, the values by step.
        self.series = {}
        with open(folder / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            for column, cell in row.items():
                if column not in NO_METRICS and cell != "":
                    name = column.removeprefix("val_")
                    run = "train" if name == column else "validation"
                    points = self.series.setdefault((f"{self.session}/{run}", f"epoch_{name}"), {})
                    points[int(row["epoch"]) - 1] = float32(float(cell))
        # By run and tag, the bins by step: left edge, right edge, count.
        self.histograms = {}
        if (folder / "histograms.csv").exists():
            with open(folder / "histograms.csv", newline="") as file:
                for row in csv.DictReader(file):
                    tag = f"{row['layer']}/{row['quantity']}/histogram"
                    bins = self.histograms.setdefault((f"{self.session}/train", tag), {})
                    bins[int(row["epoch"]) - 1] = bins_of(row)
        outcome = self.manifest.get("outcome") or {}
        for key, value in outcome.items():
            if key.startswith("test_"):
                self.series[(self.session, key)] = {len(rows) - 1: float32(value)}

    def settings(self):
        """Some settings that the HPARAMS tab must show."""
        keys = [value["key"] for value in self.manifest["grid"]]
        short = [key.rpartition(".")[2] for key in keys]
        names = [s if short.count(s) == 1 else key for s, key in zip(short, keys)]
        settings = {name: point["value"] for name, point in zip(names, self.manifest["grid"])}
        for name in ["variant", "seed", "backend", "epochs"]:
            settings.setdefault(name, self.manifest[name])
        return settings


def bins_of(row):
    lower, upper = float(row["lower"]), float(row["upper"])
    counts = [float(count) for column, count in row.items() if column.startswith("count_")]
    if lower == upper:
        return [[lower - 0.5, upper + 0.5, sum(counts)]]
    edges = [lower + (upper - lower) * i / len(counts) for i in range(len(counts) + 1)]
    return [list(bin) for bin in zip(edges, edges[1:], counts)]


def same_bins(found, wanted):
    """Whether bins are the same, edges but for rounding."""
    room = 1e-9 * (abs(wanted[0][0]) + abs(wanted[-1][1]) + 1e-300) if wanted else 0
    return len(found) == len(wanted) and all(
        f[2] == w[2] and abs(f[0] - w[0]) <= room and abs(f[1] - w[1]) <= room
        for f, w in zip(found, wanted)
    )


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_points(checker, how, run, tag, trial, points):
    """Compares (wall time, step, value) with what is recorded."""
    where = f"{how}, {run}, {tag}"
    wanted = trial.series[(run, tag)]
    checker.same(f"{where}, steps", [step for _, step, _ in points], sorted(wanted))
    for _, step, value in points:
        checker.same(f"{where}, step {step}", float32(float(value)), wanted.get(step))
    times = [at for at, _, _ in points]
    checker.same(f"{where}, times in order", times, sorted(times))
    # The first epochs of a trial that was prolonged are older than itself.
    ended = trial.manifest.get("ended")
    if ended and times:
        checker.same(f"{where}, in time", times[-1] <= seconds(ended) + 1.0, True)


def by_accumulator(checker, trials, results):
    """Loads every file as TensorBoard's library does."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    for trial in trials:
        runs = {}
        for run, tag in [*trial.series, *trial.histograms]:
            runs.setdefault(run, set()).add(tag)
        for run, tags in runs.items():
            loaded = EventAccumulator(str(results / run), size_guidance={"tensors": 0})
            loaded.Reload()
            found = {tag for tag in loaded.Tags()["tensors"] if not tag.startswith("_hparams_/")}
            checker.same(f"loaded, {run}, tags", found, tags)
            for tag in found & tags:
                if (run, tag) in trial.histograms:
                    by_step = trial.histograms[run, tag]
                    events = loaded.Tensors(tag)
                    checker.same(f"loaded, {run}, {tag}, steps", [e.step for e in events], sorted(by_step))
                    for event in events:
                        bins = tensor_util.make_ndarray(event.tensor_proto).tolist()
                        fine = same_bins(bins, by_step.get(event.step, []))
                        checker.same(f"loaded, {run}, {tag}, step {event.step}", fine, True)
                    metadata = loaded.SummaryMetadata(tag)
                    checker.same(f"loaded, {run}, {tag}, class", metadata.data_class, 2)
                    checker.same(f"loaded, {run}, {tag}, plugin", metadata.plugin_data.plugin_name, "histograms")
                    continue
                points = [
                    (event.wall_time, event.step, tensor_util.make_ndarray(event.tensor_proto).item())
                    for event in loaded.Tensors(tag)
                ]
                check_points(checker, "loaded", run, tag, trial, points)
                metadata = loaded.SummaryMetadata(tag)
                checker.same(f"loaded, {run}, {tag}, class", metadata.data_class, 1)
                checker.same(f"loaded, {run}, {tag}, plugin", metadata.plugin_data.plugin_name, "scalars")


class Server:
    """A TensorBoard that serves a folder."""

    def __init__(self, folder, fast):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        # All points, where 1,000 are drawn otherwise. 0 is all to one reader and none to the other.
        options = ["--port", str(port), "--load_fast", fast, "--samples_per_plugin", "scalars=1000000,histograms=1000000"]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), *options],
            stdout=self.log,
            stderr=self.log,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def get(self, path, **query):
        return self.ask(f"{path}?{urllib.parse.urlencode(query)}" if query else path, None)

    def post(self, path, body, kind="application/json"):
        return self.ask(path, (body.encode(), kind))

    def ask(self, path, body):
        request = urllib.request.Request(self.address + path)
        if body:
            request.data, kind = body
            request.add_header("Content-Type", kind)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def wait_for(self, runs):
        """Waits until so many runs are loaded, or none more have come for a while."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < 20:
            try:
                tags = self.get("/data/plugin/scalars/tags")
            except OSError:
                tags = {}
            if len(tags) != seen:
                seen, since = len(tags), time.monotonic()
            if seen >= runs:
                time.sleep(2.0)
                return
            if self.process.poll() is not None:
                self.log.seek(0)
                sys.exit("TensorBoard has ended:\n" + self.log.read().decode())
            time.sleep(0.5)


def by_server(checker, trials, folder, fast):
    """Asks a server for everything that its pages ask for."""
    how = "data server" if fast == "true" else "server"
    series = {key: trial for trial in trials for key in trial.series}
    runs = {run for run, _ in series}
    with Server(folder, fast) as server:
        server.wait_for(len(runs))
        tags = server.get("/data/plugin/scalars/tags")
        found = {(run, tag) for run, tags in tags.items() for tag in tags}
        checker.same(f"{how}, runs and tags", found, set(series))
        histograms = {key: trial for trial in trials for key in trial.histograms}
        if histograms:
            tags = server.get("/data/plugin/histograms/tags")
            found = {(run, tag) for run, tags in tags.items() for tag in tags}
            checker.same(f"{how}, runs and tags of histograms", found, set(histograms))
        for (run, tag), trial in histograms.items():
            wanted = trial.histograms[run, tag]
            answer = server.get("/data/plugin/histograms/histograms", run=run, tag=tag)
            checker.same(f"{how}, {run}, {tag}, steps", [step for _, step, _ in answer], sorted(wanted))
            for _, step, bins in answer:
                fine = same_bins(bins, wanted.get(step, []))
                checker.same(f"{how}, {run}, {tag}, step {step}", fine, True)
        tags = server.get("/data/plugin/timeseries/tags")
        found = {(r, t) for r, tags in tags["scalars"]["runTagInfo"].items() for t in tags}
        checker.same(f"{how}, runs and tags of time series", found, set(series))
        for (run, tag), trial in series.items():
            points = server.get("/data/plugin/scalars/scalars", run=run, tag=tag)
            check_points(checker, how, run, tag, trial, points)
        for tag in {tag for _, tag in series}:
            asked = urllib.parse.urlencode(
                {"requests": json.dumps([{"plugin": "scalars", "tag": tag}])}
            )
            kind = "application/x-www-form-urlencoded"
            [answer] = server.post("/data/plugin/timeseries/timeSeries", asked, kind)
            found = answer["runToSeries"]
            checker.same(
                f"{how}, {tag}, time series", set(found), {run for run, of in series if of == tag}
            )
            for run, points in found.items():
                if (run, tag) in series:
                    points = [(point["wallTime"], point["step"], point["value"]) for point in points]
                    check_points(checker, f"{how}, time series", run, tag, series[run, tag], points)
        hparams(checker, how, server, trials)


def hparams(checker, how, server, trials):
    """The HPARAMS tab: columns, a row per trial, and the curves behind it."""
    experiment = server.post("/data/plugin/hparams/experiment", "{}")
    columns = {info["name"]: info for info in experiment["hparamInfos"]}
    metrics = [
        (info["name"].get("group", ""), info["name"]["tag"]) for info in experiment["metricInfos"]
    ]
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    request = {
        "startIndex": 0,
        "sliceSize": 100000,
        "colParams": [],
        "allowedStatuses": statuses,
    }
    answer = server.post("/data/plugin/hparams/session_groups", json.dumps(request))
    rows = {}
    for group in answer["sessionGroups"]:
        checker.same(f"{how}, sessions of {group['name']}", len(group["sessions"]), 1)
        rows[group["sessions"][0]["name"]] = group
    checker.same(f"{how}, rows of HPARAMS", set(rows), {trial.session for trial in trials})
    checker.same(f"{how}, number of rows", answer["totalSize"], len(trials))
    for trial in trials:
        group = rows.get(trial.session)
        if group is None:
            continue
        where = f"{how}, HPARAMS, {trial.session}"
        for name, value in trial.settings().items():
            checker.same(f"{where}, {name}", group["hparams"].get(name), value)
        for name in group["hparams"]:
            checker.same(f"{where}, a column for {name}", name in columns, True)
        [session] = group["sessions"]
        wanted = STATUS.get(trial.manifest["status"], "STATUS_UNKNOWN")
        checker.same(f"{where}, status", session.get("status", "STATUS_UNKNOWN"), wanted)
        values = {
            (value["name"].get("group", ""), value["name"]["tag"]): value
            for value in session["metricValues"]
        }
        for name in metrics:
            key = (f"{trial.session}/{name[0]}".rstrip("/"), name[1])
            series = trial.series.get(key)
            checker.same(f"{where}, has {name}", name in values, series is not None)
            if series and name in values:
                last = max(series)
                found = values[name]
                checker.same(f"{where}, {name}", float32(float(found["value"])), series[last])
                checker.same(f"{where}, step of {name}", found.get("trainingStep", 0), last)
                request = {
                    "sessionName": trial.session,
                    "metricName": {"group": name[0], "tag": name[1]},
                }
                points = server.post("/data/plugin/hparams/metric_evals", json.dumps(request))
                check_points(checker, f"{how}, HPARAMS", *key, trial, points)


def with_tensorboard():
    """Runs this script again in a venv that has TensorBoard."""
    with tempfile.TemporaryDirectory(prefix="check-tensorboard-") as folder:
        print("installing TensorBoard into a temporary venv", file=sys.stderr)
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "tensorboard"], check=True)
        return subprocess.run([python, *sys.argv]).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    results = parser.parse_args().results.resolve()
    folders = sorted(path.parent for path in results.rglob("tensorboard/train"))
    folders = [path.parent for path in folders if (path.parent / "metrics.csv").exists()]
    if not folders:
        print(f"no event files in {results}: `bn-runner run --tensorboard` makes them", file=sys.stderr)
        return 2
    if importlib.util.find_spec("tensorboard") is None:
        return with_tensorboard()
    import tensorboard

    trials = [Trial(results, folder) for folder in folders]
    checker = Checker()
    by_accumulator(checker, trials, results)
    for fast in ["true", "false"]:
        by_server(checker, trials, results, fast)
    for failure in checker.failures[:40]:
        print(f"FAILED {failure}")
    points = sum(len(points) for trial in trials for points in trial.series.values())
    print(
        f"TensorBoard {tensorboard.__version__}: "
        f"{len(trials)} trials, {points} points, {checker.agreed} comparisons agree, "
        f"{len(checker.failures)} do not"
    )
    return 1 if checker.failures else 0


if __name__ == "__main__":
    sys.exit(main())
