"""Arrival times of open workloads, in chunks so that memory stays flat, and the closed loop for those that wait for answers.

All times are seconds from the start of the run, ascending, in ``[start_s, duration_s)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.errors import EdgesimError, Problem
from sim.scenario.arrival_trace import read_arrival_trace, round_s
from sim.scenario.model import Arrival, Closed, Periodic, Poisson, TraceArrivals

Times = NDArray[np.float64]
_CHUNK = 4096


def arrival_times(
    arrival: Arrival, duration_s: float, start_s: float = 0.0, count: int | None = None, rng: np.random.Generator | None = None, directory: Path = Path()
) -> Iterator[float]:
    """The times one by one; see :func:`arrival_chunks`."""
    for chunk in arrival_chunks(arrival, duration_s, start_s, count, rng, directory):
        yield from chunk.tolist()


def arrival_chunks(
    arrival: Arrival, duration_s: float, start_s: float = 0.0, count: int | None = None, rng: np.random.Generator | None = None, directory: Path = Path()
) -> Iterator[Times]:
    """Arrays of at most a few thousand times [s]: all arrivals before ``duration_s``, at most ``count`` of them.

    ``rng`` is needed where the arrivals are random (Poisson, jitter); ``directory`` is where the file of a trace is looked for.
    Raises EdgesimError for a trace that cannot be read, ValueError for a closed loop (see :class:`ClosedLoop`).
    """
    left = count
    for times in _unbounded(arrival, start_s, rng, directory):
        inside = times[: np.searchsorted(times, duration_s)][:left]
        if len(inside):
            yield inside
        if left is not None:
            left -= len(inside)
        if len(inside) < len(times) or left == 0:
            return


@singledispatch
def _unbounded(arrival: object, start_s: float, rng: np.random.Generator | None, directory: Path) -> Iterator[Times]:
    """All times from ``start_s`` on, in ascending chunks, perhaps without end."""
    raise ValueError(f"{type(arrival).__name__} arrivals depend on the answers and have no times of their own")


@_unbounded.register
def _periodic(arrival: Periodic, start_s: float, rng: np.random.Generator | None, directory: Path) -> Iterator[Times]:
    """Arrival k is due at ``start + offset + k / rate`` and comes up to ``jitter`` later, uniformly; it never overtakes the one before.

    Jitter only delays, as that of a camera or a bus does. Where it exceeds the period, a frame that would overtake waits for the
    one before and arrives at the same time.
    """
    begin_s, rate_hz, jitter_s = start_s + arrival.offset_s, float(arrival.rate_hz), float(arrival.jitter_s)
    draw = _generator(rng) if jitter_s else None
    first, last_s = 0, -np.inf
    while True:
        times = begin_s + np.arange(first, first + _CHUNK) / rate_hz
        if draw is not None:
            times = np.maximum.accumulate(np.maximum(times + draw.uniform(0.0, jitter_s, _CHUNK), last_s))
        first, last_s = first + _CHUNK, times[-1]
        yield times


@_unbounded.register
def _poisson(arrival: Poisson, start_s: float, rng: np.random.Generator | None, directory: Path) -> Iterator[Times]:
    """Exponential gaps, also before the first arrival: the process has no memory of when it was switched on."""
    draw, last_s = _generator(rng), start_s
    while True:
        times = last_s + np.cumsum(draw.exponential(1.0 / arrival.rate_hz, _CHUNK))
        last_s = float(times[-1])
        yield times


@_unbounded.register
def _trace(arrival: TraceArrivals, start_s: float, rng: np.random.Generator | None, directory: Path) -> Iterator[Times]:
    """The recorded times after ``start``, repeated every :func:`round_s` by a loop."""
    recorded = read_arrival_trace(directory / arrival.file, arrival.column)
    period_s = round_s(recorded)
    if arrival.loop and period_s <= 0:
        raise EdgesimError(Problem(str(directory / arrival.file), what="all times are 0; a trace that repeats needs a length"))
    rounds = 0
    while arrival.loop or rounds == 0:
        for first in range(0, len(recorded), _CHUNK):
            yield start_s + rounds * period_s + recorded[first : first + _CHUNK]
        rounds += 1


def _generator(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is None:
        raise ValueError("random arrivals need a generator, see sim.workload.streams.stream")
    return rng


@dataclass
class ClosedLoop:
    """A closed loop: ``clients`` requests begin at ``start_s``, and each answer brings the next request ``think_s`` later.

    The engine asks for the first times once, and for one more with each answer (or drop, which also ends a client's wait).
    """

    arrival: Closed
    duration_s: float
    start_s: float = 0.0
    count: int | None = None
    sent: int = 0

    def first_times(self) -> list[float]:
        """The times of the first requests, one per client."""
        if self.start_s >= self.duration_s:
            return []
        clients = self.arrival.clients if self.count is None else min(self.arrival.clients, self.count)
        self.sent = clients
        return [self.start_s] * clients

    def after_answer(self, answered_s: float) -> float | None:
        """When the client that was answered sends again; None if the run or the count is over."""
        time_s = answered_s + self.arrival.think_s
        if time_s >= self.duration_s or (self.count is not None and self.sent >= self.count):
            return None
        self.sent += 1
        return time_s
