"""What happens to updates on the way: clipping and noise, and what compression leaves of them."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from sim.scenario.federated.model import UpdateCompression

Values = NDArray[np.float64]
Indices = NDArray[np.int64]
_MOST_NUMBERS = 4_000_000  # at once, 32 MB


def clipped(updates: Values, norm: float) -> Values:
    """Rows scaled down to this Euclidean norm where theirs is larger."""
    norms = np.linalg.norm(updates, axis=1, keepdims=True)
    shorter: Values = updates * np.minimum(1.0, norm / np.maximum(norms, 1e-300))
    return shorter


def quantized(updates: Values, bits: int = 8) -> Values:
    """Each row rounded to whole multiples of its largest magnitude by 2^(bits-1) - 1."""
    levels = 2.0 ** (bits - 1) - 1.0
    scale = np.abs(updates).max(axis=1, keepdims=True) / levels
    scale[scale == 0] = 1.0
    rounded: Values = np.rint(updates / scale) * scale
    return rounded


def masked_sums(updates: Values, weights: Values, bits: int) -> Values:
    """What sums of masked updates hold of each row: ``weights[rows]`` times it, rounded to whole steps of ``bits`` bits of a range common to all.

    The range is that of the rows' largest magnitude, as if clients had agreed on it beforehand. Rows come back without their weights.
    """
    shares = (weights / weights.max())[:, None]
    step = np.abs(updates * shares).max() / (2.0 ** (bits - 1) - 1.0 if bits > 1 else 1.0)
    rounded: Values = np.rint(updates * shares / step) * step / shares if step else updates
    return rounded


def largest(updates: Values, number: int) -> Values:
    """Each row without all but its ``number`` elements of the largest magnitude."""
    elements = updates.shape[1]
    if number >= elements:
        return updates.copy()
    kept = np.argpartition(-np.abs(updates), number - 1, axis=1)[:, :number]
    sent = np.zeros_like(updates)
    np.put_along_axis(sent, kept, np.take_along_axis(updates, kept, axis=1), axis=1)
    return sent


def sketched(updates: Values, rows: int, columns: int, rng: np.random.Generator) -> Values:
    """What a count sketch says of each row (Charikar, Chen and Farach-Colton, ICALP 2002): for each element the median of its counters."""
    places, signs = rng.integers(0, columns, (rows, updates.shape[1])), rng.choice((-1.0, 1.0), (rows, updates.shape[1]))
    size = max(_MOST_NUMBERS // (rows * max(updates.shape[1], columns)), 1)
    parts = [_read(updates[begin : begin + size], places, signs, columns) for begin in range(0, len(updates), size)]
    return np.concatenate(parts)


def _read(updates: Values, places: Indices, signs: Values, columns: int) -> Values:
    rows, (count, elements) = len(places), updates.shape
    read = np.empty((rows, count, elements))
    for row in range(rows):
        owner = (np.arange(count)[:, None] * columns + places[row]).ravel()
        counters = np.bincount(owner, (updates * signs[row]).ravel(), minlength=count * columns).reshape(count, columns)
        read[row] = counters[:, places[row]] * signs[row]
    median: Values = np.median(read, axis=0)
    return median


class Sender:
    """Compresses updates. What ``top_k`` leaves out stays with the client and is added to its next update (Stich et al., NeurIPS 2018)."""

    def __init__(self, compression: UpdateCompression | None, clients: int, elements: int, rng: np.random.Generator) -> None:
        self._how, self._rng = compression, rng
        self._kept = max(ceil(float(compression.keep) * elements - 1e-9), 1) if compression is not None and compression.kind == "top_k" else elements
        self.remainder = np.zeros((clients if self._kept < elements else 0, elements))

    def sent(self, clients: Indices, updates: Values) -> Values:
        """What arrives of these clients' updates ``[clients, elements]``, in order: a client may be among them more than once."""
        if self._how is None:
            return updates
        if self._how.kind == "int8":
            return quantized(updates)
        if self._how.kind == "sketch":
            return sketched(updates, self._how.rows, self._how.columns, self._rng)
        if not len(self.remainder):
            return updates
        arrived, left = np.empty_like(updates), np.arange(len(clients))
        while len(left):
            _, first = np.unique(clients[left], return_index=True)
            now = left[np.sort(first)]
            whole = self.remainder[clients[now]] + updates[now]
            arrived[now] = largest(whole, self._kept)
            self.remainder[clients[now]] = whole - arrived[now]
            left = np.setdiff1d(left, now)
        return arrived
