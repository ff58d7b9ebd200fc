"""A time axis in characters: round ticks, labels that do not collide."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.report.glyphs import Glyphs

_LONG_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass(frozen=True)
class TimeAxis:
    """``from_s`` to ``to_s`` over ``width`` character cells. ``origin_s``: what labels count from where absolute times are too long."""

    from_s: float
    to_s: float
    width: int
    origin_s: float = 0.0

    def cell(self, time_s: float) -> float:
        """Position in cells, fractions included; outside the axis below 0 or above ``width``."""
        return (time_s - self.from_s) / (self.to_s - self.from_s) * self.width

    def step_s(self) -> float:
        """Time between ticks: round, about 10 cells or more."""
        return round_step((self.to_s - self.from_s) * 10 / max(self.width, 1))

    def ticks_s(self) -> list[float]:
        """Round times, or round distances from the origin where absolute times have more than three decimals."""
        step_s, origin_s = self.step_s(), self._zero_s()
        first = math.ceil((self.from_s - origin_s) / step_s - 1e-9)
        last = math.floor((self.to_s - origin_s) / step_s + 1e-9)
        return [origin_s + index * step_s for index in range(first, last + 1)]

    def _zero_s(self) -> float:
        return 0.0 if self.step_s() >= 0.001 * (1 - 1e-9) else self.origin_s

    def lines(self, glyphs: Glyphs) -> tuple[str, str]:
        """The rule with its ticks and the labels below, both ``width`` characters (labels may be one unit longer)."""
        ticks = self.ticks_s()
        rule = [glyphs.rule] * self.width
        labels = [" "] * self.width
        texts = self._labels(ticks)
        free_from = 0
        for time_s, text in zip(ticks, texts, strict=True):
            position = min(int(self.cell(time_s) + 1e-6), self.width - 1)
            rule[position] = glyphs.tick
            start = min(position, self.width - len(text))
            if start >= free_from:
                labels[start : start + len(text)] = text
                free_from = start + len(text) + 1
        rule[0] = glyphs.corner
        rule[-1] = glyphs.end
        return "".join(rule), "".join(labels)

    def _labels(self, ticks: list[float]) -> list[str]:
        """Absolute seconds, or the distance from the origin with its sign."""
        step_s = self.step_s()
        if step_s >= 0.001 * (1 - 1e-9):
            decimals = max(0, math.ceil(-math.log10(step_s) - 1e-9))
            return [f"{tick:.{decimals}f}" for tick in ticks[:-1]] + [f"{tick:.{decimals}f} s" for tick in ticks[-1:]]
        size_s, unit = next(((size_s, unit) for size_s, unit in _UNITS if step_s >= size_s * (1 - 1e-9)), _UNITS[-1])
        return [f"{round((tick - self.origin_s) / size_s):+d} {unit}" for tick in ticks]


def scaled_axis(end_s: float, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """The rule and the labels of a whole run from 0, in seconds, minutes, hours or days, whichever gives numbers people read."""
    size_s, unit = next(((size_s, unit) for size_s, unit in _LONG_UNITS if end_s >= 2 * size_s), _LONG_UNITS[-1])
    span = max(end_s, 1e-9) / size_s
    step = round_step(span * 10 / max(width, 1))
    rule, labels, free_from = [glyphs.rule] * width, [" "] * width, 0
    for index in range(math.floor(span / step + 1e-9) + 1):
        position = min(int(index * step / span * width + 1e-6), width - 1)
        rule[position] = glyphs.tick
        text = f"{index * step:g}" if index else f"0 {unit}"
        start = min(position, width - len(text))
        if start >= free_from:
            labels[start : start + len(text)] = text
            free_from = start + len(text) + 1
    rule[0], rule[-1] = glyphs.corner, glyphs.end
    return "".join(rule), "".join(labels)


def round_step(step_s: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least ``step_s``."""
    power = 10.0 ** math.floor(math.log10(step_s))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step_s * (1 - 1e-9))
