"""Partition: kernels with a unit each -> maximal runs on one unit, in an order that respects dependencies."""

from __future__ import annotations

from heapq import heappop, heappush

from sim.compiler.dataflow import Dataflow


def partition(flow: Dataflow, units: list[str], cut: frozenset[int] = frozenset()) -> list[tuple[str, list[int]]]:
    """``(unit, kernels)`` of each segment in order: as delegates do, a segment takes everything on its unit that is ready.

    The next segment is on the unit of the first ready kernel. A kernel in ``cut`` ends its segment.
    """
    waiting = [len(before) for before in flow.before]
    after: list[list[int]] = [[] for _ in flow.ops]
    for kernel, before in enumerate(flow.before):
        for other in before:
            after[other].append(kernel)
    ready: dict[str, list[int]] = {}
    for kernel, missing in enumerate(waiting):
        if not missing:
            heappush(ready.setdefault(units[kernel], []), kernel)
    segments: list[tuple[str, list[int]]] = []
    while any(ready.values()):
        unit = min((heap[0], unit) for unit, heap in ready.items() if heap)[1]
        rows: list[int] = []
        while ready[unit]:
            kernel = heappop(ready[unit])
            rows.append(kernel)
            for follower in after[kernel]:
                waiting[follower] -= 1
                if not waiting[follower]:
                    heappush(ready.setdefault(units[follower], []), follower)
            if kernel in cut:
                break
        segments.append((unit, rows))
    return segments


def segment_dependencies(flow: Dataflow, segments: list[tuple[str, list[int]]]) -> list[tuple[int, ...]]:
    """For every segment the segments whose results it reads (direct ones)."""
    owner = {kernel: index for index, (_, rows) in enumerate(segments) for kernel in rows}
    return [tuple(sorted({owner[other] for kernel in rows for other in flow.before[kernel]} - {index})) for index, (_, rows) in enumerate(segments)]
