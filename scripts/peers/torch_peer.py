"""PyTorch: everything in memory, batches by index, the optimizer fused; eager, or compiled with `compile`."""

import time

import shared

given = shared.options(compile=False)

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(given.threads)
torch.manual_seed(1)
SHAPE = (-1, 1, 28, 28) if given.convolutions else (-1, 784)
(X, Y), (X_VAL, Y_VAL) = [
    (torch.tensor(x, dtype=torch.float32).reshape(SHAPE) / 255, torch.tensor(y, dtype=torch.int64))
    for x, y in shared.rows(given)
]


def with_zeros(layer):
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def glorot(inputs, units, bias=True):
    layer = nn.Linear(inputs, units, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    return with_zeros(layer)


def he(layer):
    """Keras' he_normal, which is cut off at two standard deviations and widened for that."""
    deviation = (2 / layer.weight[0].numel()) ** 0.5 / 0.87962566103423978
    nn.init.trunc_normal_(layer.weight, 0, deviation, -2 * deviation, 2 * deviation)
    return with_zeros(layer)


def norm(features, kind=nn.BatchNorm1d):
    return kind(features, eps=1e-3, momentum=0.01)


def dense(network):
    layers = [norm(784)] if network != "no_bn" else []
    inputs = 784
    for units in given.hidden:
        layers.append(glorot(inputs, units, bias=network != "bn_before"))
        layers += [norm(units), nn.ReLU()] if network == "bn_before" else [nn.ReLU()]
        layers += [norm(units)] if network == "bn_after" else []
        inputs = units
    return nn.Sequential(*layers, glorot(inputs, 10))


def convolutions(network):
    """The networks of experiments/convnet.yaml."""
    plain, layers = network == "no_bn", []
    for inputs, filters in ((1, 16), (16, 32)):
        layers.append(he(nn.Conv2d(inputs, filters, 3, bias=plain)))
        layers += [] if plain else [norm(filters, nn.BatchNorm2d)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), he(nn.Linear(800, 100, bias=plain))]
    layers += [] if plain else [norm(100)]
    return nn.Sequential(*layers, nn.ReLU(), glorot(100, 10))


def forward(net, x, y):
    logits = net(x)
    return F.cross_entropy(logits, y), (logits.detach().argmax(1) == y).sum()


for network in given.networks:
    net = (convolutions if given.convolutions else dense)(network)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=given.learning_rate, momentum=given.momentum, fused=True
    )
    torch._dynamo.reset() if given.compile else None
    # A last, smaller batch stays eager: it would be compiled a second time.
    of_whole_batch = torch.compile(forward, dynamic=False) if given.compile else forward
    for number in range(1, given.epochs + 1):
        start = time.perf_counter()
        net.train()
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(len(X)).split(given.batch):
            x, y = X.index_select(0, rows), Y.index_select(0, rows)
            loss, hits = (of_whole_batch if len(rows) == given.batch else forward)(net, x, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
            right += hits
        net.eval()
        with torch.inference_mode():
            logits = torch.cat([net(x) for x in X_VAL.split(1000)])
            val_loss = F.cross_entropy(logits, Y_VAL).item()
            val_accuracy = (logits.argmax(1) == Y_VAL).float().mean().item()
        loss, accuracy = total.item() / len(X), right.item() / len(X)
        shared.report(network, number, start, loss, accuracy, val_loss, val_accuracy)
shared.finish(given)
