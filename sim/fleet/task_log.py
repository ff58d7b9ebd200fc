"""Every task of a fleet that ended, as columns."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from sim.trace import Table


class TaskStatus(IntEnum):
    """How a task ended."""

    DONE = 0  # by the way that was chosen
    FELL_BACK = 1  # on the device, after the server's answer took too long
    REFUSED = 2  # the server's queue had no room


NO_EXIT = -1
_ROWS = 4096


class TaskLog:
    """Rows in the order of their ends. ``exit``: the early exit at which it left on the device, ``NO_EXIT`` for none.

    Seconds by cause: ``near_s`` on the device with waiting, ``up_s``, ``far_s`` at the server with waiting, ``down_s``.
    """

    def __init__(self) -> None:
        seconds = dict.fromkeys(("arrival_s", "end_s", "near_s", "up_s", "far_s", "down_s"), "d")
        self._table = Table(kind="h", device="l", way="h", status="b", exit="h", **seconds, energy_j="d")
        self._rows: list[tuple[float, ...]] = []  # not in the table yet: many at once cost a fraction of one after the other

    def add(self, row: tuple[float, ...]) -> None:
        """A value for each column, in their order."""
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self._enter()

    def __len__(self) -> int:
        return len(self._table) + len(self._rows)

    def columns(self) -> dict[str, np.ndarray]:
        """Column name -> array ``[tasks]``."""
        self._enter()
        return self._table.columns()

    def _enter(self) -> None:
        self._table.extend(self._rows)
        self._rows.clear()

    def since(self, row: int) -> list[dict[str, Any]]:
        """The rows from this one on."""
        self._enter()
        columns = self._table.tail(row)
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
