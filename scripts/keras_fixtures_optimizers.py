"""Writes what Keras 3 computes with each optimizer, schedule and callback, for tests/keras_optimizers.rs.

    python3 scripts/keras_fixtures_optimizers.py            # needs keras and tensorflow (or tensorflow-cpu)

Writes into tests/fixtures:
    optimizer_<name>.json   training steps of one small network, each optimizer with several sets of options
    schedules.json          learning rates at many steps
    callbacks.json          what EarlyStopping and ReduceLROnPlateau decide on made-up metrics

Options have bn-runner's names, which are Keras'. Numbers are 32-bit ones in full, so that they read
back as the very numbers that Keras had.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import tensorflow as tf

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
MADE_BY = f"scripts/keras_fixtures_optimizers.py, keras {keras.__version__}, tensorflow {tf.__version__}, float32"
STEPS = 4

# -- optimizers --------------------------------------------------------------------------------------------------------

# Rates are high, so that a wrong formula shows in the weights' leading digits after a few steps.
OPTIMIZERS = {
    "sgd": (
        keras.optimizers.SGD,
        [
            {},
            {"learning_rate": 0.2, "momentum": 0.9},
            {"learning_rate": 0.2, "momentum": 0.9, "nesterov": True},
            {"learning_rate": 0.2, "weight_decay": 0.3},
            {"learning_rate": 0.2, "momentum": 0.8, "weight_decay": 0.1, "clipnorm": 0.05},
            {"learning_rate": 0.5, "clipvalue": 0.02},
            {"learning_rate": 0.5, "global_clipnorm": 0.1},
            {"learning_rate": 0.5, "global_clipnorm": 100.0},
            {"learning_rate": 0.5, "clipnorm": 100.0},
        ],
    ),
    "rmsprop": (
        keras.optimizers.RMSprop,
        [
            {},
            {"learning_rate": 0.02, "rho": 0.8},
            {"learning_rate": 0.02, "momentum": 0.9},
            {"learning_rate": 0.02, "centered": True, "epsilon": 1e-3},
            {"learning_rate": 0.02, "centered": True, "momentum": 0.5, "epsilon": 1e-3, "weight_decay": 0.1},
            {"learning_rate": 0.02, "clipvalue": 0.02},
        ],
    ),
    "adagrad": (
        keras.optimizers.Adagrad,
        [
            {},
            {"learning_rate": 0.2},
            {"learning_rate": 0.2, "initial_accumulator_value": 0.01, "epsilon": 1e-2},
            {"learning_rate": 0.2, "weight_decay": 0.1, "clipnorm": 0.1},
        ],
    ),
    "adadelta": (
        keras.optimizers.Adadelta,
        [
            {},
            {"learning_rate": 1.0, "epsilon": 1e-3},
            {"learning_rate": 1.0, "rho": 0.5, "epsilon": 1e-2, "weight_decay": 0.05},
            {"learning_rate": 1.0, "epsilon": 1e-3, "global_clipnorm": 0.1},
        ],
    ),
    "adam": (
        keras.optimizers.Adam,
        [
            {},
            {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2},
            {"learning_rate": 0.05, "amsgrad": True, "beta_2": 0.6, "epsilon": 1e-3},
            {"learning_rate": 0.05, "weight_decay": 0.2, "epsilon": 1e-3},
            {"learning_rate": 0.05, "epsilon": 1e-3, "global_clipnorm": 0.1},
        ],
    ),
    "adamax": (
        keras.optimizers.Adamax,
        [
            {},
            {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-2},
            {"learning_rate": 0.05, "epsilon": 1e-3, "weight_decay": 0.2, "clipnorm": 0.1},
        ],
    ),
    "nadam": (
        keras.optimizers.Nadam,
        [
            {},
            {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2},
            {"learning_rate": 0.05, "epsilon": 1e-3, "weight_decay": 0.2, "clipvalue": 0.05},
        ],
    ),
    "adamw": (
        keras.optimizers.AdamW,
        [
            {},
            {"learning_rate": 0.05, "weight_decay": 0.3, "epsilon": 1e-3},
            {"learning_rate": 0.05, "amsgrad": True, "beta_2": 0.6, "epsilon": 1e-3, "clipnorm": 0.1},
        ],
    ),
    "lion": (
        keras.optimizers.Lion,
        [
            {},
            {"learning_rate": 0.02, "beta_1": 0.5, "beta_2": 0.7},
            {"learning_rate": 0.02, "weight_decay": 0.5, "global_clipnorm": 0.1},
        ],
    ),
}


def numbers(seed, shape, low, high):
    return np.round(np.random.default_rng(seed).uniform(low, high, shape), 3).astype(np.float32)


INPUTS = numbers(1, (8, 5), -1.5, 1.5)
LABELS = np.array([2, 0, 1, 1, 2, 0, 0, 1], np.int32)
# The normalization has no bias before it: the bias's gradient would be zero but for rounding, which
# the adaptive optimizers would blow up.
WEIGHTS = {
    "dense/kernel": numbers(11, (5, 4), -0.9, 0.9),
    "batch_normalization/gamma": numbers(12, 4, 0.6, 1.4),
    "batch_normalization/beta": numbers(13, 4, -0.3, 0.5),
    "batch_normalization/moving_mean": numbers(14, 4, -0.2, 0.2),
    "batch_normalization/moving_variance": numbers(15, 4, 0.7, 1.4),
    "dense_1/kernel": numbers(16, (4, 3), -0.9, 0.9),
    "dense_1/bias": numbers(17, 3, -0.3, 0.3),
}


def network():
    model = keras.Sequential(
        [
            keras.Input([5]),
            keras.layers.Dense(4, use_bias=False, name="dense"),
            keras.layers.BatchNormalization(name="batch_normalization"),
            keras.layers.Activation("tanh"),
            keras.layers.Dense(3, activation="softmax", name="dense_1"),
        ]
    )
    for variable in model.weights:
        variable.assign(WEIGHTS[path(variable)])
    return model


def path(variable):
    return "/".join(variable.path.split("/")[-2:])


def trained(optimizer):
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy()
    steps = []
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            value = loss(LABELS, model(INPUTS, training=True))
        gradients = tape.gradient(value, [variable.value for variable in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        weights = {path(variable): variable.numpy().tolist() for variable in model.weights}
        steps.append({"loss": float(value.numpy()), "weights": weights})
    return steps


def write_optimizers():
    for name, (optimizer, cases) in OPTIMIZERS.items():
        document = {
            "made_by": MADE_BY,
            "inputs": INPUTS.tolist(),
            "labels": LABELS.tolist(),
            "initial_weights": {key: value.tolist() for key, value in WEIGHTS.items()},
            "cases": [
                {
                    "options": options,
                    # What Keras takes where the options say nothing.
                    "learning_rate": float(optimizer(**options).learning_rate),
                    "steps": trained(optimizer(**options)),
                }
                for options in cases
            ],
        }
        write(f"optimizer_{name}", document)


# -- schedules ---------------------------------------------------------------------------------------------------------

schedules = keras.optimizers.schedules
SCHEDULES = [
    ("exponential_decay", schedules.ExponentialDecay, {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.5}),
    (
        "exponential_decay",
        schedules.ExponentialDecay,
        {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.5, "staircase": True},
    ),
    ("inverse_time_decay", schedules.InverseTimeDecay, {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.5}),
    (
        "inverse_time_decay",
        schedules.InverseTimeDecay,
        {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 2.0, "staircase": True},
    ),
    ("piecewise_constant", schedules.PiecewiseConstantDecay, {"boundaries": [100], "values": [0.1, 0.01]}),
    ("piecewise_constant", schedules.PiecewiseConstantDecay, {"boundaries": [50, 100, 250], "values": [0.1, 0.01, 0.05, 0.001]}),
    ("cosine_decay", schedules.CosineDecay, {"initial_learning_rate": 0.1, "decay_steps": 300}),
    ("cosine_decay", schedules.CosineDecay, {"initial_learning_rate": 0.1, "decay_steps": 300, "alpha": 0.1}),
    (
        "cosine_decay",
        schedules.CosineDecay,
        {"initial_learning_rate": 0.0, "decay_steps": 200, "alpha": 0.01, "warmup_target": 0.2, "warmup_steps": 50},
    ),
    ("cosine_decay", schedules.CosineDecay, {"initial_learning_rate": 0.1, "decay_steps": 200, "warmup_target": 0.2}),
    ("polynomial_decay", schedules.PolynomialDecay, {"initial_learning_rate": 0.1, "decay_steps": 100}),
    (
        "polynomial_decay",
        schedules.PolynomialDecay,
        {"initial_learning_rate": 0.1, "decay_steps": 100, "end_learning_rate": 0.01, "power": 0.5},
    ),
    (
        "polynomial_decay",
        schedules.PolynomialDecay,
        {"initial_learning_rate": 0.1, "decay_steps": 70, "end_learning_rate": 0.01, "power": 2.0, "cycle": True},
    ),
]


def write_schedules():
    steps = sorted({*range(0, 12), *range(0, 420, 7), 49, 50, 51, 69, 70, 71, 99, 100, 101, 249, 250, 251, 299, 300, 301, 100_000})
    cases = []
    for name, schedule, options in SCHEDULES:
        # `step` as the optimizer hands it over: its counter of steps taken.
        rates = [float(schedule(**options)(tf.constant(step, tf.int32))) for step in steps]
        cases.append({"schedule": {name: options}, "rates": rates})
    write("schedules", {"made_by": MADE_BY, "steps": steps, "cases": cases})


# -- callbacks ---------------------------------------------------------------------------------------------------------

# Made-up courses of a metric over the epochs.
FALLING = [0.9, 0.8, 0.7, 0.71, 0.69, 0.7, 0.72, 0.69, 0.695, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67]
FLAT = [0.5] * 14
RISING = [0.5, 0.6, 0.58, 0.61, 0.615, 0.61, 0.62, 0.6, 0.59, 0.58, 0.57, 0.56, 0.55, 0.54]
# Differences at and below what 32 bits can tell apart.
TIES = [0.3, 0.3 - 1e-9, 0.3 - 2e-8, 0.3 - 4e-8, 0.3 - 1e-4, 0.3 - 2e-4, 0.3 - 2e-4, 0.3 - 3e-4, 0.3 - 3e-4]

EARLY_STOPPING = [
    ({}, FALLING),
    ({"patience": 2}, FALLING),
    ({"patience": 3, "restore_best_weights": True}, FALLING),
    ({"patience": 4, "min_delta": 0.05}, FALLING),
    ({"patience": 2, "baseline": 0.65}, FALLING),
    ({"patience": 2, "baseline": 0.95}, FALLING),
    ({"patience": 0, "start_from_epoch": 4, "restore_best_weights": True}, FALLING),
    ({"patience": 3, "start_from_epoch": 2}, FALLING),
    ({"monitor": "val_accuracy", "patience": 3, "restore_best_weights": True}, RISING),
    ({"monitor": "accuracy", "patience": 2, "min_delta": 0.02}, RISING),
    ({"monitor": "val_accuracy", "patience": 3, "mode": "min"}, RISING),
    ({"monitor": "loss", "patience": 3, "mode": "max", "restore_best_weights": True}, RISING),
    ({"patience": 5}, FLAT),
    ({"patience": 1}, FLAT),
    ({"patience": 2}, TIES),
    ({"patience": 1, "min_delta": 1e-4}, TIES),
    ({"patience": 30, "restore_best_weights": True}, FALLING),
]

REDUCE_LR = [
    ({"patience": 2}, 0.1, FALLING),
    ({"patience": 2, "factor": 0.5, "min_delta": 0.0}, 0.1, FALLING),
    ({"patience": 1, "factor": 0.5, "cooldown": 2}, 0.1, FLAT),
    ({"patience": 3, "factor": 0.5, "cooldown": 1}, 0.1, FLAT),
    ({"patience": 0, "factor": 0.5}, 0.1, FLAT),
    ({"patience": 1, "min_lr": 0.0001}, 0.001, FLAT),
    ({"patience": 2, "min_lr": 0.003, "factor": 0.3, "cooldown": 1}, 0.01, FLAT),
    ({"monitor": "val_accuracy", "patience": 2, "factor": 0.7}, 0.01, RISING),
    ({"monitor": "accuracy", "patience": 1, "factor": 0.7, "mode": "min"}, 0.01, RISING),
    ({"patience": 1, "factor": 0.9}, 0.01, TIES),
    ({"patience": 1, "factor": 0.9, "min_delta": 0.0}, 0.01, TIES),
    ({"patience": 3, "factor": 0.2}, 0.01, FALLING),
]


def compiled(rate):
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = rate
    # Builds the compiled metrics, where `mode: auto` looks for their direction.
    model.evaluate(np.zeros((1, 1)), np.zeros(1), verbose=0)
    return model


def logs(options, value):
    return {options.get("monitor", "val_loss"): value}


def early_stopping(options, course):
    model = compiled(0.1)
    callback = keras.callbacks.EarlyStopping(**options)
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    stopped = None
    for epoch, value in enumerate(course):
        # The weight is the epoch, so that the restored weight says which epoch was the best.
        model.set_weights([np.full((1, 1), epoch + 1, np.float32)])
        callback.on_epoch_end(epoch, logs(options, value))
        if model.stop_training:
            stopped = epoch + 1
            break
    callback.on_train_end()
    weights = int(model.get_weights()[0][0, 0])
    last = stopped or len(course)
    assert weights == last or options.get("restore_best_weights")
    return {"callback": {"early_stopping": options}, "course": course, "stopped": stopped, "weights_of": weights}


def reduce_lr(options, rate, course):
    model = compiled(rate)
    callback = keras.callbacks.ReduceLROnPlateau(**options)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(course):
        callback.on_epoch_end(epoch, logs(options, value))
        rates.append(float(model.optimizer.learning_rate.numpy()))
    return {"callback": {"reduce_lr_on_plateau": options}, "learning_rate": rate, "course": course, "rates": rates}


def write_callbacks():
    document = {
        "made_by": MADE_BY,
        "early_stopping": [early_stopping(*case) for case in EARLY_STOPPING],
        "reduce_lr_on_plateau": [reduce_lr(*case) for case in REDUCE_LR],
    }
    write("callbacks", document)


def write(name, document):
    # One case per line: readable in a diff, and small.
    lines = []
    for key, value in document.items():
        if key in ("cases", "early_stopping", "reduce_lr_on_plateau"):
            cases = ",\n  ".join(json.dumps(case) for case in value)
            lines.append(f' "{key}": [\n  {cases}\n ]')
        else:
            lines.append(f' "{key}": {json.dumps(value)}')
    file = FIXTURES / f"{name}.json"
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    write_optimizers()
    write_schedules()
    write_callbacks()
