"""A server's capacity shared max-min fairly among many links at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fair_rates(limits: NDArray[np.float64], capacity: float) -> NDArray[np.float64]:
    """The rate of each flow ``[flows]``: its own limit, or the level that all others share when the capacity is short."""
    if not len(limits) or limits.sum() <= capacity:
        return limits
    ordered = np.sort(limits)
    below = np.concatenate([[0.0], np.cumsum(ordered)[:-1]])  # taken by those with smaller limits
    levels = (capacity - below) / np.arange(len(ordered), 0, -1)
    full = int(np.argmax(levels <= ordered))  # the first who cannot have its limit
    return np.minimum(limits, levels[full])
