"""Time, energy and heat of training on each type of device, from tables of the simulated device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingTable:
    """One type of device, cool at first. Arrays ``[points]``: after ``steps`` training steps in a row, from 0.

    ``seconds``; ``joules`` above the idle device; ``excess_c`` by which the slowest part of the body is warmer than at first.
    ``cooling_s``: time constant with which that falls. ``simulated_steps``: beyond them the last rates go on.
    """

    steps: Values
    seconds: Values
    joules: Values
    excess_c: Values
    cooling_s: float
    simulated_steps: float


class TrainingTimes:
    """The tables of all types as arrays ``[types, points]`` over a common, even grid of steps."""

    def __init__(self, tables: Sequence[TrainingTable], points: int = 513) -> None:
        most = max(float(table.steps[-1]) for table in tables)
        self._width = most / (points - 1) if most > points - 1 else 1.0
        grid: Values = np.arange(int(np.ceil(most / self._width)) + 1, dtype=np.float64) * self._width
        self._seconds = np.stack([_beyond(grid, table.steps, table.seconds) for table in tables])
        self._joules = np.stack([_beyond(grid, table.steps, table.joules) for table in tables])
        # warmth never falls while training goes on; a table's noise must not make it ambiguous
        self._excess = np.stack([np.maximum.accumulate(np.interp(grid, table.steps, table.excess_c)) for table in tables])
        self._grid = grid
        self.cooling_s = np.array([table.cooling_s for table in tables])

    def training(self, kinds: NDArray[np.integer], steps: Values, excess_c: Values) -> tuple[Values, Values, Values]:
        """Seconds, joules, and warmth afterwards of ``steps`` steps on devices of ``kinds`` that are ``excess_c`` warmer than at first.

        A warm device goes on in its table where it would be as warm after training without a pause.
        """
        begin = self._position(kinds, excess_c)
        end = begin + steps
        seconds = self._at(self._seconds, kinds, end) - self._at(self._seconds, kinds, begin)
        joules = self._at(self._joules, kinds, end) - self._at(self._joules, kinds, begin)
        return seconds, joules, self._at(self._excess, kinds, np.minimum(end, self._grid[-1]))

    def _position(self, kinds: NDArray[np.integer], excess_c: Values) -> Values:
        position = np.zeros(len(kinds))
        warm = np.flatnonzero(excess_c > 0.05)
        for kind in np.unique(kinds[warm]):
            chosen = warm[kinds[warm] == kind]
            position[chosen] = np.interp(excess_c[chosen], self._excess[kind], self._grid)
        return position

    def _at(self, table: Values, kinds: NDArray[np.integer], steps: Values) -> Values:
        """Linear between grid points, and on at the last slope."""
        place = steps / self._width
        index = np.minimum(place.astype(np.int64), table.shape[1] - 2)
        before = table[kinds, index]
        value: Values = before + (place - index) * (table[kinds, index + 1] - before)
        return value


def _beyond(grid: Values, steps: Values, values: Values) -> Values:
    """Interpolated, and on at the rate of the last quarter."""
    found = np.interp(grid, steps, values)
    past = grid > steps[-1]
    if past.any():
        back = min(int(np.searchsorted(steps, 0.75 * steps[-1])), len(steps) - 2)
        rate = (values[-1] - values[back]) / (steps[-1] - steps[back])
        found[past] = values[-1] + rate * (grid[past] - steps[-1])
    return found
