"""The digits divided among clients: evenly, by a Dirichlet distribution of classes, or in shards of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.experiment.digits.data import CLASSES, digits
from sim.scenario.federated.learning import DirichletSplit, ShardSplit, SplitChoice
from sim.workload.streams import stream

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ClientImages:
    """Images ``[n, 64]`` and classes ``[n]`` to learn from, and others held out.

    ``rows[clients, most]``: which images each client has; the first ``counts[clients]`` of a row count.
    """

    images: Values
    labels: Indices
    rows: Indices
    counts: Indices
    held_out: Values
    held_out_labels: Indices

    def classes(self) -> Indices:
        """How many different classes each client has."""
        return np.array([len(np.unique(self.labels[row[:count]])) for row, count in zip(self.rows, self.counts, strict=True)], dtype=np.int64)


def divided_digits(split: SplitChoice, clients: int, seed: int) -> ClientImages:
    """The images that each of so many clients has. Raises EdgesimError where scikit-learn is missing."""
    data, rng = digits(seed), stream(seed, "learning/split")
    labels = data.labels.astype(np.int64)
    parts = divided(labels, split, clients, rng)
    counts = np.array([len(part) for part in parts], dtype=np.int64)
    rows = np.zeros((clients, int(counts.max())), dtype=np.int64)
    for row, part in zip(rows, parts, strict=True):
        row[: len(part)] = part
    return ClientImages(data.images.astype(np.float64), labels, rows, counts, data.held_out.astype(np.float64), data.held_out_labels.astype(np.int64))


def divided(labels: Indices, split: SplitChoice, clients: int, rng: np.random.Generator) -> list[Indices]:
    """Positions in ``labels`` for each client; every image goes to one client. Raises ValueError for more clients (or shards) than images."""
    pieces = clients * split.per_client if isinstance(split, ShardSplit) else clients
    if pieces > len(labels):
        raise ValueError(f"{len(labels)} images cannot be divided into {pieces} parts")
    if isinstance(split, DirichletSplit):
        return _dirichlet(labels, float(split.alpha), clients, rng)
    if isinstance(split, ShardSplit):
        return _shards(labels, split.per_client, clients, rng)
    return list(np.array_split(rng.permutation(len(labels)), clients))


def _shards(labels: Indices, per_client: int, clients: int, rng: np.random.Generator) -> list[Indices]:
    shuffled = rng.permutation(len(labels))
    shards = np.array_split(shuffled[np.argsort(labels[shuffled], kind="stable")], clients * per_client)
    dealt = rng.permutation(len(shards)).reshape(clients, per_client)
    return [np.concatenate([shards[number] for number in hand]) for hand in dealt]


def _dirichlet(labels: Indices, alpha: float, clients: int, rng: np.random.Generator) -> list[Indices]:
    """Each client draws its images by classes of its own shares; of a class that is used up, nobody gets more."""
    usual = CLASSES * np.bincount(labels, minlength=CLASSES) / len(labels)
    left = [list(rng.permutation(np.flatnonzero(labels == kind))) for kind in range(CLASSES)]
    sizes = [len(part) for part in np.array_split(labels, clients)]
    parts = []
    for size in sizes:
        shares = _shares(alpha * usual, rng)
        part = np.empty(size, dtype=np.int64)
        for place in range(size):
            there = np.array([len(images) for images in left], dtype=np.float64)
            open_shares = np.where(there > 0, shares, 0.0)
            if not open_shares.sum() > 0:  # all of its classes are used up
                open_shares = there
            part[place] = left[int(rng.choice(CLASSES, p=open_shares / open_shares.sum()))].pop()
        parts.append(part)
    return parts


def _shares(concentration: Values, rng: np.random.Generator) -> Values:
    drawn: Values = rng.dirichlet(np.maximum(concentration, 1e-12))
    if np.isfinite(drawn).all() and drawn.sum() > 0:
        return drawn
    one = np.zeros(len(concentration))  # concentrations too small for floating point: all of it one class
    one[rng.choice(len(concentration), p=concentration / concentration.sum())] = 1.0
    return one
