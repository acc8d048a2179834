#!/usr/bin/env python3
"""Writes tests/fixtures/layer_<name>.json: single layers and activations as Keras computes them.

Needs Keras 3 (`pip install tensorflow-cpu keras`) and is no part of the normal tests; they read
what it wrote. Each file holds

  layers     the stack in the experiment file's words; it ends in a small softmax layer, so that the
             layers in question get gradients of every sign
  under_test how many of the layers, from the first, are in question
  image      height, width and channels of a sample
  variables  every variable by its path, before the step (none is at a default on purpose)
  inputs     one batch, samples as rows of height x width x channels; labels
  training   with training=True: `outputs` of the layers under test, `loss` (with what regularizers
             add), `input_gradient`, `gradients` of each trainable variable
  after      every variable after one step of SGD with this learning rate, constraints included
  inference  with training=False after that step: `outputs`, `loss`

Numbers are written so that they read back as exactly the float32 that Keras had.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers as L  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
BATCH, CLASSES, LEARNING_RATE = 6, 3, 0.1

FLAT = [1, 7, 1]
IMAGE = [6, 5, 2]
FLATTEN = {"flatten": {}}
ACTIVATIONS = [
    "relu", "elu", "selu", "gelu", "silu", "softplus", "softsign", "tanh", "sigmoid",
    "hard_sigmoid", "mish", "exponential", "softmax", "linear", "leaky_relu",
]  # fmt: skip


def conv(**keys):
    return {"conv2d": {"filters": 3, "kernel_size": 3, **keys}}


# name -> (image, layers under test); `flatten` and a dense softmax layer follow
CASES = {
    "dense": (FLAT, [FLATTEN, {"dense": {"units": 4}}]),
    "dense_named_no_bias": (FLAT, [FLATTEN, {"dense": {"units": 4, "use_bias": False, "name": "hidden"}}]),
    "dense_l1": (FLAT, [FLATTEN, {"dense": {"units": 4, "kernel_regularizer": {"l1": {"l1": 0.02}}}}]),
    "dense_l2": (FLAT, [FLATTEN, {"dense": {"units": 4, "kernel_regularizer": {"l2": {"l2": 0.03}}}}]),
    "dense_l1_l2_max_norm": (FLAT, [FLATTEN, {"dense": {
        "units": 4,
        "kernel_regularizer": {"l1_l2": {"l1": 0.01, "l2": 0.02}},
        "kernel_constraint": {"max_norm": {"max_value": 0.9}},
    }}]),
    "dense_frozen": (FLAT, [FLATTEN, {"dense": {"units": 4}}, {"dense": {
        "units": 4, "trainable": False,
        "kernel_regularizer": {"l2": {"l2": 0.5}},
        "kernel_constraint": {"max_norm": {"max_value": 0.1}},
    }}]),
    "conv2d_valid": (IMAGE, [conv(activation="tanh")]),
    "conv2d_same": (IMAGE, [conv(padding="same", use_bias=False)]),
    "conv2d_same_even": (IMAGE, [conv(kernel_size=[4, 2], padding="same")]),
    "conv2d_same_strides": (IMAGE, [conv(kernel_size=3, strides=2, padding="same")]),
    "conv2d_valid_strides": (IMAGE, [conv(kernel_size=[2, 3], strides=[2, 1])]),
    "conv2d_twice": (IMAGE, [conv(activation="softplus"), conv(kernel_size=2, filters=4)]),
    "conv2d_l2_max_norm": (IMAGE, [conv(
        kernel_regularizer={"l2": {"l2": 0.05}},
        kernel_constraint={"max_norm": {"max_value": 0.8, "axis": [0, 1, 2]}},
    )]),
    "conv2d_softmax": (IMAGE, [conv(activation="softmax")]),
    "max_pooling2d_valid": (IMAGE, [{"max_pooling2d": {}}]),
    "max_pooling2d_same": (IMAGE, [{"max_pooling2d": {"pool_size": 3, "strides": 2, "padding": "same"}}]),
    "max_pooling2d_same_odd": (IMAGE, [{"max_pooling2d": {"pool_size": 2, "padding": "same"}}]),
    "average_pooling2d_valid": (IMAGE, [{"average_pooling2d": {"pool_size": [3, 2], "strides": 1}}]),
    "average_pooling2d_same": (IMAGE, [{"average_pooling2d": {"pool_size": 3, "strides": 2, "padding": "same"}}]),
    "average_pooling2d_same_odd": (IMAGE, [{"average_pooling2d": {"pool_size": 2, "padding": "same"}}]),
    "global_average_pooling2d": (IMAGE, [{"global_average_pooling2d": {}}]),
    "flatten": (IMAGE, [FLATTEN]),
    "batch_normalization": (FLAT, [FLATTEN, {"batch_normalization": {}}]),
    "batch_normalization_bare": (FLAT, [FLATTEN, {"batch_normalization": {
        "center": False, "scale": False, "momentum": 0.9, "epsilon": 0.01,
    }}]),
    "batch_normalization_frozen": (FLAT, [FLATTEN, {"dense": {"units": 4}}, {"batch_normalization": {"trainable": False}}]),
    "batch_normalization_image": (IMAGE, [{"batch_normalization": {"momentum": 0.8}}]),
    "batch_normalization_image_no_scale": (IMAGE, [conv(use_bias=False), {"batch_normalization": {"scale": False}}]),
    "batch_normalization_image_frozen": (IMAGE, [conv(), {"batch_normalization": {"trainable": False}}]),
    "layer_normalization": (FLAT, [FLATTEN, {"layer_normalization": {}}]),
    "layer_normalization_bare": (FLAT, [FLATTEN, {"layer_normalization": {"center": False, "scale": False, "epsilon": 0.1}}]),
    "layer_normalization_image": (IMAGE, [{"layer_normalization": {}}]),
    "prelu": (FLAT, [FLATTEN, {"prelu": {}}]),
    "prelu_image": (IMAGE, [{"prelu": {}}]),
    "prelu_image_shared": (IMAGE, [{"prelu": {"shared_axes": [1, 2]}}]),
    "repeated_stack": (IMAGE, [conv(padding="same"), {"batch_normalization": {}}, {"activation": "elu"},
                               {"max_pooling2d": {}}, conv(kernel_size=2), {"activation": "mish"}]),
    **{f"activation_{name}": (FLAT, [FLATTEN, {"activation": name}]) for name in ACTIVATIONS},
    "activation_leaky_relu_slope": (FLAT, [FLATTEN, {"activation": {"leaky_relu": {"negative_slope": 0.35}}}]),
    "activation_softmax_image": (IMAGE, [{"activation": "softmax"}]),
    "activation_gelu_image": (IMAGE, [{"activation": "gelu"}]),
}  # fmt: skip


def one(function):
    """The name and the parameters of a function in the file's words."""
    return (function, {}) if isinstance(function, str) else next(iter(function.items()))


