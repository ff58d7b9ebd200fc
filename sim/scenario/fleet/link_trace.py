"""Recorded rates of links: Mahimahi delivery times, and columns of seconds and a rate; each mistake with its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.fleet.model import LinkTrace

MAX_BYTES = 200_000_000
PACKET_BYTES = 1500  # of Mahimahi (Netravali et al., USENIX ATC 2015): one line is a chance to deliver so many
_MAX_PROBLEMS = 10
_BYTES_PER_S = {"bit/s": 1 / 8, "kbit/s": 125.0, "Mbit/s": 125_000.0, "B/s": 1.0}
_FASTEST = 1e15


@dataclass(frozen=True)
class RateSteps:
    """From ``times_s[i]`` on a link carries ``bytes_per_s[i]``; after ``length_s`` it begins anew."""

    times_s: NDArray[np.float64]
    bytes_per_s: NDArray[np.float64]
    length_s: float

    @property
    def total_bytes(self) -> float:
        """What one round delivers to somebody who always sends."""
        return float(np.diff([*self.times_s, self.length_s]) @ self.bytes_per_s)

    def from_offset(self, offset_s: float) -> Iterator[tuple[float, float]]:
        """Endless (time_s, bytes per second), beginning at 0 with what the trace says at ``offset_s``."""
        offset_s %= self.length_s
        first = int(np.searchsorted(self.times_s, offset_s, side="right")) - 1
        if first < 0:  # before the first row: what the last row says
            yield 0.0, float(self.bytes_per_s[-1])
            first = 0
        else:
            yield 0.0, float(self.bytes_per_s[first])
            first += 1
        rounds = 0
        while True:
            for time_s, rate in zip(self.times_s[first:].tolist(), self.bytes_per_s[first:].tolist(), strict=True):
                yield rounds * self.length_s + time_s - offset_s, rate
            first, rounds = 0, rounds + 1


def read_link_trace(trace: LinkTrace, directory: Path) -> RateSteps:
    """The steps of a trace. Raises EdgesimError with file and line."""
    path = directory / trace.file
    lines = _lines(path)
    rows = _mahimahi(lines, str(path), float(trace.step_s)) if trace.format == "mahimahi" else _timed(lines, str(path), trace)
    if not rows.bytes_per_s.any():
        raise EdgesimError(Problem(str(path), what="the rate is 0 all the time; nothing would ever pass"))
    return rows


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what=f"longer than {MAX_BYTES // 1_000_000} MB"))
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise EdgesimError(Problem(str(path), what=f"is not UTF-8 text (byte {error.start})")) from None
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None


def _mahimahi(lines: list[str], file: str, step_s: float) -> RateSteps:
    """Delivery times in ms, gathered in steps, so that each step delivers the bytes of its lines. The trace ends with its last time."""
    times: list[int] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if not text.isdecimal() or len(text) > 12:
            problems.append(Problem(file, number, 1, what=f"{text[:40]!r} is not a whole number of milliseconds"))
        elif times and int(text) < times[-1]:
            problems.append(Problem(file, number, 1, what=f"{text} ms is before the line above ({times[-1]} ms); time must not go backwards"))
        else:
            times.append(int(text))
        if len(problems) == _MAX_PROBLEMS:
            break
    if not problems and (not times or times[-1] == 0):
        problems.append(Problem(file, 1, what="no delivery time after 0 ms"))
    if problems:
        raise EdgesimError(problems)
    length_s = times[-1] / 1e3
    steps = max(1, math.ceil(length_s / step_s - 1e-9))
    edges = np.minimum(np.arange(steps + 1) * step_s, length_s)
    # a delivery at t ms is what the millisecond before it carried; one at 0 belongs to the first
    where = np.clip(np.searchsorted(edges, np.array(times) / 1e3, side="left") - 1, 0, steps - 1)
    counts = np.bincount(where, minlength=steps)
    return RateSteps(edges[:-1], counts * PACKET_BYTES / np.diff(edges), length_s)


def _timed(lines: list[str], file: str, trace: LinkTrace) -> RateSteps:
    rows = _csv_rows(lines, file, trace) if trace.format == "csv" else _column_rows(lines, file)
    times, rates, problems = list[float](), list[float](), list[Problem]()
    scale = _BYTES_PER_S[trace.unit if trace.format == "csv" else "Mbit/s"]
    for number, time_text, rate_text in rows:
        time_s, rate = _number(time_text), _number(rate_text)
        if time_s is None or rate is None:
            wrong = time_text if time_s is None else rate_text
            problems.append(Problem(file, number, what=f"{wrong[:40]!r} is not a number"))
        elif times and time_s < times[-1]:
            problems.append(Problem(file, number, what=f"{time_s:g} s is before the row above ({times[-1]:g} s); time must not go backwards"))
        elif not 0 <= rate * scale <= _FASTEST:
            problems.append(Problem(file, number, what=f"a rate of {rate:g} is out of range"))
        elif times and time_s == times[-1]:
            rates[-1] = rate * scale  # of equal times the last one holds
        else:
            times.append(time_s)
            rates.append(rate * scale)
        if len(problems) == _MAX_PROBLEMS:
            break
    if not problems and len(times) < 2:
        problems.append(Problem(file, 1, what="a trace needs two rows or more"))
    if problems:
        raise EdgesimError(problems)
    begin = np.array(times) - times[0]
    gap_s = float(np.median(np.diff(begin)))
    return RateSteps(begin, np.array(rates), float(begin[-1]) + gap_s)


def _column_rows(lines: list[str], file: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if parts:
            yield number, parts[0], parts[1] if len(parts) > 1 else ""


def _csv_rows(lines: list[str], file: str, trace: LinkTrace) -> Iterator[tuple[int, str, str]]:
    """Line, time and rate as text. Without a time column each row stands for a second."""
    rows = csv.reader(lines)
    names = [name.strip() for name in next(rows, [])]
    wanted = [name for name in (trace.column, trace.time_column) if name is not None]
    for name in wanted:
        if name not in names:
            raise EdgesimError(Problem(file, 1, 1, what=f"no column {name!r} in the header; {near_names(name, names) if names else 'the file is empty'}"))
    at = names.index(str(trace.column))
    time_at = None if trace.time_column is None else names.index(trace.time_column)
    second = 0
    for row in rows:
        if not row:
            continue
        time_text = str(second) if time_at is None else (row[time_at] if time_at < len(row) else "")
        yield rows.line_num, time_text, row[at] if at < len(row) else ""
        second += 1


def _number(text: str) -> float | None:
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None
