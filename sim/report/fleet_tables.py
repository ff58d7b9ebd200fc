"""The tasks of a fleet as a table with names in place of positions."""

from __future__ import annotations

import numpy as np

from sim.fleet.result import FleetResult
from sim.fleet.task_log import NO_EXIT, TaskStatus


def task_table(result: FleetResult) -> dict[str, np.ndarray]:
    """Column name -> array ``[tasks]``, in the order in which they ended; times in s, energy of the device above its idle power in J."""
    columns = result.world.log.columns()
    kinds, way, exit = columns["kind"], columns["way"], columns["exit"]
    names = np.empty((4, len(kinds)), dtype=object)
    names[0] = _named([kind.name for kind in result.kinds], kinds)
    names[2] = _named([status.name.lower() for status in TaskStatus], columns["status"])
    for index, kind in enumerate(result.kinds):
        rows = kinds == index
        names[1, rows] = _named([one.name for one in kind.ways], way[rows])
        exits = [one.name for one in kind.ways[0].exits]
        names[3, rows] = np.where(exit[rows] == NO_EXIT, "", _named([*exits, ""], exit[rows]))
    named = {"task": names[0], "device": columns["device"], "way": names[1], "status": names[2], "exit": names[3]}
    return named | {name: column for name, column in columns.items() if name not in ("kind", "device", "way", "status", "exit")}


def _named(names: list[str], positions: np.ndarray) -> np.ndarray:
    named: np.ndarray = np.array(names, dtype=object)[positions]
    return named
