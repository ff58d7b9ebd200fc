"""A time axis in characters: round ticks, labels that do not collide."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.report.glyphs import Glyphs

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass(frozen=True)
class TimeAxis:
    """``from_s`` to ``to_s`` over ``width`` character cells."""

    from_s: float
    to_s: float
    width: int

    def cell(self, time_s: float) -> float:
        """Position in cells, fractions included; outside the axis below 0 or above ``width``."""
        return (time_s - self.from_s) / (self.to_s - self.from_s) * self.width

    def ticks_s(self) -> list[float]:
        """Round times, about one every 10 cells."""
        step_s = round_step((self.to_s - self.from_s) * 10 / max(self.width, 1))
        first = math.ceil(self.from_s / step_s - 1e-9)
        last = math.floor(self.to_s / step_s + 1e-9)
        return [index * step_s for index in range(first, last + 1)]

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
        """Absolute seconds while three decimals tell ticks apart, else the time since the axis began."""
        if len(ticks) < 2:
            return [f"{tick:.6g} s" for tick in ticks]
        step_s = ticks[1] - ticks[0]
        decimals = max(0, math.ceil(-math.log10(step_s) - 1e-9))
        if decimals <= 3:
            return [f"{tick:.{decimals}f}" for tick in ticks[:-1]] + [f"{ticks[-1]:.{decimals}f} s"]
        size_s, unit = next((size_s, unit) for size_s, unit in _UNITS if step_s >= size_s * (1 - 1e-9))
        return [f"+{round((tick - self.from_s) / size_s):d} {unit}" for tick in ticks]


def round_step(step_s: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least ``step_s``."""
    power = 10.0 ** math.floor(math.log10(step_s))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step_s * (1 - 1e-9))
