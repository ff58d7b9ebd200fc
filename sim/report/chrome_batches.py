"""The batches of a run in a Chrome trace: an asynchronous span each, from when it was made to its end, named by how many ran together."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sim.report.chrome_spans import nanoseconds
from sim.report.safe_text import printable
from sim.trace import Trace


def batch_names(trace: Trace, first_thread: int) -> Iterator[tuple[int, str]]:
    """Thread id and title of each queue."""
    for index, queue in enumerate(trace.queues):
        yield first_thread + index, printable(f"queue of {queue.name}")


def batch_events(trace: Trace, process: int, first_thread: int) -> Iterator[str]:
    """Every batch as JSON text, with the first of its requests and the size it was padded to."""
    columns = trace.batches.columns()
    names = [json.dumps(printable(queue.name))[1:-1] for queue in trace.queues]
    times = (nanoseconds(columns[name]).tolist() for name in ("formed_s", "start_s", "end_s"))
    rows = (columns[name].tolist() for name in ("queue", "size", "padded", "request"))
    for number, (formed, start, end, queue, size, padded, request) in enumerate(zip(*times, *rows, strict=True)):
        place = f'"cat": "batch", "id": {number}, "pid": {process}, "tid": {first_thread + queue}'
        name = f'"name": "{names[queue]} x{size}"'
        yield f'{{"ph": "b", {name}, {place}, "ts": {_us(formed)}, "args": {{"requests": {size}, "padded_to": {padded}, "first_request": {request}}}}}'
        if start > formed:
            yield f'{{"ph": "b", "name": "waiting for the unit", {place}, "ts": {_us(formed)}}}'
            yield f'{{"ph": "e", "name": "waiting for the unit", {place}, "ts": {_us(start)}}}'
        yield f'{{"ph": "e", {name}, {place}, "ts": {_us(end)}}}'


def _us(nanosecond: int) -> str:
    return f"{nanosecond // 1000}.{nanosecond % 1000:03d}"
