"""Recurrent keyword spotters: the small basic LSTM and GRU of "Hello Edge" (Zhang et al. 2017, arXiv 1711.07128).

Their sizes are those of ARM-software/ML-KWS-for-MCU, train_commands.txt.
"""

from __future__ import annotations

from sim.frontends.zoo.net import Net

GATES = {"LSTM": 4, "GRU": 3}


def recurrent(net: Net, *, cell: str, batch: int, frames: int, coefficients: int, hidden: int, layers: int, classes: int) -> str:
    """MFCC frames ``[frames, batch, coefficients]`` through ``layers`` cells; the last state is classified. One bias for each gate."""
    x = net.input("mfcc", (frames, batch, coefficients))
    last = x
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            rows, width = GATES[cell] * hidden, net.shape(x)[-1]
            operands = [x, net.weight("input.weight", (1, rows, width)), net.weight("recurrent.weight", (1, rows, hidden)), net.weight("bias", (1, rows))]
            y, last = net.add_many(cell, operands, {"hidden_size": hidden}, outputs=2)
            x = net.reshape(y, frames, batch, hidden) if index + 1 < layers else y
    x = net.dense(net.reshape(last, batch, hidden), classes, name="classifier")
    return net.add("Softmax", [x], {"axis": -1})
