#!/usr/bin/env python3
"""Trains networks in Keras 3 and in bn-runner from the same weights, in the same order of images,
and compares them epoch by epoch.

    python3 -m venv keras && keras/bin/pip install tensorflow-cpu pyyaml safetensors
    cargo build --release
    keras/bin/python scripts/keras_parity.py [--only NAME,NAME] [--backend flex]

The networks are the variants of scripts/parity.yaml. Keys there are Keras' own names, so that a
layer or optimizer becomes its Keras counterpart by its name. Keras draws the first weights; they go
to bn-runner as a safetensors file under `model.initial_weights`. Nothing is shuffled, so that what
is left is the order in which floating-point sums are taken.

Prints a Markdown table, and another of the top-k accuracies. Ends with 1 if a loss differs by more
than 0.2 % or a validation accuracy, also one of those, by more than 0.3 points.
"""

import argparse
import copy
import csv
import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import yaml  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
LOSS_TOLERANCE = 0.002
ACCURACY_TOLERANCE = 0.003


def merged(base, overlay):
    """A variant over the file: maps merge, all else replaces; one optimizer replaces another."""
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return copy.deepcopy(overlay)
    result = copy.deepcopy(base)
    for key, value in overlay.items():
        replaces = key in ("optimizer", "learning_rate")
        result[key] = merged(result[key], value) if key in result and not replaces else value
    return result


def named(entry):
    """`flatten` or `{dense: {units: 3}}` as a name and its parameters."""
    if isinstance(entry, str):
        return entry, {}
    (name, parameters), = entry.items()
    return name, parameters


def camel(name):
    special = {"sgd": "SGD", "adamw": "AdamW", "rmsprop": "RMSprop", "prelu": "PReLU"}
    return special.get(name) or "".join(word.capitalize() for word in name.split("_"))


def keras_object(module, entry):
    """The object of a Keras module that an entry names."""
    name, parameters = named(entry)
    return getattr(module, camel(name).replace("2d", "2D"))(**parameters)


def keras_layer(entry):
    name, parameters = named(entry)
    if name == "activation":
        return keras.layers.Activation(parameters)
    parameters = dict(parameters)
    for key in ("kernel_regularizer", "kernel_constraint"):
        if key in parameters:
            modules = {"kernel_regularizer": keras.regularizers, "kernel_constraint": keras.constraints}
            parameters[key] = keras_object(modules[key], parameters[key])
    cls = getattr(keras.layers, camel(name).replace("2d", "2D"))
    return cls(**parameters)


def smoothing(setup):
    """The label smoothing of a setup's loss."""
    _, parameters = named(setup["training"].get("loss", "sparse_categorical_crossentropy"))
    return parameters.get("label_smoothing", 0)


def top_k(setup):
    """Each k whose accuracy a setup measures."""
    metrics = [named(entry) for entry in setup["training"].get("metrics", [])]
    return [parameters.get("k", 5) for name, parameters in metrics if name == "top_k_accuracy"]


def keras_model(setup):
    layers = [keras.Input((28, 28, 1))] + [keras_layer(e) for e in setup["model"]["layers"]]
    model = keras.Sequential(layers)
    training = setup["training"]
    optimizer, parameters = named(training["optimizer"])
    parameters = dict(parameters)
    if "learning_rate" in training:
        schedules = keras.optimizers.schedules
        schedules.PiecewiseConstant = schedules.PiecewiseConstantDecay
        parameters["learning_rate"] = keras_object(schedules, training["learning_rate"])
    # Keras smooths labels only where they are vectors.
    smooth = smoothing(setup)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=smooth)
    of_k = keras.metrics.TopKCategoricalAccuracy if smooth else keras.metrics.SparseTopKCategoricalAccuracy
    model.compile(
        loss=loss if smooth else "sparse_categorical_crossentropy",
        optimizer=getattr(keras.optimizers, camel(optimizer))(**parameters),
        metrics=["accuracy"] + [of_k(k=k, name=f"top_{k}_accuracy") for k in top_k(setup)],
    )
    return model


def weights_by_path(model):
    """Keras' variables under the names that bn-runner gives them: numbered per kind from nothing."""
    counts, values = {}, {}
    for layer in model.layers:
        kind = "".join("_" + c.lower() if c.isupper() and i and not layer.__class__.__name__[i - 1].isdigit()
                       else c.lower() for i, c in enumerate(layer.__class__.__name__))
        kind = kind.replace("2_d", "2d").replace("p_re_l_u", "prelu").replace("p_relu", "prelu")
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        name = kind if number == 0 else f"{kind}_{number}"
        for variable in layer.weights:
            if "seed_generator" not in variable.path:
                values[f"{name}/{variable.name}"] = np.ascontiguousarray(variable.numpy())
    return values


