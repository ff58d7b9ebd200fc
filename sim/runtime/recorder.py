"""Writes the trace: spans, requests and counters, in batches."""

from __future__ import annotations

import math

import numpy as np

from sim.runtime.clock import Clock
from sim.runtime.execution import Execution
from sim.trace import Status, Table, Trace

_BATCH = 4096
_FINEST = 200_000  # a counter has at most about so many rows: nearer changes overwrite each other
_FINEST_SUMMARY = 10_000  # likewise where a summary is all that is kept


class Recorder:
    """Appends to a :class:`~sim.trace.Trace`. With ``spans`` false only requests and counters are kept.

    Where the trace has summaries of its requests, these are kept instead of the rows.

    A counter keeps one row per change; changes nearer than ``duration / 200 000`` (with summaries: 10 000) to the row before overwrite
    its value, so that a run of any length has a bounded number of rows.
    """

    def __init__(self, clock: Clock, trace: Trace, duration_s: float, spans: bool) -> None:
        self.trace = trace
        self.clock = clock
        self._spans = spans
        self._span_rows: list[tuple[float, ...]] = []
        self._request_rows: list[tuple[float, ...]] = []
        self._radio_rows: list[tuple[float, ...]] = []
        self._energy_rows: list[tuple[float, ...]] = []
        self._batch_rows: list[tuple[float, ...]] = []
        self._choice_rows: list[tuple[float, ...]] = []
        self._spacing_s = duration_s / (_FINEST_SUMMARY if trace.summaries else _FINEST)
        self._last: list[tuple[float, float]] = []  # time and value of each counter's last row, not yet written

    def piece(self, unit: int, execution: Execution, now: float, row: float) -> None:
        """A piece of the execution ended: from its ``piece_row`` to ``row`` at one timing."""
        timing, run, began_s = execution.timing, execution.run, execution.piece_s
        assert timing is not None
        seconds = now - began_s
        timing.run_s += seconds
        request = run.request
        request.energy_j += timing.active_w * seconds
        if self._spans:
            rows, first, last = self._span_rows, execution.piece_row - 1.0, row - 1.0
            rows.append((unit, began_s, now, request.number, run.plan.index, run.repeat, *timing.segment, first, last, *timing.state))
            if len(rows) >= _BATCH:
                _flush(rows, self.trace.spans)

    def radio_phase(self, radio: int, state: int, begin_s: float, end_s: float, power_w: float, request: int, stage: int) -> None:
        """A radio was in a state; ``request`` and ``stage`` are -1 where it was for none."""
        if self._spans:
            rows = self._radio_rows
            rows.append((radio, state, begin_s, end_s, power_w, request, stage))
            if len(rows) >= _BATCH:
                _flush(rows, self.trace.radio_phases)

    def request(self, number: int, workload: int, arrival_s: float, start_s: float, end_s: float, deadline_s: float, status: Status, energy_j: float) -> None:
        """A request ended. ``start_s`` is NaN if it never ran, ``deadline_s`` infinite without one."""
        rows = self._request_rows
        rows.append((number, workload, arrival_s, start_s, end_s, deadline_s, status))
        self._energy_rows.append((number, energy_j))
        if len(rows) >= _BATCH:
            self._flush_requests()

    def _flush_requests(self) -> None:
        if self.trace.summaries:
            _summarise(self._request_rows, self._energy_rows, self.trace)
        else:
            _flush(self._request_rows, self.trace.requests)
            _flush(self._energy_rows, self.trace.request_energy)

    def choice(self, number: int, stage: int, outcome: int, row: int) -> None:
        """A stage that adapts has decided for a request. ``row``: of its recorded trace, -1 without."""
        if self.trace.summaries:
            return
        rows = self._choice_rows
        rows.append((number, stage, outcome, self.clock._now, row))
        if len(rows) >= _BATCH:
            _flush(rows, self.trace.choices)

    def batch(self, queue: int, formed_s: float, begun_s: float, request: int, stage: int, size: int, padded: int) -> None:
        """A batch of ``size`` requests has ended, the first of them number ``request``."""
        if self._spans:
            rows = self._batch_rows
            rows.append((queue, formed_s, begun_s, self.clock._now, request, stage, size, padded))
            if len(rows) >= _BATCH:
                _flush(rows, self.trace.batches)

    def counter(self, name: str) -> int:
        """A new counter's index."""
        self.trace.counters.append(name)
        self._last.append((math.nan, math.nan))
        return len(self._last) - 1

    def count(self, counter: int, value: float, time_s: float | None = None) -> None:
        """From ``time_s`` (now) on the counter has this value."""
        when_s = self.clock._now if time_s is None else time_s
        last_s, last = self._last[counter]
        if value == last:
            return
        if when_s - last_s < self._spacing_s:
            self._last[counter] = (last_s, value)
            return
        if last == last:  # not NaN: the first row has none before it
            self.trace.counter_rows.append(counter, last_s, last)
        self._last[counter] = (when_s, value)

    def finish(self) -> None:
        """Write what is still held back."""
        _flush(self._span_rows, self.trace.spans)
        _flush(self._radio_rows, self.trace.radio_phases)
        self._flush_requests()
        _flush(self._choice_rows, self.trace.choices)
        _flush(self._batch_rows, self.trace.batches)
        for counter, (last_s, last) in enumerate(self._last):
            if last == last:
                self.trace.counter_rows.append(counter, last_s, last)


def _flush(rows: list[tuple[float, ...]], table: Table) -> None:
    table.extend(rows)
    rows.clear()


def _summarise(rows: list[tuple[float, ...]], energy_rows: list[tuple[float, ...]], trace: Trace) -> None:
    """Rows as :meth:`Recorder.request` makes them go into the summary of their workload."""
    if not rows:
        return
    _, workload, arrival_s, start_s, end_s, deadline_s, status = np.array(rows, dtype=np.float64).T
    energy_j = np.array(energy_rows, dtype=np.float64)[:, 1]
    answered = status <= Status.LATE
    # an unfinished request is written down when the run ends
    missed = (status == Status.LATE) | (status == Status.EXPIRED) | ((status == Status.UNFINISHED) & (deadline_s < end_s))
    for index, summary in enumerate(trace.summaries):
        own = workload == index
        summary.add(status[own].astype(np.int64), answered[own], missed[own], arrival_s[own], start_s[own], end_s[own], energy_j[own])
    rows.clear()
    energy_rows.clear()
