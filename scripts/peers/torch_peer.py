"""PyTorch, eager, everything in memory, batches by index."""

import time

import shared

given = shared.options()

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(given.threads)
torch.manual_seed(1)
(X, Y), (X_VAL, Y_VAL) = [
    (torch.tensor(x, dtype=torch.float32) / 255, torch.tensor(y, dtype=torch.int64))
    for x, y in shared.rows()
]


def dense(inputs, units, bias=True):
    layer = nn.Linear(inputs, units, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def build(network):
    norm = lambda features: nn.BatchNorm1d(features, eps=1e-3, momentum=0.01)
    layers = [norm(784)] if network != "no_bn" else []
    inputs = 784
    for units in given.hidden:
        layers.append(dense(inputs, units, bias=network != "bn_before"))
        layers += [norm(units), nn.ReLU()] if network == "bn_before" else [nn.ReLU()]
        layers += [norm(units)] if network == "bn_after" else []
        inputs = units
    return nn.Sequential(*layers, dense(inputs, 10))


for network in given.networks:
    net = build(network)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for number in range(1, given.epochs + 1):
        start = time.perf_counter()
        net.train()
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(len(X)).split(given.batch):
            logits, labels = net(X[rows]), Y[rows]
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
            right += (logits.detach().argmax(1) == labels).sum()
        net.eval()
        with torch.inference_mode():
            logits = torch.cat([net(x) for x in X_VAL.split(1000)])
            F.cross_entropy(logits, Y_VAL).item()
            accuracy = (logits.argmax(1) == Y_VAL).float().mean()
        shared.report(network, number, start, total / len(X), accuracy)
