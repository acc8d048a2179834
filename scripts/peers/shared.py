"""What the peers have in common: the data, the options, and a line of JSON for each epoch."""

import argparse
import gzip
import json
import os
import resource
import time

NETWORKS = ("no_bn", "bn_after", "bn_before")


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", default="300,100", help="widths of the hidden layers")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    given.networks = given.networks.split(",")
    given.hidden = [int(width) for width in given.hidden.split(",")]
    # Before the libraries are loaded: their pools are as large as what they find here.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC", "PJRT_NPROC"):
        os.environ[name] = str(given.threads)
    return given


def read(name):
    import numpy as np

    folder = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
    with gzip.open(os.path.join(folder, name)) as file:
        data = file.read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def rows():
    """Training and validation rows, pixels as bytes."""
    import numpy as np

    images = read("train-images-idx3-ubyte.gz").reshape(60000, -1)
    labels = read("train-labels-idx1-ubyte.gz").astype(np.int32)
    return (images[5000:], labels[5000:]), (images[:5000], labels[:5000])


def report(network, epoch, start, loss, val_accuracy):
    """`start` is when the epoch began; its end is now, validation included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {
        "network": network,
        "epoch": epoch,
        "seconds": time.perf_counter() - start,
        "loss": float(loss),
        "val_accuracy": float(val_accuracy),
        "peak_mb": peak,
    }
    print(json.dumps(line), flush=True)
