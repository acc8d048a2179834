"""Runs one contender on one case, and says what it took."""

import csv
import datetime
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Seconds after which a contender has failed.
LIMIT = 1200
CHECKS = 20


class Failed(Exception):
    pass


def dense_layers(network, hidden):
    layers = ["flatten"] + ["batch_normalization"] * (network != "no_bn")
    for units in hidden:
        if network == "bn_before":
            layers.append({"dense": {"units": units, "use_bias": False}})
            layers += ["batch_normalization", {"activation": "relu"}]
        else:
            layers.append({"dense": {"units": units, "activation": "relu"}})
            layers += ["batch_normalization"] * (network == "bn_after")
    return layers + [{"dense": {"units": 10, "activation": "softmax"}}]


def experiment(work, trials):
    """A file for bn-runner; YAML reads JSON."""
    sgd = {"learning_rate": work.learning_rate, "momentum": work.momentum}
    variants = {
        network: {"model": {"layers": dense_layers(network, work.hidden)}}
        for network in work.networks
    }
    limit = {} if work.train_limit is None else {"train_limit": work.train_limit}
    return {
        "name": "bench",
        "dataset": {
            "name": "fashion_mnist", "validation": work.validation, "scaling": "unit", **limit
        },
        "model": next(iter(variants.values()))["model"],
        "training": {
            "loss": "sparse_categorical_crossentropy",
            "optimizer": {"sgd": sgd},
            "batch_size": work.batch,
            "epochs": work.epochs,
        },
        "seeds": list(range(1, trials + 1)),
        "variants": variants,
    }


