"""What clients learn in one round: steps on their own images, all clients side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.experiment.federated.learning_data import ClientImages
from sim.experiment.federated.learning_network import Shape

Values = NDArray[np.float64]
Indices = NDArray[np.int64]
_MOST_NUMBERS = 4_000_000  # of weights at once, 32 MB
_MOMENTUM = 0.9
_DECAY, _DECAY_SQUARE, _TINY = 0.9, 0.999, 1e-8  # Adam's own, Kingma and Ba 2015, arXiv:1412.6980


@dataclass(frozen=True)
class Steps:
    """How a client trains. ``steps`` of ``batch`` images, or ``epochs`` through all it has. ``proximal``: strength of the pull towards the start (FedProx)."""

    rate: float
    batch: int
    epochs: int = 1
    steps: int | None = None
    optimizer: str = "sgd"
    proximal: float = 0.0

    def number(self, counts: Indices) -> Indices:
        """Steps of clients with so many images."""
        if self.steps is not None:
            return np.full(len(counts), self.steps, dtype=np.int64)
        return -(-counts // self.batch) * self.epochs


def local_updates(shape: Shape, data: ClientImages, clients: Indices, starts: Values, how: Steps, rng: np.random.Generator) -> Values:
    """What each client adds to the network it started from, ``starts[clients, elements]``."""
    updates = np.empty_like(starts)
    size = max(_MOST_NUMBERS // shape.elements, 1)
    for begin in range(0, len(clients), size):
        part = slice(begin, begin + size)
        updates[part] = _trained(shape, data, clients[part], starts[part], how, rng)
    return updates


def _trained(shape: Shape, data: ClientImages, clients: Indices, starts: Values, how: Steps, rng: np.random.Generator) -> Values:
    rows = starts.copy()
    counts = data.counts[clients]
    numbers, in_epoch = how.number(counts), -(-counts // how.batch)
    optimizer = _OPTIMIZERS[how.optimizer](rows.shape)
    width = min(how.batch, int(counts.max()))
    order = np.zeros((len(clients), data.rows.shape[1]), dtype=np.int64)
    for step in range(int(numbers.max())):
        active = np.flatnonzero(numbers > step)
        fresh = active[step % in_epoch[active] == 0]
        order[fresh] = _shuffled(counts[fresh], order.shape[1], rng)
        places = (step % in_epoch[active] * how.batch)[:, None] + np.arange(width)
        there = places < counts[active, None]
        chosen = np.take_along_axis(order[active], np.where(there, places, 0), axis=1)
        images = data.rows[clients[active, None], chosen]
        shares = there / there.sum(axis=1, keepdims=True)
        _, slopes = shape.gradients(rows[active], data.images[images], data.labels[images], shares)
        if how.proximal:
            slopes += how.proximal * (rows[active] - starts[active])
        rows[active] -= how.rate * optimizer.direction(active, slopes, step + 1)
    return rows - starts


def _shuffled(counts: Indices, width: int, rng: np.random.Generator) -> Indices:
    """Random orders of the first ``counts`` places of each row."""
    keys = rng.random((len(counts), width))
    keys[np.arange(width) >= counts[:, None]] = np.inf
    return np.argsort(keys, axis=1)


class _Sgd:
    def __init__(self, shape: tuple[int, ...]) -> None:
        pass

    def direction(self, active: Indices, slopes: Values, step: int) -> Values:
        """What to go against, of clients that take their step number ``step``; every client begins each round anew."""
        return slopes


class _Momentum(_Sgd):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self._speed = np.zeros(shape)

    def direction(self, active: Indices, slopes: Values, step: int) -> Values:
        self._speed[active] = _MOMENTUM * self._speed[active] + slopes
        return self._speed[active]


class _Adam(_Sgd):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean, self._square = np.zeros(shape), np.zeros(shape)

    def direction(self, active: Indices, slopes: Values, step: int) -> Values:
        mean = self._mean[active] = _DECAY * self._mean[active] + (1 - _DECAY) * slopes
        square = self._square[active] = _DECAY_SQUARE * self._square[active] + (1 - _DECAY_SQUARE) * slopes * slopes
        moved: Values = mean / (1 - _DECAY**step) / (np.sqrt(square / (1 - _DECAY_SQUARE**step)) + _TINY)
        return moved


_OPTIMIZERS: dict[str, type[_Sgd]] = {"sgd": _Sgd, "momentum": _Momentum, "adam": _Adam}
