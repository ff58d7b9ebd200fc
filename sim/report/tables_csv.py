"""Tables of a trace as CSV files: names instead of numbers of names, times in seconds, one header line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device_models.radio import STATES
from sim.report.atomic_file import atomic_file
from sim.report.safe_text import printable
from sim.trace import Status, Trace

_CHUNK = 4096
Lookup = Callable[[int], str]


def write_tables(trace: Trace, folder: Path) -> None:
    """``requests.csv``, ``spans.csv``, ``counters.csv``, and ``radio_phases.csv`` where there are radios. Raises EdgesimError where they cannot be written."""
    for name, table in trace.tables().items():
        with atomic_file(folder / f"{name}.csv") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(table.columns().keys())
            writer.writerows(table_rows(trace, table.columns()))


def table_rows(trace: Trace, columns: dict[str, np.ndarray]) -> Iterator[list[Any]]:
    """Rows with names looked up; floats in full precision, nan and infinity as nothing."""
    writers = [_writer(trace, name, column.dtype.kind) for name, column in columns.items()]
    length = len(next(iter(columns.values())))
    for low in range(0, length, _CHUNK):
        chunk = zip(*(column[low : low + _CHUNK].tolist() for column in columns.values()), strict=True)
        for row in chunk:
            yield [write(value) for write, value in zip(writers, row, strict=True)]


def _writer(trace: Trace, column: str, kind: str) -> Callable[[Any], Any]:
    names: dict[str, Sequence[str]] = {
        "unit": trace.units,
        "workload": trace.workloads,
        "stage": trace.stages,
        "program": trace.programs,
        "counter": trace.counters,
        "radio": trace.radios,
        "queue": [queue.name for queue in trace.queues],
        "outcome": trace.outcomes,
        "state": STATES,
        "status": [status.name.lower() for status in Status],
    }
    if column in names:
        shown = [_cell(printable(name)) for name in names[column]]
        return lambda value: shown[value] if value >= 0 else ""  # a tail is of no stage
    return _number if kind == "f" else lambda value: value


def _number(value: float) -> str:
    return repr(value) if value - value == 0 else ""


def _cell(text: str) -> str:
    """A spreadsheet takes a text that begins like this for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
