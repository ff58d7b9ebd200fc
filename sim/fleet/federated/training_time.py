"""Time, energy and heat of training on each type of device, from tables of the simulated device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_COOL_C = 0.05  # above its surroundings: what is no warmer counts as cool


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
        # warmth never falls while training goes on; a table's noise must not make it ambiguous
        self._excess = np.stack([np.maximum.accumulate(np.interp(grid, table.steps, table.excess_c)) for table in tables])
        # seconds and joules side by side: [types, points, 2]
        self._costs = np.stack([np.stack([_beyond(grid, table.steps, values) for values in (table.seconds, table.joules)], axis=-1) for table in tables])
        self._grid = grid
        self.cooling_s = np.array([table.cooling_s for table in tables])

    def training(self, kinds: NDArray[np.integer], steps: Values, excess_c: Values) -> tuple[Values, Values, Values]:
        """Seconds, joules, and warmth afterwards of ``steps`` steps on devices of ``kinds`` that are ``excess_c`` warmer than at first.

        A warm device goes on in its table where it would be as warm after training without a pause.
        """
        warm = np.flatnonzero(excess_c > _COOL_C)
        begin, end = self._position(kinds[warm], excess_c[warm]), steps.copy()
        end[warm] += begin
        costs = self._at(self._costs, kinds, end)
        costs[warm] -= self._at(self._costs, kinds[warm], begin)
        return costs[:, 0], costs[:, 1], self._at(self._excess, kinds, np.minimum(end, self._grid[-1]))

    def _position(self, kinds: NDArray[np.integer], excess_c: Values) -> Values:
        """The number of steps after which devices are so warm."""
        position = np.zeros(len(kinds))
        for kind in range(len(self._excess)):
            chosen = np.flatnonzero(kinds == kind)
            position[chosen] = np.interp(excess_c[chosen], self._excess[kind], self._grid)
        return position

    def _at(self, table: Values, kinds: NDArray[np.integer], steps: Values) -> Values:
        """Linear between grid points, and on at the last slope; ``table[types, points, ...]``."""
        place = steps / self._width
        points = table.shape[1]
        index = np.minimum(place.astype(np.int64), points - 2)
        rows, part = table.reshape(len(table) * points, *table.shape[2:]), place - index
        index += kinds * points
        before = rows[index]
        value: Values = before + (part if table.ndim == 2 else part[:, None]) * (rows[index + 1] - before)
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
