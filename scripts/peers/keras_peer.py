"""Keras' `fit`, as in the book; on TensorFlow or, with KERAS_BACKEND=jax, on JAX.

`steps_per_execution` above 1 is what makes it faster without changing what it computes; the validation
batch is then 1,000 instead of Keras' 32."""

import os
import time

import shared

given = shared.options(steps_per_execution=1)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    tf.config.threading.set_inter_op_parallelism_threads(given.threads)
keras.utils.set_random_seed(1)
SHAPE = [28, 28, 1] if given.convolutions else [784]
(X, Y), (X_VAL, Y_VAL) = [
    (x.reshape([-1, *SHAPE]).astype("float32") / 255, y) for x, y in shared.rows(given)
]


def dense(network):
    net = keras.Sequential([layers.Input(SHAPE)])
    if network != "no_bn":
        net.add(layers.BatchNormalization())
    for units in given.hidden:
        net.add(layers.Dense(units, use_bias=network != "bn_before"))
        if network == "bn_before":
            net.add(layers.BatchNormalization())
        net.add(layers.Activation("relu"))
        if network == "bn_after":
            net.add(layers.BatchNormalization())
    net.add(layers.Dense(10, activation="softmax"))
    return net


def convolutions(network):
    """The networks of experiments/convnet.yaml."""
    plain = network == "no_bn"
    he = {"kernel_initializer": "he_normal"}
    net = keras.Sequential([layers.Input(SHAPE)])

    def activated(layer):
        net.add(layer)
        if not plain:
            net.add(layers.BatchNormalization())
        net.add(layers.Activation("relu"))

    for filters in (16, 32):
        activated(layers.Conv2D(filters, 3, use_bias=plain, **he))
        net.add(layers.MaxPooling2D())
    net.add(layers.Flatten())
    activated(layers.Dense(100, use_bias=plain, **he))
    net.add(layers.Dense(10, activation="softmax"))
    return net


class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        numbers = [logs[key] for key in ("loss", "accuracy", "val_loss", "val_accuracy")]
        shared.report(network, epoch + 1, self.start, *numbers)


for network in given.networks:
    net = (convolutions if given.convolutions else dense)(network)
    net.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.SGD(given.learning_rate, momentum=given.momentum),
        metrics=["accuracy"],
        steps_per_execution=given.steps_per_execution,
    )
    net.fit(
        X, Y, batch_size=given.batch, epochs=given.epochs, verbose=0, callbacks=[Clock()],
        validation_data=(X_VAL, Y_VAL),
        validation_batch_size=1000 if given.steps_per_execution > 1 else None,
    )
shared.finish(given)
