"""Two objectives against each other in characters: the front, the other trials that hold everything, and where the scenario stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TALL = 14  # lines


@dataclass(frozen=True)
class Mark:
    """Points of one kind; later kinds lie over earlier ones."""

    glyph: str
    points: Sequence[tuple[float, float]]


def scatter(marks: Sequence[Mark], width: int, tall: int = TALL) -> list[str]:
    """``tall`` lines of ``width`` characters; x to the right, y up, over the range of all points. Nothing where there is no range."""
    every = [point for mark in marks for point in mark.points]
    if not every or width < 2:
        return []
    low = [min(point[axis] for point in every) for axis in (0, 1)]
    high = [max(point[axis] for point in every) for axis in (0, 1)]
    cells = [[" "] * width for _ in range(tall)]
    for mark in marks:
        for point in mark.points:
            shares = [(point[axis] - low[axis]) / (high[axis] - low[axis]) if high[axis] > low[axis] else 0.0 for axis in (0, 1)]
            cells[tall - 1 - round(shares[1] * (tall - 1))][round(shares[0] * (width - 1))] = mark.glyph
    return ["".join(line) for line in cells]
