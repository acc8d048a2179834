"""Keras' `fit` on TensorFlow, as in the book."""

import os
import time

import shared

given = shared.options()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(given.threads)
tf.config.threading.set_inter_op_parallelism_threads(given.threads)
keras.utils.set_random_seed(1)
(X, Y), (X_VAL, Y_VAL) = [(x.astype("float32") / 255, y) for x, y in shared.rows()]


def build(network):
    net = keras.Sequential([layers.Input([784])])
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


class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        shared.report(network, epoch + 1, self.start, logs["loss"], logs["val_accuracy"])


for network in given.networks:
    net = build(network)
    net.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.SGD(learning_rate=1e-3),
        metrics=["accuracy"],
    )
    net.fit(
        X, Y, batch_size=given.batch, epochs=given.epochs, verbose=0,
        validation_data=(X_VAL, Y_VAL), callbacks=[Clock()],
    )