def images(folder, setup):
    def idx(name):
        path = next(p for p in (folder / name, folder / f"{name}.gz") if p.exists())
        content = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
        shape = [int.from_bytes(content[4 + 4 * i:8 + 4 * i], "big") for i in range(content[3])]
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)

    dataset = setup["dataset"]
    x = idx("train-images-idx3-ubyte")[..., None].astype(np.float32) / np.float32(255)
    y = idx("train-labels-idx1-ubyte").astype(np.int32)
    first = dataset.get("validation", 5000)
    last = first + dataset.get("train_limit", len(x))
    return (x[first:last], y[first:last]), (x[:first], y[:first])


def train_in_keras(setup, folder, weights_file):
    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    model = keras_model(setup)
    save_file(weights_by_path(model), weights_file)
    (x, y), (x_val, y_val) = images(folder, setup)
    if smoothing(setup):
        y, y_val = (keras.utils.to_categorical(labels, 10) for labels in (y, y_val))
    training = setup["training"]
    history = model.fit(
        x, y, batch_size=training.get("batch_size", 32), epochs=training["epochs"], shuffle=False,
        validation_data=(x_val, y_val), verbose=0,
    )
    return history.history


def train_in_bn_runner(program, setup, name, weights_file, folder, backend):
    setup = copy.deepcopy(setup)
    setup["name"] = name
    setup["model"]["initial_weights"] = str(weights_file)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(setup))
    command = [program, "run", file, "-o", folder / "results", "-q", "--backend", backend]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    path = folder / "results" / name / "default" / "seed-1" / "metrics.csv"
    with open(path, newline="") as lines:
        return list(csv.DictReader(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default="", help="variants, parted by commas")
    parser.add_argument("--backend", default="flex")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--program", default=target / "release" / "bn-runner")
    arguments = parser.parse_args()
    file = yaml.safe_load((ROOT / "scripts" / "parity.yaml").read_text())
    variants = file.pop("variants")
    only = [name for name in arguments.only.split(",") if name]
    found = subprocess.run([arguments.program, "data", "fetch"], check=True, capture_output=True, text=True)
    folder = Path(found.stdout.strip())

    print("| network | epoch | loss, Keras | loss | val_loss, Keras | val_loss | val_accuracy, Keras | val_accuracy | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    outside, top = 0, []
    for name, overlay in variants.items():
        if only and name not in only:
            continue
        setup = merged(file, overlay or {})
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            weights = work / "weights.safetensors"
            theirs = train_in_keras(setup, folder, weights)
            ours = train_in_bn_runner(arguments.program, setup, name, weights, work, arguments.backend)
        for epoch, row in enumerate(ours):
            bad = []
            for key in ("loss", "val_loss"):
                if abs(float(row[key]) / theirs[key][epoch] - 1) > LOSS_TOLERANCE:
                    bad.append(key)
            for key in ["val_accuracy"] + [f"val_top_{k}_accuracy" for k in top_k(setup)]:
                if abs(float(row[key]) - theirs[key][epoch]) > ACCURACY_TOLERANCE:
                    bad.append(key)
            outside += len(bad)
            verdict = "**" + ", ".join(bad) + "**" if bad else "ok"
            print(
                f"| {name} | {epoch + 1} | {theirs['loss'][epoch]:.5f} | {float(row['loss']):.5f} "
                f"| {theirs['val_loss'][epoch]:.5f} | {float(row['val_loss']):.5f} "
                f"| {theirs['val_accuracy'][epoch]:.4f} | {float(row['val_accuracy']):.4f} | {verdict} |",
                flush=True,
            )
            for k in top_k(setup):
                key = f"val_top_{k}_accuracy"
                top.append(
                    f"| {name} | {epoch + 1} | {k} | {theirs[key[4:]][epoch]:.4f} | {float(row[key[4:]]):.4f} "
                    f"| {theirs[key][epoch]:.4f} | {float(row[key]):.4f} |"
                )
    if top:
        print()
        print("| network | epoch | k | top-k accuracy, Keras | top-k accuracy | of validation, Keras | of validation |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        print("\n".join(top))
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
