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


class TaskLog:
    """Rows in the order of their ends. ``exit``: the early exit at which it left on the device, ``NO_EXIT`` for none.

    Seconds by cause: ``near_s`` on the device with waiting, ``up_s``, ``far_s`` at the server with waiting, ``down_s``.
    """

    def __init__(self) -> None:
        seconds = dict.fromkeys(("arrival_s", "end_s", "near_s", "up_s", "far_s", "down_s"), "d")
        self._table = Table(kind="h", device="l", way="h", status="b", exit="h", **seconds, energy_j="d")
        self.add = self._table.append

    def __len__(self) -> int:
        return len(self._table)

    def columns(self) -> dict[str, np.ndarray]:
        """Column name -> array ``[tasks]``."""
        return self._table.columns()

    def since(self, row: int) -> list[dict[str, Any]]:
        """The rows from this one on."""
        columns = self._table.tail(row)
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
