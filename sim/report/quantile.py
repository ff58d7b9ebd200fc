"""Quantiles of latencies, defined as MLPerf LoadGen does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


def quantile(ordered: np.ndarray, share: float) -> float:
    """The smallest sample that at least ``share`` of all samples do not exceed (the inverted empirical CDF, no interpolation).

    ``ordered``: ascending samples ``[n]``, n > 0; ``0 < share <= 1``. It is always one of the samples, as a latency that really occurred.
    """
    if not len(ordered):
        raise ValueError("a quantile needs at least one sample")
    # 1e-9: 0.9 * 10 is 9.000000000000002 in floating point and must stay rank 9
    rank = math.ceil(share * len(ordered) - 1e-9)
    return float(ordered[min(max(rank, 1), len(ordered)) - 1])


@dataclass(frozen=True)
class Histogram:
    """``counts_count[i]`` samples lie in ``[edges_s[i], edges_s[i + 1])``; the last bin includes its upper edge."""

    edges_s: tuple[float, ...]
    counts_count: tuple[int, ...]


def histogram(samples: np.ndarray, bins: int = 24) -> Histogram:
    """Equal bins from the smallest to the largest sample; one bin where all samples are equal."""
    return weighted_histogram(samples, np.ones(len(samples), dtype=np.int64), bins)


def weighted_histogram(samples: np.ndarray, weights: np.ndarray, bins: int = 24) -> Histogram:
    """As :func:`histogram`; each sample stands for as many as its weight, a whole number."""
    low, high = float(samples.min()), float(samples.max())
    if not high - low > 1e-12 * max(abs(high), 1e-12):
        return Histogram((low, high), (int(weights.sum()),))
    counts, edges = np.histogram(samples, bins=bins, range=(low, high), weights=weights)
    return Histogram(tuple(float(edge) for edge in edges), tuple(int(count) for count in counts))
