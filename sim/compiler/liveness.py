"""When activations are alive: one requirement per buffer, over kernels in program order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.compiler.dataflow import Dataflow
from sim.graph.ops import OPS


@dataclass(frozen=True)
class Requirement:
    """A buffer to place: alive from kernel ``first`` to ``last`` (both included), ``size_bytes`` aligned."""

    tensor: str
    size_bytes: int
    first: int
    last: int


def requirements(
    flow: Dataflow, segments: list[tuple[str, list[int]]], after: list[tuple[int, ...]], *, in_place: bool, alignment: int
) -> tuple[list[Requirement], dict[str, str]]:
    """Buffers of a program whose kernels run in the order of ``segments``, and tensors that use another one's buffer.

    Views share the buffer of what they view, and with ``in_place`` an elementwise kernel writes over an input of the same size
    that nobody reads again. Graph inputs are alive from the start to their last use, outputs to the end. Buffers touched by
    segments that may run at the same time are alive during all of them.
    """
    order = [kernel for _, rows in segments for kernel in rows]
    row_of = {kernel: row for row, kernel in enumerate(order)}
    spans = _spans(flow, row_of, len(order))
    joined = _join_in_place(flow, order, spans, _touching(flow, segments, after, row_of)) if in_place else {}
    _widen_concurrent(segments, after, spans)
    tensors = flow.graph.tensors
    aligned = {name: -(-int(np.ceil(tensors[name].bytes)) // alignment) * alignment for name in spans}
    found = [Requirement(name, aligned[name], span.first, span.last) for name, span in spans.items() if aligned[name] > 0]
    views = {name: joined.get(root, root) for name, root in flow.root.items() if joined.get(root, root) in spans}
    return found, {**joined, **views}


@dataclass
class _Span:
    first: int
    last: int
    touched: set[int]  # rows that read or write it


def _spans(flow: Dataflow, row_of: dict[int, int], rows: int) -> dict[str, _Span]:
    spans: dict[str, _Span] = {}
    roots = dict.fromkeys(flow.root.get(name, name) for name in flow.graph.inputs if flow.graph.tensors[name].role in ("input", "activation"))
    for root in roots:
        spans[root] = _Span(0, 0, {0} if rows else set())
    for kernel in sorted(row_of, key=row_of.__getitem__):
        row = row_of[kernel]
        for name in (*flow.makes[kernel], *flow.reads[kernel]):
            span = spans.setdefault(name, _Span(row, row, set()))
            span.first, span.last = min(span.first, row), max(span.last, row)
            span.touched.add(row)
    for name in flow.outputs:
        if name in spans:
            spans[name].last = max(rows - 1, 0)
    return spans


def _join_in_place(flow: Dataflow, order: list[int], spans: dict[str, _Span], sequential: set[str]) -> dict[str, str]:
    """Give the output of an elementwise kernel the buffer of an input that dies there: output -> owner of the buffer."""
    owner: dict[str, str] = {}
    kept = set(flow.outputs)  # buffers that hold an output of the graph
    for row, kernel in enumerate(order):
        if not OPS[flow.ops[kernel].type].elementwise or len(flow.makes[kernel]) != 1:
            continue
        made = flow.makes[kernel][0]
        dying = (owner.get(read, read) for read in flow.reads[kernel])
        root = next((root for root in dying if root not in kept and _may_overwrite(flow, spans, root, made, row) and {root, made} <= sequential), None)
        if root is None:
            continue
        mine = spans.pop(made)
        spans[root].last = mine.last
        spans[root].touched |= mine.touched
        owner[made] = root
        if made in kept:
            kept.add(root)
    return owner


def _may_overwrite(flow: Dataflow, spans: dict[str, _Span], root: str, made: str, row: int) -> bool:
    tensors = flow.graph.tensors
    span = spans.get(root)
    return span is not None and root != made and span.last == row and tensors[root].role == "activation" and tensors[root].bytes == tensors[made].bytes


def _touching(flow: Dataflow, segments: list[tuple[str, list[int]]], after: list[tuple[int, ...]], row_of: dict[int, int]) -> set[str]:
    """Tensors that only segments in a fixed order touch: safe to write over."""
    segment_of = {kernel: index for index, (_, rows) in enumerate(segments) for kernel in rows}
    loose = {index for index, others in enumerate(concurrent_segments(after)) if others}
    touched: dict[str, bool] = {}
    for kernel in row_of:
        for name in (*flow.makes[kernel], *flow.reads[kernel]):
            touched[name] = touched.get(name, True) and segment_of[kernel] not in loose
    return {name for name, safe in touched.items() if safe}


def _widen_concurrent(segments: list[tuple[str, list[int]]], after: list[tuple[int, ...]], spans: dict[str, _Span]) -> None:
    """Segments without a path between them may overlap in time, so what one touches must not share memory with the other's."""
    others = concurrent_segments(after)
    if not any(others):
        return
    bounds, start = [], 0
    for _, rows in segments:
        bounds.append((start, start + len(rows) - 1))
        start += len(rows)
    segment_at = np.repeat(np.arange(len(segments)), [len(rows) for _, rows in segments])
    for span in spans.values():
        for index in {int(segment_at[row]) for row in span.touched}:
            for other in others[index]:
                span.first, span.last = min(span.first, bounds[other][0], bounds[index][0]), max(span.last, bounds[other][1], bounds[index][1])


def concurrent_segments(after: list[tuple[int, ...]]) -> list[set[int]]:
    """For every segment those that neither must end before it nor wait for it."""
    earlier: list[set[int]] = []
    for before in after:
        earlier.append(set(before).union(*(earlier[other] for other in before)))
    everything = range(len(after))
    return [{other for other in everything if other != index and other not in earlier[index] and index not in earlier[other]} for index in everything]


def live_bytes(found: list[Requirement], rows: int) -> np.ndarray:
    """Bytes alive while each kernel runs, ``[rows]``."""
    change = np.zeros(rows + 1)
    for item in found:
        change[item.first] += item.size_bytes
        change[item.last + 1] -= item.size_bytes
    return np.cumsum(change)[:rows]
