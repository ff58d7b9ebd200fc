"""The volume that a front dominates, up to a reference point: exact, for one to three objectives that are all minimized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
MOST_OBJECTIVES = 3


def hypervolume(points: Sequence[Sequence[float]] | Points, reference: Sequence[float]) -> float:
    """Of ``points`` (n x m, to be minimized), the volume between them and ``reference`` (m values, in the same units).

    Points that do not lie below the reference in every objective add nothing. Raises ValueError for other than one to three objectives.
    """
    corner = np.asarray(reference, dtype=np.float64)
    if not 1 <= len(corner) <= MOST_OBJECTIVES:
        raise ValueError(f"{len(corner)} objectives; the volume is computed for 1 to {MOST_OBJECTIVES}")
    every = np.asarray(points, dtype=np.float64).reshape(-1, len(corner))
    inside = every[np.all(every < corner, axis=1)]
    if not len(inside):
        return 0.0
    if len(corner) == 1:
        return float(corner[0] - inside.min())
    return _area(inside, corner) if len(corner) == 2 else _volume(inside, corner)


def _area(points: Points, corner: Points) -> float:
    """A staircase from left to right: each step reaches from its point to the next lower one."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    lowest = np.minimum.accumulate(ordered[:, 1])
    edges = np.append(ordered[:, 0], corner[0])
    return float(np.sum(np.diff(edges) * (corner[1] - lowest)))


def _volume(points: Points, corner: Points) -> float:
    """Slices along the third objective: between two heights the points below count, by their area."""
    ordered = points[np.argsort(points[:, 2], kind="stable")]
    heights = np.append(ordered[:, 2], corner[2])
    total = 0.0
    for index in range(len(ordered)):
        thickness = heights[index + 1] - heights[index]
        if thickness > 0:
            total += thickness * _area(ordered[: index + 1, :2], corner[:2])
    return float(total)
