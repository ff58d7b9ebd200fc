"""A filled curve several rows high, with levels drawn in and notes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.report.glyphs import Glyphs


@dataclass(frozen=True)
class Level:
    """A horizontal line at ``value``; ``text`` stands beside it."""

    value: float
    text: str


@dataclass(frozen=True)
class AreaChart:
    """``values``: one per column between ``low`` and ``high``, nan where nothing is known; ``rows`` high."""

    values: np.ndarray
    low: float
    high: float
    rows: int
    levels: tuple[Level, ...] = ()

    def row_of(self, value: float) -> int:
        """The row, 0 at the top, in which a value lies; outside the chart the nearest."""
        share = (self.high - value) / (self.high - self.low)
        return min(max(int(share * self.rows), 0), self.rows - 1)

    def lines(self, glyphs: Glyphs) -> list[str]:
        """The rows from the top, one character per value. A level shows as a line behind the curve and as a seam in it."""
        heights = self._eighths(len(glyphs.levels))
        marked = {self.row_of(level.value) for level in self.levels}
        return ["".join(self._cell(height, row, row in marked, glyphs) for height in heights) for row in range(self.rows)]

    def _eighths(self, steps: int) -> list[int | None]:
        """Height of each column in steps of a row; at least one where a value is known."""
        span = self.rows * steps
        shares = np.clip((self.values - self.low) / (self.high - self.low), 0.0, 1.0)
        return [None if np.isnan(share) else max(round(float(share) * span), 1) for share in shares]

    def _cell(self, height: int | None, row: int, marked: bool, glyphs: Glyphs) -> str:
        steps = len(glyphs.levels)
        filled = 0 if height is None else height - (self.rows - 1 - row) * steps
        if filled <= 0:
            return glyphs.level if marked else " "
        if filled >= steps:
            return glyphs.seam if marked else glyphs.levels[-1]
        return glyphs.levels[filled - 1]


def beside(rows: int, notes: Sequence[tuple[int, str]]) -> list[str]:
    """Notes on the rows they ask for, or the nearest free one; the first have the first choice, those without room are left out."""
    result = [""] * rows
    for wanted, text in notes:
        free = [row for row in range(rows) if not result[row]]
        if free and text:
            result[min(free, key=lambda row: (abs(row - wanted), row))] = text
    return result