def activation(function):
    name, keys = one(function)
    if keys:
        return lambda x: getattr(keras.activations, name)(x, **keys)
    return name


def keras_layer(layer):
    (kind, keys) = next(iter(layer.items()))
    classes = {
        "flatten": L.Flatten, "dense": L.Dense, "conv2d": L.Conv2D,
        "max_pooling2d": L.MaxPooling2D, "average_pooling2d": L.AveragePooling2D,
        "global_average_pooling2d": L.GlobalAveragePooling2D,
        "batch_normalization": L.BatchNormalization,
        "layer_normalization": L.LayerNormalization, "prelu": L.PReLU,
    }  # fmt: skip
    if kind == "activation":
        return L.Activation(activation(keys))
    keys = dict(keys)
    trainable = keys.pop("trainable", True)
    if "activation" in keys:
        keys["activation"] = activation(keys["activation"])
    if "kernel_regularizer" in keys:
        name, parameters = one(keys["kernel_regularizer"])
        kinds = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2, "l1_l2": keras.regularizers.L1L2}
        keys["kernel_regularizer"] = kinds[name](**parameters)
    if "kernel_constraint" in keys:
        keys["kernel_constraint"] = keras.constraints.MaxNorm(**one(keys["kernel_constraint"])[1])
    made = classes[kind](**keys)
    made.trainable = trainable
    return made


