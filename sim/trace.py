"""Trace: what happened, as typed append-only columns. Knows neither simpy nor rich.

Tables (one row each, times in simulated seconds):

- ``spans``: a piece of a segment that ran on one unit without change of frequency or bandwidth share. Several pieces make a
  segment's run; kernels inside are resolved from the program's costs only when somebody looks (:mod:`sim.runtime.kernels`).
- ``requests``: one row per request, written when it ends, is dropped, or the run stops.
  ``start_s`` is NaN for one that never ran, ``end_s`` the end of the run for one unfinished, ``deadline_s`` infinite without one.
- ``request_energy``: energy of a request's own activity (switching of the units that ran it, its memory traffic, radios until the
  end of its transfers), J.
- ``radio_phases``: a radio in one state (``promotion``, ``send``, ``receive``, ``tail``; idle in between) at a constant power;
  ``request`` and ``stage`` are -1 in a tail.
- ``counters``: the value of a named quantity from ``time_s`` on (frequency_hz of a domain, temperature_c of a node, power_w of a
  component, memory_bytes).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas


class Status(IntEnum):
    """How a request ended."""

    DONE = 0
    LATE = 1  # done after its deadline
    DROPPED = 2  # refused or discarded by its queue
    EXPIRED = 3  # discarded because its deadline had passed
    UNFINISHED = 4  # still waiting or running when the run ended


class Table:
    """Columns of one table. ``append`` takes one value per column, in order; ``columns()`` gives NumPy arrays."""

    def __init__(self, **typecodes: str) -> None:
        self._columns: dict[str, array[Any]] = {name: array(code) for name, code in typecodes.items()}
        self._appenders = tuple(column.append for column in self._columns.values())

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def append(self, *values: float) -> None:
        for append, value in zip(self._appenders, values, strict=True):
            append(value)

    def extend(self, rows: Iterable[tuple[float, ...]]) -> None:
        """Append many rows at once, each a tuple with one value per column."""
        for column, values in zip(self._columns.values(), zip(*rows, strict=True), strict=False):
            column.extend(values)

    def columns(self) -> dict[str, np.ndarray]:
        """Column name -> array ``[rows]`` (copies: the table may still grow)."""
        return {name: np.array(column) for name, column in self._columns.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self._columns[name])

    def frame(self) -> pandas.DataFrame:
        """The table as a pandas frame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(self.columns())


def _spans() -> Table:
    # first and last: kernel positions within the segment, fractions included (2.25 = a quarter into the third kernel);
    # -1 .. 0 is the segment's entry: dispatch, synchronisation, copies
    return Table(
        unit="h",
        start_s="d",
        end_s="d",
        request="q",
        stage="h",
        repeat="l",
        program="h",
        segment="l",
        first="d",
        last="d",
        frequency_hz="d",
        share="d",
    )


def _requests() -> Table:
    return Table(request="q", workload="h", arrival_s="d", start_s="d", end_s="d", deadline_s="d", status="b")


def _radio_phases() -> Table:
    return Table(radio="h", state="b", start_s="d", end_s="d", power_w="d", request="q", stage="h")


@dataclass(slots=True)
class Trace:
    """One run. Small integers in the tables index the name lists here (``unit``, ``workload``, ``stage``, ``program``, ``counter``,
    ``radio``); ``state`` of a radio indexes :data:`device_models.radio.STATES`.

    ``stage`` in spans indexes ``stages``; ``program`` indexes ``programs`` (a stage of user code is a one-kernel program);
    ``energy_j`` holds totals by component: every unit by name, ``memory``, ``base``, ``storage`` and ``fan`` where they draw
    power, and every radio as ``radio.NAME``; their sum is the device's energy.
    """

    units: list[str]
    workloads: list[str]
    stages: list[str]
    programs: list[str]
    radios: list[str] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)
    spans: Table = field(default_factory=_spans)
    requests: Table = field(default_factory=_requests)
    radio_phases: Table = field(default_factory=_radio_phases)
    counter_rows: Table = field(default_factory=lambda: Table(counter="h", time_s="d", value="d"))
    request_energy: Table = field(default_factory=lambda: Table(request="q", energy_j="d"))
    energy_j: dict[str, float] = field(default_factory=dict)
    totals: dict[str, Any] = field(default_factory=dict)  # operators executed, events, per-unit busy seconds ..., by the engine
    end_s: float = 0.0

    def counter(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(times_s, values) of one counter; each value holds until the next time."""
        index = self.counters.index(name)
        columns = self.counter_rows.columns()
        rows = columns["counter"] == index
        return columns["time_s"][rows], columns["value"][rows]

    def tables(self) -> Mapping[str, Table]:
        """Those there is something to say in: a device without radios has no phases of them."""
        phases = {"radio_phases": self.radio_phases} if self.radios else {}
        return {"spans": self.spans, "requests": self.requests, **phases, "counters": self.counter_rows}
