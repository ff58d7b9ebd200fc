"""A row of characters whose heights follow numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.report.glyphs import Glyphs


def sparkline(values: Sequence[float] | np.ndarray, glyphs: Glyphs, low: float | None = None, high: float | None = None) -> str:
    """One character per value between ``low`` and ``high`` (the values' own range if absent); nan is a blank.

    Values that are all equal give a row of the lowest level.
    """
    numbers = np.asarray(values, dtype=float)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return " " * len(numbers)
    low = float(known.min()) if low is None else low
    high = float(known.max()) if high is None else high
    span = high - low
    top = len(glyphs.levels) - 1
    # ranges far below the last digit shown would turn rounding noise into mountains
    flat = span <= 1e-6 * max(abs(high), abs(low))
    levels = [0 if flat or np.isnan(value) else round(min(max((value - low) / span, 0.0), 1.0) * top) for value in numbers]
    return "".join(" " if np.isnan(value) else glyphs.levels[level] for value, level in zip(numbers, levels, strict=True))


def histogram_bars(counts: Sequence[int], width: int, glyphs: Glyphs) -> str:
    """Counts as bars in ``width`` characters; a bin with a single sample is still seen, an empty one is blank."""
    values = _rebinned(np.asarray(counts, dtype=float), width)
    peak = values.max() if len(values) else 0.0
    if peak <= 0:
        return " " * width
    top = len(glyphs.levels) - 1
    return "".join(" " if value <= 0 else glyphs.levels[round(value / peak * top)] for value in values).ljust(width)


def _rebinned(counts: np.ndarray, width: int) -> np.ndarray:
    """The same total over ``width`` equal bins; each sample counts where its bin's share lies."""
    if not len(counts) or width < 1:
        return np.zeros(max(width, 0))
    if len(counts) == 1:
        result = np.zeros(width)
        result[0] = counts[0]
        return result
    passed = np.concatenate([[0.0], np.cumsum(counts)])
    edges = np.linspace(0.0, len(counts), width + 1)
    return np.diff(np.interp(edges, np.arange(len(counts) + 1), passed))