def plain(array):
    array = np.asarray(array)
    assert array.dtype in (np.float32, np.int32), array.dtype
    assert np.isfinite(array).all()
    if array.dtype == np.int32:
        return array.tolist()
    # The shortest digits that read back as the same float32.
    return np.vectorize(lambda number: float(str(number)), otypes=[float])(array).tolist()


def path(variable):
    """The variable's path without the model's name."""
    return "/".join(variable.path.split("/")[-2:])


def values(variable, random):
    """Values that are at no default; variances and factors are above 0."""
    shape = variable.shape
    if variable.name in ("gamma", "moving_variance"):
        return random.uniform(0.6, 1.5, shape)
    return random.uniform(-0.7, 0.7, shape)


def write(name, image, under_test):
    keras.utils.clear_session()  # layers are numbered from the beginning
    random = np.random.default_rng(list(name.encode()))
    head = {"dense": {"units": CLASSES, "activation": "softmax", "name": "head"}}
    flat = any("flatten" in layer or "global_average_pooling2d" in layer for layer in under_test)
    layers = under_test + ([] if flat else [FLATTEN]) + [head]
    model = keras.Sequential([keras.Input(image)] + [keras_layer(layer) for layer in layers])
    for variable in model.weights:
        variable.assign(np.round(values(variable, random), 3).astype(np.float32))
    # Multiples of 1/1000 away from 0, where some activations have a kink, and all different, so
    # that no two are the largest of a window.
    count = BATCH * int(np.prod(image))
    numbers = random.permutation(np.linspace(0.011, 3.5, count) * np.where(np.arange(count) % 2, 1, -1))
    inputs = np.round(numbers, 3).astype(np.float32).reshape([BATCH] + image)
    if name == "batch_normalization":
        inputs[:, :, 2] = 0.5  # a feature without any variance
    labels = np.array([0, 2, 1, 1, 0, 2], np.int32)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy()

    inside = keras.Model(model.inputs, model.layers[len(under_test) - 1].output)
    before = {path(v): plain(v.numpy()) for v in model.weights}
    moving = {v.path: v.numpy() for v in model.weights}
    x = tf.constant(inputs)
    outputs = inside(x, training=True).numpy()
    for v in model.weights:  # that pass has moved the moving statistics
        v.assign(moving[v.path])
    optimizer = keras.optimizers.SGD(LEARNING_RATE)
    optimizer.build(model.trainable_variables)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = cross_entropy(labels, model(x, training=True)) + sum(model.losses)
    sources = [x] + [v.value for v in model.trainable_variables]
    input_gradient, *gradients = tape.gradient(loss, sources)
    training = {
        "outputs": plain(outputs.reshape(BATCH, -1)),
        "loss": float(loss.numpy()),
        "input_gradient": plain(input_gradient.numpy().reshape(BATCH, -1)),
        "gradients": {path(v): plain(g.numpy()) for v, g in zip(model.trainable_variables, gradients)},
    }
    optimizer.apply(gradients, model.trainable_variables)
    after = {path(v): plain(v.numpy()) for v in model.weights}
    probabilities = model(x, training=False)
    document = {
        "made_by": f"keras {keras.__version__}, tensorflow {tf.__version__}, float32, keras_fixtures_layers.py",
        "layers": layers,
        "under_test": len(under_test),
        "image": image,
        "variables": before,
        "inputs": plain(inputs.reshape(BATCH, -1)),
        "labels": plain(labels),
        "training": training,
        "learning_rate": LEARNING_RATE,
        "after": after,
        "inference": {
            "outputs": plain(inside(x, training=False).numpy().reshape(BATCH, -1)),
            "loss": float((cross_entropy(labels, probabilities) + sum(model.losses)).numpy()),
        },
        "parameters": [model.count_params(), int(sum(np.prod(v.shape) for v in model.trainable_variables))],
        "output_shapes": [str(tuple(layer.output.shape)) for layer in model.layers],
    }
    file = OUT / f"layer_{name}.json"
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items())
    file.write_text("{\n" + lines + "\n}\n")


def main():
    for name, (image, layers) in CASES.items():
        write(name, image, layers)
    print(f"{len(CASES)} files in tests/fixtures")


if __name__ == "__main__":
    main()
