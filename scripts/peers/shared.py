"""What the peers have in common: their work as JSON, the data, a line of JSON for each epoch, and the
files that a whole job leaves."""

import csv
import gzip
import json
import os
import sys
import time
from types import SimpleNamespace

# All of it can be left out: `python jax_peer.py '{"networks": ["bn_after"]}'`.
WORK = {
    "networks": ["no_bn", "bn_after", "bn_before"],
    "hidden": [300, 100],
    "convolutions": False,
    "epochs": 3,
    "batch": 32,
    "learning_rate": 0.001,
    "momentum": 0.0,
    "train_limit": None,
    "validation": 5000,
    "threads": 2,
    "outputs": None,
}


def options(**own):
    """The work that the command line describes; `own` are defaults of the peer's own options."""
    text = sys.argv[1] if len(sys.argv) > 1 else "{}"
    given = SimpleNamespace(**{**WORK, **own, **json.loads(text)})
    # Before the libraries are loaded: their pools are as large as what they find here.
    for name in (
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS", "NPROC", "PJRT_NPROC",
    ):
        os.environ[name] = str(given.threads)
    return given


def read(name):
    import numpy as np

    folder = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
    path = os.path.join(folder, name)
    opened = open(path.removesuffix(".gz"), "rb") if not os.path.exists(path) else gzip.open(path)
    with opened as file:
        data = file.read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def rows(given):
    """Training and validation rows, pixels as bytes: the first ones validate, as in bn-runner."""
    import numpy as np

    images = read("train-images-idx3-ubyte.gz").reshape(60000, -1)
    labels = read("train-labels-idx1-ubyte.gz").astype(np.int32)
    start = given.validation
    end = len(images) if given.train_limit is None else start + given.train_limit
    return (images[start:end], labels[start:end]), (images[:start], labels[:start])


epochs = []


def report(network, epoch, start, loss, accuracy, val_loss, val_accuracy):
    """`start` is when the epoch began; its end is now, validation included."""
    line = {
        "network": network,
        "epoch": epoch,
        "seconds": time.perf_counter() - start,
        "loss": float(loss),
        "accuracy": float(accuracy),
        "val_loss": float(val_loss),
        "val_accuracy": float(val_accuracy),
        "ended": time.time(),
    }
    epochs.append(line)
    print(json.dumps(line), flush=True)


def finish(given):
    """The files of a whole job, if they are asked for: all numbers as CSV, their curves as a chart."""
    if given.outputs is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(os.path.join(given.outputs, "curves.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, epochs[0])
        writer.writeheader()
        writer.writerows(epochs)
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for panel, quantity in zip(panels, ("loss", "accuracy")):
        for network in given.networks:
            own = [line for line in epochs if line["network"] == network]
            for prefix, style in (("", "--"), ("val_", "-")):
                numbers = [line[prefix + quantity] for line in own]
                panel.plot([line["epoch"] for line in own], numbers, style, label=prefix + network)
        panel.set(xlabel="epoch", ylabel=quantity)
    panels[0].legend()
    figure.savefig(os.path.join(given.outputs, "curves.png"), dpi=120)
