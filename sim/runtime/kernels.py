"""Single kernels of a trace, resolved from the spans and the programs' costs only when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from device_models.kernel_costs import kernel_seconds
from sim.compiler.program import Program
from sim.compiler.served import ServedProgram
from sim.trace import Trace

_IDENTITY = ("request", "stage", "repeat", "program", "segment")


def kernel_spans(trace: Trace, programs: Sequence[Program], rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Columns ``[kernels]``: ``unit``, ``start_s``, ``end_s``, ``request``, ``stage``, ``repeat``, ``program``, ``kernel``.

    ``programs``: in the order of ``trace.programs``. ``rows``: rows of ``trace.spans`` to resolve; all if None. ``kernel`` counts
    within the program. A kernel during which the frequency or the bandwidth share changed is one span; one that was cut off by
    the selection of rows or by the end of the run ends there. Steps of language models that serve are not resolved. Sorted by start, then unit.
    """
    spans = trace.spans.columns()
    chosen = np.arange(len(trace.spans)) if rows is None else np.asarray(rows)
    steps = [number for number, program in enumerate(programs) if isinstance(program, ServedProgram)]
    chosen = chosen[~np.isin(spans["program"][chosen], steps)]
    table = {name: column[chosen] for name, column in spans.items()}
    pieces = [_pieces(table, programs, group) for group in _groups(table)]
    if not sum(len(piece["unit"]) for piece in pieces):
        return {name: np.zeros(0, dtype) for name, dtype in _COLUMNS.items()}
    merged = _merged({name: np.concatenate([piece[name] for piece in pieces]) for name in _COLUMNS})
    order = np.lexsort((merged["kernel"], merged["unit"], merged["start_s"]))
    return {name: column[order] for name, column in merged.items()}


_INDEX, _NUMBER = np.int16, np.int64
_COLUMNS = {"unit": _INDEX, "start_s": float, "end_s": float, "request": _NUMBER, "stage": _INDEX, "repeat": _NUMBER, "program": _INDEX, "kernel": _NUMBER}


def _groups(table: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Rows that have the same segment, frequency and share, so that they share one prefix sum."""
    keys = [table[name] for name in ("share", "frequency_hz", "segment", "program")]
    order = np.lexsort(keys)
    if not len(order):
        return
    changed = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    yield from np.split(order, np.flatnonzero(changed) + 1)


def _pieces(table: dict[str, np.ndarray], programs: Sequence[Program], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Kernels, or parts of kernels, in the given rows."""
    head = rows[0]
    program = programs[table["program"][head]]
    segment = program.segments[table["segment"][head]]
    seconds = kernel_seconds(segment.costs, table["frequency_hz"][head], table["share"][head])
    ends_s = np.concatenate([[0.0], np.cumsum(seconds)])
    first, last = np.maximum(table["first"][rows], 0.0), np.maximum(table["last"][rows], 0.0)
    begin = np.floor(first).astype(np.int64)
    count = np.maximum(np.ceil(last).astype(np.int64) - begin, 0)
    owner = np.repeat(np.arange(len(rows)), count)
    kernel = begin[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    # a row is anchored at its end: its beginning may lie in the entry, whose length a first inference changes
    positions = np.arange(len(ends_s))
    anchor_s = table["end_s"][rows] - np.interp(last, positions, ends_s)
    found = {name: table[name][rows][owner] for name in ("unit", *_IDENTITY) if name in _COLUMNS}
    found["kernel"] = kernel + segment.first
    if program.model == "code":  # one kernel without an entry, whose length may scatter from run to run
        return found | {"start_s": table["start_s"][rows][owner], "end_s": table["end_s"][rows][owner]}
    found["start_s"] = anchor_s[owner] + np.interp(np.maximum(kernel, first[owner]), positions, ends_s)
    found["end_s"] = anchor_s[owner] + np.interp(np.minimum(kernel + 1, last[owner]), positions, ends_s)
    return found


def _merged(pieces: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parts of one kernel joined."""
    keys = [pieces[name] for name in ("kernel", "program", "repeat", "stage", "request")]
    order = np.lexsort((pieces["start_s"], *keys))
    same = np.concatenate([[False], np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0)])
    heads = np.flatnonzero(~same)
    merged = {name: column[order][heads] for name, column in pieces.items()}
    merged["end_s"] = np.maximum.reduceat(pieces["end_s"][order], heads)
    return merged
