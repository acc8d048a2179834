"""JAX by hand: one jitted scan over the batches of an epoch, its state donated.

Two of its choices have no winner on all machines: `bytes` keeps pixels as bytes and divides in the step;
`unroll` is how many steps the scan's body has.
"""

import time
from functools import partial

import shared

given = shared.options(bytes=True, unroll=4)

import jax
import jax.numpy as jnp
import numpy as np


def on_device(images, labels):
    return jnp.asarray(images if given.bytes else images / np.float32(255)), jnp.asarray(labels)


(X, Y), (X_VAL, Y_VAL) = [on_device(*split) for split in shared.rows(given)]
SIZES = [784, *given.hidden, 10]
LAST = len(SIZES) - 2


def initial(key, network):
    weights, moving = {}, {}
    for i, (inputs, units) in enumerate(zip(SIZES, SIZES[1:])):
        key, own = jax.random.split(key)
        weights[f"w{i}"] = jax.nn.initializers.glorot_uniform()(own, (inputs, units))
        if network != "bn_before" or i == LAST:
            weights[f"b{i}"] = jnp.zeros(units)
        if network != "no_bn":
            weights[f"gamma{i}"], weights[f"beta{i}"] = jnp.ones(inputs), jnp.zeros(inputs)
            moving[f"mean{i}"], moving[f"var{i}"] = jnp.zeros(inputs), jnp.ones(inputs)
    return weights, moving


def normalized(weights, moving, new, i, x, training):
    if training:
        mean = x.mean(0)
        var = jnp.square(x - mean).mean(0)
        for name, value in ((f"mean{i}", mean), (f"var{i}", var)):
            new[name] = 0.99 * moving[name] + 0.01 * jax.lax.stop_gradient(value)
    else:
        mean, var = moving[f"mean{i}"], moving[f"var{i}"]
    scale = jax.lax.rsqrt(var + 1e-3) * weights[f"gamma{i}"]
    return (x - mean) * scale + weights[f"beta{i}"]


def forward(network, weights, moving, x, training):
    new = {}
    if given.bytes:
        x = x.astype(jnp.float32) / 255
    for i in range(LAST + 1):
        if network == "bn_after" or (network == "bn_before" and i == 0):
            x = normalized(weights, moving, new, i, x, training)
        x = x @ weights[f"w{i}"] + weights.get(f"b{i}", 0)
        if i < LAST:
            if network == "bn_before":
                x = normalized(weights, moving, new, i + 1, x, training)
            x = jax.nn.relu(x)
    return x, new


def losses(logits, labels):
    own = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
    return jax.nn.logsumexp(logits, 1) - own


def step(network, data, carry, rows):
    weights, moving, total, right = carry
    x, y = (array.at[rows].get(mode="promise_in_bounds") for array in data)

    def loss(weights):
        logits, new = forward(network, weights, moving, x, True)
        return losses(logits, y).mean(), (logits, new)

    (value, (logits, new)), gradients = jax.value_and_grad(loss, has_aux=True)(weights)
    rate = given.learning_rate
    weights = jax.tree.map(lambda weight, gradient: weight - rate * gradient, weights, gradients)
    right = right + (logits.argmax(1) == y).sum()
    return (weights, new, total + value * len(y), right), None


# The data is an argument: what a jitted function finds outside it becomes a constant of the program,
# which takes long to compile and several times the memory.
@partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def epoch(network, weights, moving, key, data):
    rows = len(data[0])
    order = jax.random.permutation(key, rows)
    whole = rows // given.batch * given.batch
    carry = (weights, moving, jnp.float32(0), jnp.int32(0))
    batches = order[:whole].reshape(-1, given.batch)
    carry, _ = jax.lax.scan(partial(step, network, data), carry, batches, unroll=given.unroll)
    if whole < rows:
        carry, _ = step(network, data, carry, order[whole:])
    weights, moving, total, right = carry
    return weights, moving, total / rows, right / rows


@partial(jax.jit, static_argnums=0)
def answers(network, weights, moving, x, y):
    logits, _ = forward(network, weights, moving, x, False)
    return losses(logits, y).sum(), (logits.argmax(1) == y).sum()


for network in given.networks:
    key, own = jax.random.split(jax.random.key(1))
    weights, moving = initial(own, network)
    for number in range(1, given.epochs + 1):
        start = time.perf_counter()
        key, own = jax.random.split(key)
        weights, moving, loss, accuracy = epoch(network, weights, moving, own, (X, Y))
        parts = [
            answers(network, weights, moving, X_VAL[i : i + 1000], Y_VAL[i : i + 1000])
            for i in range(0, len(X_VAL), 1000)
        ]
        loss, accuracy = float(loss), float(accuracy)
        val_loss, val_accuracy = (sum(map(float, column)) / len(X_VAL) for column in zip(*parts))
        shared.report(network, number, start, loss, accuracy, val_loss, val_accuracy)
shared.finish(given)
