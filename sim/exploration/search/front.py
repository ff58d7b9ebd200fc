"""Pareto fronts: what nothing else beats in every objective, and the point of it that trades best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def non_dominated(points: Sequence[Sequence[float]] | Points) -> npt.NDArray[np.bool_]:
    """Which of the points (n x m, all objectives minimized) no other one dominates: none is at least as good everywhere and better somewhere.

    Equal points do not dominate each other: all of them are kept.
    """
    every = np.asarray(points, dtype=np.float64)
    kept = np.ones(len(every), dtype=bool)
    for index in np.lexsort(every.T[::-1]):  # what comes later in this order dominates nothing before it
        if kept[index]:
            worse = np.all(every >= every[index], axis=1) & np.any(every > every[index], axis=1)
            kept &= ~worse
    return kept


def knee(front: Sequence[Sequence[float]] | Points) -> int | None:
    """The point of a front (n x m, minimized) that gives up least: the nearest one to the ideal when each objective spans 0 to 1 over the front.

    The ideal has the best of each objective. None where there are fewer than three points, or nothing to trade.
    """
    every = np.asarray(front, dtype=np.float64)
    if len(every) < 3:
        return None
    low, high = every.min(axis=0), every.max(axis=0)
    spans = high > low
    if spans.sum() < 2:
        return None
    scaled = (every[:, spans] - low[spans]) / (high[spans] - low[spans])
    return int(np.argmin(np.linalg.norm(scaled, axis=1)))