def busy():
    """CPU seconds that this machine has been busy for, since it was started."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    """Megabytes in memory of a process and all that it has started; its own highest."""

    def lines(pid):
        with open(f"/proc/{pid}/status") as file:
            return dict(line.split(":", 1) for line in file)

    def of(pid, key):
        return int(lines(pid).get(key, "0 kB").split()[0]) / 1024

    def tree(pid):
        total = of(pid, "VmRSS")
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            with open(path) as file:
                total += sum(map(tree, file.read().split()))
        return total

    try:
        return max(tree(pid), of(pid, "VmHWM"))
    except (OSError, ValueError):
        return 0.0  # It has just ended.


def end(children):
    for child in children:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def measured(commands, variables, folder, fine=(0,)):
    """Runs commands at the same time. What they printed, and a record of what they took together.
    Their exit codes have to be `fine`."""
    outputs = [os.path.join(folder, f"output-{i}.txt") for i in range(len(commands))]
    errors = os.path.join(folder, "errors.txt")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    busy_before, start, clock = busy(), time.time(), time.perf_counter()
    children, ended, peak = [], threading.Event(), 0.0
    with open(errors, "w") as error:
        for command, output in zip(commands, outputs):
            with open(output, "w") as file:
                # In a session of its own, so that `end` reaches what it has started.
                child = subprocess.Popen(
                    command, stdout=file, stderr=error, env=environment, start_new_session=True
                )
            children.append(child)

    def watch():
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, sum(resident(child.pid) for child in children))
            if time.perf_counter() - clock > LIMIT:
                return end(children)

    watcher = threading.Thread(target=watch)
    watcher.start()
    own, failed = 0.0, None
    try:
        for command, child in zip(commands, children):
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            own += usage.ru_utime + usage.ru_stime
            # What ends before anybody has looked at it.
            peak = max(peak, usage.ru_maxrss / 1024)
            if child.returncode not in fine:
                failed = command, child.returncode
        seconds = time.perf_counter() - clock
    finally:
        ended.set()
        watcher.join()
        end([child for child in children if child.returncode is None])
    if failed:
        with open(errors) as file:
            said = file.read().strip()[-1500:]
        raise Failed(f"{' '.join(failed[0])} ended with {failed[1]}:\n{said}")
    others = busy() - busy_before - own
    cores = len(os.sched_getaffinity(0))
    return [open(output).read() for output in outputs], {
        "start": start,
        "seconds": seconds,
        "peak_mb": peak,
        # The share of the machine that somebody else used meanwhile.
        "others": max(0.0, others / (seconds * cores)),
    }


def pinned(command, core):
    return ["taskset", "-c", str(core), *command]


def ours(given, case, contender, folder):
    out, events = os.path.join(folder, "results"), os.path.join(folder, "events.jsonl")
    if case.kind == "check":
        files = sorted(glob.glob(os.path.join(ROOT, "experiments", "*.yaml")))
        command = [given.runner, "check", *files]
        runs = [measured([command], {}, folder)[1] for _ in range(CHECKS)]
        seconds = statistics.median(run["seconds"] for run in runs)
        return {**runs[0], "seconds": seconds, "files": len(files)}
    if case.work.convolutions:
        path = os.path.join(ROOT, "experiments", "convnet.yaml")
        sets = {
            "training.epochs": case.work.epochs,
            "dataset.train_limit": case.work.train_limit,
            "dataset.validation": case.work.validation,
        }
        options = [f"--set={key}={value}" for key, value in sets.items()]
    else:
        path, options = os.path.join(folder, "bench.yaml"), []
        with open(path, "w") as file:
            json.dump(experiment(case.work, contender.copies), file)
    command = [given.runner, "run", path, "--out", out, "--events", events, *options]
    if case.kind != "job":
        command += ["--jobs", str(contender.copies)]
    if contender.threads == 1:
        command = pinned(command, min(os.sched_getaffinity(0)))
    # 5: its claims, which the convolutional file has, did not hold in so little training.
    _, record = measured([command], {}, folder, fine=(0, 5))
    epochs = []
    for name in glob.glob(os.path.join(out, "*", "*", "seed-*", "metrics.csv")):
        with open(name) as file:
            for row in csv.DictReader(file):
                epochs.append({
                    "network": name.split(os.sep)[-3],
                    "epoch": int(row["epoch"]),
                    "seconds": float(row["epoch_seconds"]),
                    "val_accuracy": float(row["val_accuracy"]),
                })
    if case.kind == "job":
        demand(os.path.join(out, "report.html"), os.path.join(out, "bench", "learning_curves.png"))
    if case.kind == "first":
        with open(events) as file:
            lines = map(json.loads, file)
            ended = next(line["time"] for line in lines if line["event"] == "epoch")
        ended = datetime.datetime.fromisoformat(ended.replace("Z", "+00:00")).timestamp()
        record["first"] = ended - record["start"]
    return {**record, "epochs": epochs}


def peer(given, case, contender, folder):
    python = os.path.join(given.work, contender.environment, "bin", "python")
    script = os.path.join(ROOT, "scripts", "peers", f"{contender.script}_peer.py")
    work = {**case.work.as_json(), **contender.options, "threads": contender.threads}
    work["outputs"] = folder if case.kind == "job" else None
    command = [python, "-B", script, json.dumps(work)]
    commands = [command]
    if contender.threads == 1:
        cores = sorted(os.sched_getaffinity(0))[: contender.copies]
        commands = [pinned(command, core) for core in cores]
    # Compiled once for all rounds; an epoch that compiles is not counted anyway.
    cache = {"TORCHINDUCTOR_CACHE_DIR": os.path.join(given.work, "inductor")}
    printed, record = measured(commands, {**cache, **contender.variables}, folder)
    epochs = [json.loads(line) for text in printed for line in text.splitlines()]
    if case.kind == "job":
        demand(os.path.join(folder, "curves.csv"), os.path.join(folder, "curves.png"))
    record["first"] = epochs[0]["ended"] - record["start"]
    kept = ("network", "epoch", "seconds", "val_accuracy")
    return {**record, "epochs": [{key: line[key] for key in kept} for line in epochs]}


def demand(*paths):
    for path in paths:
        if not os.path.getsize(path):
            raise Failed(f"{path} is empty")


def describe(case, contender):
    """What a record is about."""
    about = {"part": case.part, "case": case.key, "contender": contender.title()}
    return {**about, "options": contender.options, "work": case.work.as_json()}


def measure(given, case, contender):
    """What a record says. Whoever fails does not stop the others."""
    folder = os.path.join(given.work, "now")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        return (peer if contender.script else ours)(given, case, contender, folder)
    except (Failed, OSError, LookupError, ValueError, StopIteration) as error:
        return {"failed": f"{type(error).__name__}: {error}"}
