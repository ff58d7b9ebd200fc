"""Transfers of many clients over one shared link: each as fast as its own link allows, the shared one divided max-min fairly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def transfer_ends(begin_s: Values, size_bytes: float, limit_bytes_per_s: Values, capacity_bytes_per_s: float, stop_s: Values) -> tuple[Values, Values]:
    """When each transfer is through, and how many bytes it has carried by then.

    ``begin_s``, ``limit_bytes_per_s`` (own link), ``stop_s`` (given up, if not through by then): ``[flows]``. A transfer that is given up
    ends at infinity, and frees its share when it stops. Capacity infinity: each is alone.
    """
    alone_s = begin_s + size_bytes / limit_bytes_per_s
    if size_bytes <= 0:
        return np.where(begin_s <= stop_s, begin_s, np.inf), np.zeros_like(begin_s)
    if (
        capacity_bytes_per_s == np.inf
        or float(limit_bytes_per_s.sum()) <= capacity_bytes_per_s
        or _fits(begin_s, np.minimum(alone_s, stop_s), limit_bytes_per_s, capacity_bytes_per_s)
    ):
        through = alone_s <= stop_s
        lasted = np.maximum(np.minimum(alone_s, stop_s) - begin_s, 0.0)
        return np.where(through, alone_s, np.inf), np.where(through, size_bytes, lasted * limit_bytes_per_s)
    return _shared(begin_s, size_bytes, limit_bytes_per_s, capacity_bytes_per_s, stop_s)


def _fits(begin_s: Values, end_s: Values, limits: Values, capacity: float) -> bool:
    """Whether all transfers alone never need more than the capacity together."""
    lasting = end_s > begin_s
    times = np.concatenate([begin_s[lasting], end_s[lasting]])
    changes = np.concatenate([limits[lasting], -limits[lasting]])
    order = np.lexsort((changes, times))  # at equal times what ends goes first
    return float(np.cumsum(changes[order]).max(initial=0.0)) <= capacity * (1 + 1e-9)


def _shared(begin_s: Values, size_bytes: float, limits: Values, capacity: float, stop_s: Values) -> tuple[Values, Values]:
    """From event to event; between them all rates are constant."""
    number = len(begin_s)
    ends, left = np.full(number, np.inf), np.full(number, size_bytes)
    order = np.argsort(begin_s, kind="stable")
    order = order[stop_s[order] > begin_s[order]]
    starts = begin_s[order]
    coming, active = 0, np.empty(0, dtype=np.int64)
    now_s = float(starts[0]) if len(order) else 0.0
    while coming < len(order) or len(active):
        if not len(active):
            now_s = max(now_s, float(starts[coming]))
        arrived = int(np.searchsorted(starts, now_s, side="right"))
        if arrived > coming:
            active, coming = np.concatenate([active, order[coming:arrived]]), arrived
        rates = max_min(limits[active], capacity)
        until = now_s + left[active] / rates
        next_s = min(float(until.min()), float(stop_s[active].min()), float(starts[coming]) if coming < len(order) else np.inf)
        left[active] = np.maximum(left[active] - rates * (next_s - now_s), 0.0)
        done = until <= next_s * (1 + 1e-15)
        left[active[done]], ends[active[done]] = 0.0, next_s
        active = active[~done & (stop_s[active] > next_s)]
        now_s = next_s
    return ends, size_bytes - left


def max_min(limits: Values, capacity: float) -> Values:
    """Max-min fair rates of flows that share one link: ``min(limit, level)`` with the level that fills it."""
    if float(limits.sum()) <= capacity:
        return limits
    ordered = np.sort(limits)
    number = len(ordered)
    before = np.concatenate([[0.0], np.cumsum(ordered)[:-1]])
    levels = (capacity - before) / (number - np.arange(number))  # if all below this one take their limit
    first = int(np.argmax(levels <= ordered))
    rates: Values = np.minimum(limits, levels[first])
    return rates
