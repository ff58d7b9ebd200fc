"""Counters of a trace as step functions: each value holds until the next time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sim.trace import Trace

_NAME = re.compile(r"(?P<quantity>[a-z][a-z0-9_]*?_(?:hz|c|w|bytes))(?:[.](?P<subject>.*))?", re.DOTALL)


@dataclass(frozen=True, eq=False)
class StepFunction:
    """``values[i]`` holds from ``times_s[i]`` to ``times_s[i + 1]``, the last to ``end_s``. Times ascend strictly; at least one row."""

    times_s: np.ndarray
    values: np.ndarray
    end_s: float

    def integral(self, times_s: np.ndarray) -> np.ndarray:
        """The integral from the first time to each of ``times_s`` (before the first time: 0)."""
        knots = np.append(self.times_s, max(self.end_s, float(self.times_s[-1])))
        area = np.concatenate([[0.0], np.cumsum(self.values * np.diff(knots))])
        return np.asarray(np.interp(times_s, knots, area))

    def integral_between(self, from_s: float, to_s: float) -> float:
        """The integral over one interval."""
        low, high = self.integral(np.array([from_s, to_s]))
        return float(high - low)

    def means(self, edges_s: np.ndarray) -> np.ndarray:
        """Time-weighted mean between consecutive edges, ``[len(edges) - 1]``; nan where the function is not defined."""
        defined_s = np.diff(np.clip(edges_s, self.times_s[0], max(self.end_s, self.times_s[-1])))
        area = np.diff(self.integral(edges_s))
        return np.divide(area, defined_s, out=np.full(len(area), np.nan), where=defined_s > 0)

    def peak(self, from_s: float = 0.0) -> float:
        """The largest value that holds at any time from ``from_s`` on."""
        return float(self.values[self._position(from_s) :].max())

    def at(self, time_s: float) -> float:
        """The value that holds at a time (before the first time: the first value)."""
        return float(self.values[self._position(time_s)])

    def seconds_where(self, true: np.ndarray, from_s: float = 0.0) -> float:
        """How long, from ``from_s`` on, the rows marked in ``true`` held."""
        starts = np.maximum(self.times_s, from_s)
        stops = np.maximum(np.append(self.times_s[1:], max(self.end_s, float(self.times_s[-1]))), from_s)
        return float((stops - starts)[true].sum())

    def _position(self, time_s: float) -> int:
        return max(int(np.searchsorted(self.times_s, time_s, side="right")) - 1, 0)


def counters_of(trace: Trace, quantity: str) -> dict[str, StepFunction]:
    """Counters named ``quantity.subject`` (or just ``quantity``: subject ``""``) that have rows, by subject, in the trace's order."""
    columns = trace.counter_rows.columns()
    found: dict[str, StepFunction] = {}
    for index, subject in _named(trace.counters, quantity):
        rows = columns["counter"] == index
        if rows.any():
            found[subject] = step_function(columns["time_s"][rows], columns["value"][rows], trace.end_s)
    return found


def step_function(times_s: np.ndarray, values: np.ndarray, end_s: float) -> StepFunction:
    """From rows in the order they were written: of several at one time the last counts."""
    last = np.append(np.diff(times_s) > 0, True)
    return StepFunction(times_s[last], values[last], end_s)


def total(functions: Iterable[StepFunction]) -> StepFunction | None:
    """The sum of step functions (each 0 before its first time), or None of none."""
    parts = list(functions)
    if not parts:
        return None
    times_s = np.concatenate([part.times_s for part in parts])
    changes = np.concatenate([np.diff(part.values, prepend=0.0) for part in parts])
    order = np.argsort(times_s, kind="stable")
    return step_function(times_s[order], np.cumsum(changes[order]), max(part.end_s for part in parts))


def counter_name(name: str) -> tuple[str, str]:
    """``quantity.subject`` taken apart: ``("frequency_hz", "big")``; a name of another form is all subject."""
    match = _NAME.fullmatch(name)
    return (match["quantity"], match["subject"] or "") if match else ("", name)


def _named(counters: Iterable[str], quantity: str) -> Iterator[tuple[int, str]]:
    for index, name in enumerate(counters):
        kind, subject = counter_name(name)
        if kind == quantity:
            yield index, subject
