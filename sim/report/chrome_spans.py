"""The spans of a trace as a Chrome trace shows them: one per uninterrupted run of a segment, on the thread of its unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.compiler.program import Program
from sim.report.lanes import lanes
from sim.runtime.kernels import kernel_spans
from sim.trace import Trace

_CHUNK = 2048
_SAME = ("unit", "request", "stage", "repeat", "program", "segment")


@dataclass(frozen=True, eq=False)
class ThreadSpans:
    """Runs by unit and start, times in whole nanoseconds. Pieces that touch (the clock changed in between) are one run.

    ``columns``: those of the trace for each run's first piece; ``frequency_hz``: mean over the run. ``threads``: (id, unit, lane)
    of every thread, further lanes only where a unit ran several things at once.
    """

    columns: dict[str, np.ndarray]
    thread: np.ndarray
    start_ns: np.ndarray
    end_ns: np.ndarray
    frequency_hz: np.ndarray
    threads: tuple[tuple[int, int, int], ...]


class KernelSpan(NamedTuple):
    """A kernel inside a run: the program's number in the trace, the kernel's in the program."""

    program: int
    kernel: int
    thread: int
    start_ns: int
    end_ns: int


def nanoseconds(seconds: np.ndarray) -> np.ndarray:
    """Whole nanoseconds, ``int64``."""
    return np.asarray(np.rint(np.nan_to_num(seconds) * 1e9), dtype=np.int64)


def thread_spans(trace: Trace) -> ThreadSpans:
    """All runs of a trace."""
    raw = trace.spans.columns()
    order = np.lexsort((raw["start_s"], raw["unit"]))
    columns = {name: column[order] for name, column in raw.items()}
    start_ns, end_ns = nanoseconds(columns["start_s"]), nanoseconds(columns["end_s"])
    heads = _heads(columns, start_ns, end_ns)
    length_s = columns["end_s"] - columns["start_s"]
    cycles = np.add.reduceat(columns["frequency_hz"] * length_s, heads) if len(heads) else np.zeros(0)
    run_s = np.add.reduceat(length_s, heads) if len(heads) else np.zeros(0)
    frequency_hz = np.divide(cycles, run_s, out=columns["frequency_hz"][heads].copy(), where=run_s > 0)
    tails = np.append(heads[1:], len(order)) - 1 if len(heads) else heads
    last = columns["last"][tails]
    columns = {name: column[heads] for name, column in columns.items()} | {"last": last}
    return _on_threads(trace, columns, start_ns[heads], end_ns[tails], frequency_hz)


def kernels_inside(trace: Trace, programs: Sequence[Program], spans: ThreadSpans, most: int) -> Iterator[KernelSpan]:
    """Kernels from the start of the trace until there are ``most``, by time; each lies within a run, none overlap on a thread.

    Left out are those of units with several lanes: which lane they were on is not known.
    """
    rows = _first_rows(trace, most)
    thread_of = {unit: thread for thread, unit, lane in reversed(spans.threads)}
    several = {unit for _, unit, lane in spans.threads if lane}
    runs_of = {unit: np.flatnonzero(spans.columns["unit"] == unit) for unit in thread_of.keys() - several}
    reached = dict.fromkeys(thread_of, 0)
    for low in range(0, len(rows), _CHUNK):
        found = kernel_spans(trace, programs, rows[low : low + _CHUNK])
        for unit, runs in runs_of.items():
            mine = found["unit"] == unit
            starts, ends = _cut(nanoseconds(found["start_s"][mine]), nanoseconds(found["end_s"][mine]), spans.start_ns[runs], spans.end_ns[runs])
            columns = (found["program"][mine], found["kernel"][mine], starts, ends)
            for program, kernel, start, end in zip(*(column.tolist() for column in columns), strict=True):
                start = max(start, reached[unit])
                if end >= start:
                    reached[unit] = end
                    yield KernelSpan(program, kernel, thread_of[unit], start, end)


def _cut(starts: np.ndarray, ends: np.ndarray, run_starts: np.ndarray, run_ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernels cut to the run that holds their middle: rounding may have moved their ends beyond it."""
    if not len(starts):
        return starts, ends
    run = np.maximum(np.searchsorted(run_starts, (starts + ends) // 2, side="right") - 1, 0)
    return np.maximum(starts, run_starts[run]), np.minimum(ends, run_ends[run])


def _heads(columns: dict[str, np.ndarray], start_ns: np.ndarray, end_ns: np.ndarray) -> np.ndarray:
    """Rows at which a run begins: another segment than the row before, or a gap."""
    if not len(start_ns):
        return np.zeros(0, dtype=np.int64)
    goes_on = (start_ns[1:] == end_ns[:-1]) & (columns["first"][1:] == columns["last"][:-1])
    for name in _SAME:
        goes_on &= columns[name][1:] == columns[name][:-1]
    return np.flatnonzero(np.append(True, ~goes_on))


def _on_threads(trace: Trace, columns: dict[str, np.ndarray], start_ns: np.ndarray, end_ns: np.ndarray, frequency_hz: np.ndarray) -> ThreadSpans:
    thread = np.zeros(len(start_ns), dtype=int)
    threads: list[tuple[int, int, int]] = []
    for unit in range(len(trace.units)):
        rows = np.flatnonzero(columns["unit"] == unit)
        lane = lanes(start_ns[rows], end_ns[rows])
        thread[rows] = len(threads) + 1 + lane
        threads += [(len(threads) + 1 + number, unit, number) for number in range(int(lane.max(initial=0)) + 1)]
    return ThreadSpans(columns, thread, start_ns, end_ns, frequency_hz, tuple(threads))


def _first_rows(trace: Trace, most: int) -> np.ndarray:
    """Rows of the trace's spans, by start, that hold at most ``most`` kernels."""
    spans = trace.spans.columns()
    order = np.argsort(spans["start_s"], kind="stable")
    held = np.maximum(np.ceil(spans["last"][order]) - np.floor(np.maximum(spans["first"][order], 0.0)), 0.0)
    return np.asarray(order[np.cumsum(held) <= most])
