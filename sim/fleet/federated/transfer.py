"""Transfers of many clients over one shared link: each as fast as its own link allows, the shared one divided max-min fairly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.shared_link import shared_ends

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
    return shared_ends(begin_s, size_bytes, limit_bytes_per_s, capacity_bytes_per_s, stop_s)


def _fits(begin_s: Values, end_s: Values, limits: Values, capacity: float) -> bool:
    """Whether all transfers alone never need more than the capacity together."""
    lasting = end_s > begin_s
    times = np.concatenate([begin_s[lasting], end_s[lasting]])
    changes = np.concatenate([limits[lasting], -limits[lasting]])
    order = np.lexsort((changes, times))  # at equal times what ends goes first
    return float(np.cumsum(changes[order]).max(initial=0.0)) <= capacity * (1 + 1e-9)
