"""A run in Chrome's trace format, as ui.perfetto.dev opens it.

One process for the device with a thread per unit (further lanes where a unit ran several things at once) and per radio, counters for clocks,
temperatures, power and memory, and one process for the requests as asynchronous spans; flow arrows lead along each request.
Times are whole nanoseconds of the simulation, written as microseconds, so that neighbours touch and never overlap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.report.atomic_file import atomic_file
from sim.report.chrome_batches import batch_events, batch_names
from sim.report.chrome_choices import choice_arguments
from sim.report.chrome_radio import radio_names, radio_spans
from sim.report.chrome_spans import ThreadSpans, kernels_inside, nanoseconds, thread_spans
from sim.report.run_result import RunResult
from sim.report.safe_text import printable
from sim.report.step_function import counter_name
from sim.trace import Status, Trace

DEVICE, REQUESTS = 1, 2  # process ids
MAX_KERNELS = 200_000  # kernel spans in a file: about 40 MB
_CHUNK = 4096
_COUNTERS = {
    "frequency_hz": ("clock", "MHz", 1e-6),
    "limit_hz": ("thermal limit", "MHz", 1e-6),
    "temperature_c": ("temperature", "degC", 1.0),
    "power_w": ("power", "W", 1.0),
    "fan_state": ("fan state", "", 1.0),
}
_COUNTERS["memory_bytes"] = ("memory", "MiB", 2.0**-20)


def write_chrome_trace(result: RunResult, path: Path, max_kernels: int = MAX_KERNELS) -> None:
    """Write the trace; the file appears complete or not at all. Raises EdgesimError where it cannot be written."""
    with atomic_file(path) as stream:
        stream.writelines(chrome_trace_text(result, max_kernels))


def chrome_trace_text(result: RunResult, max_kernels: int = MAX_KERNELS) -> Iterator[str]:
    """The file's text in pieces. ``max_kernels``: spans of single kernels, from the start of the run until there are so many."""
    yield '{"displayTimeUnit": "ns", "otherData": ' + _json({"scenario": printable(result.scenario.name), "device": result.device.name, "seed": result.seed})
    yield ', "traceEvents": [\n'
    separator = ""
    for event in trace_events(result, max_kernels):
        yield separator + event
        separator = ",\n"
    yield "\n]}\n"


def trace_events(result: RunResult, max_kernels: int) -> Iterator[str]:
    """Every event as JSON text."""
    trace = result.trace
    spans = thread_spans(trace)
    yield from _names(trace, spans)
    yield from _span_events(trace, spans)
    yield from radio_spans(trace, DEVICE, _radio_thread(spans))
    yield from _kernel_events(result, spans, max_kernels)
    yield from _flow_events(spans)
    yield from _counter_events(trace)
    yield from _request_events(trace)
    yield from batch_events(trace, REQUESTS, _batch_thread(trace))


def _names(trace: Trace, spans: ThreadSpans) -> Iterator[str]:
    for process, title in ((DEVICE, "device"), (REQUESTS, "requests")):
        yield _json({"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": title}})
        yield _json({"ph": "M", "name": "process_sort_index", "pid": process, "tid": 0, "args": {"sort_index": process}})
    for thread, unit, lane in spans.threads:
        title = printable(trace.units[unit]) + (f" ({lane + 1})" if lane else "")
        yield _json({"ph": "M", "name": "thread_name", "pid": DEVICE, "tid": thread, "args": {"name": title}})
        yield _json({"ph": "M", "name": "thread_sort_index", "pid": DEVICE, "tid": thread, "args": {"sort_index": thread}})
    for thread, title in radio_names(trace, _radio_thread(spans)):
        yield _json({"ph": "M", "name": "thread_name", "pid": DEVICE, "tid": thread, "args": {"name": title}})
        yield _json({"ph": "M", "name": "thread_sort_index", "pid": DEVICE, "tid": thread, "args": {"sort_index": thread}})
    for index, name in enumerate(trace.workloads):
        yield _json({"ph": "M", "name": "thread_name", "pid": REQUESTS, "tid": _workload_thread(trace, index), "args": {"name": printable(name)}})
    for thread, title in batch_names(trace, _batch_thread(trace)):
        yield _json({"ph": "M", "name": "thread_name", "pid": REQUESTS, "tid": thread, "args": {"name": title}})


def _radio_thread(spans: ThreadSpans) -> int:
    """Of the first radio: after those of the units."""
    return len(spans.threads) + 1


def _workload_thread(trace: Trace, workload: int) -> int:
    """Beyond every thread of the device, because Perfetto wants thread ids unique across processes."""
    return 1_000_000 + workload


def _batch_thread(trace: Trace) -> int:
    """Of the first queue: after those of the workloads."""
    return _workload_thread(trace, len(trace.workloads))


def _span_events(trace: Trace, spans: ThreadSpans) -> Iterator[str]:
    """A span per run of a segment."""
    stages = [json.dumps(printable(name)) for name in trace.stages]
    programs = [json.dumps(printable(name)) for name in trace.programs]
    names = ("stage", "request", "program", "segment", "repeat", "first", "last")
    for low in range(0, len(spans.thread), _CHUNK):
        part = slice(low, low + _CHUNK)
        own = (spans.thread, spans.start_ns, spans.end_ns, spans.frequency_hz, *(spans.columns[name] for name in names))
        for thread, start, end, hz, stage, request, program, segment, repeat, first, last in zip(*(column[part].tolist() for column in own), strict=True):
            yield (
                f'{{"ph": "X", "cat": "segment", "name": {stages[stage]}, "pid": {DEVICE}, "tid": {thread}, '
                f'"ts": {_us(start)}, "dur": {_us(end - start)}, "args": {{"request": {request}, '
                f'"program": {programs[program]}, "segment": {segment}, "repeat": {repeat}, "mean_clock_mhz": {hz / 1e6:.6g}, '
                f'"from_kernel": {max(first, 0.0):.6g}, "to_kernel": {max(last, 0.0):.6g}}}}}'
            )


def _kernel_events(result: RunResult, spans: ThreadSpans, max_kernels: int) -> Iterator[str]:
    """Kernels inside the runs; in the file after them, so that a kernel that begins with its run is taken for its child."""
    programs = [result.programs[name] for name in result.trace.programs if name in result.programs]
    if len(programs) < len(result.trace.programs):
        return  # costs of a program are not at hand
    heads = [[_kernel_head(name, label) for name, label in zip(program.kernels.names, program.kernels.labels, strict=True)] for program in programs]
    for program, kernel, thread, start, end in kernels_inside(result.trace, programs, spans, max_kernels):
        yield f'{heads[program][kernel]}, "pid": {DEVICE}, "tid": {thread}, "ts": {_us(start)}, "dur": {_us(end - start)}}}'


def _kernel_head(name: str, label: str) -> str:
    """The beginning of a kernel's events, the same for all of them."""
    return f'{{"ph": "X", "cat": "kernel", "name": {json.dumps(printable(name))}, "args": {{"operator": {json.dumps(printable(label))}}}'


def _flow_events(spans: ThreadSpans) -> Iterator[str]:
    """Arrows from each segment of a request to the next: ``s`` at its first, ``t`` between, ``f`` at its last."""
    columns = spans.columns
    order = np.lexsort((spans.start_ns, columns["request"]))
    keys = np.stack([columns[name][order].astype(np.int64) for name in ("request", "stage", "repeat", "segment")], axis=1)
    if not len(keys):
        return
    begins = order[np.append(True, (keys[1:] != keys[:-1]).any(axis=1))]  # where a request enters another segment
    request = columns["request"][begins]
    is_first = np.append(True, request[1:] != request[:-1])
    is_last = np.append(request[1:] != request[:-1], True)
    for row, number, first, last in zip(begins.tolist(), request.tolist(), is_first.tolist(), is_last.tolist(), strict=True):
        if first and last:
            continue  # nothing to point at
        phase = "s" if first else "f" if last else "t"
        yield (
            f'{{"ph": "{phase}", "cat": "request", "name": "request", "id": {number}, "pid": {DEVICE}, "tid": {spans.thread[row]}, '
            f'"ts": {_us(int(spans.start_ns[row]))}, "bp": "e"}}'
        )


def _counter_events(trace: Trace) -> Iterator[str]:
    columns = trace.counter_rows.columns()
    titles = [_counter_title(name) for name in trace.counters]
    for low in range(0, len(columns["counter"]), _CHUNK):
        part = slice(low, low + _CHUNK)
        for counter, time_ns, value in zip(
            columns["counter"][part].tolist(), nanoseconds(columns["time_s"][part]).tolist(), columns["value"][part].tolist(), strict=True
        ):
            title, unit, scale = titles[counter]
            yield f'{{"ph": "C", "name": {title}, "pid": {DEVICE}, "tid": 0, "ts": {_us(time_ns)}, "args": {{{unit}: {value * scale:.9g}}}}}'


def _counter_title(name: str) -> tuple[str, str, float]:
    quantity, subject = counter_name(name)
    title, unit, scale = _COUNTERS.get(quantity, ("", quantity or "value", 1.0))
    return json.dumps(printable(" ".join(part for part in (title, subject) if part) or name) + f" [{unit}]"), json.dumps(unit), scale


def _request_events(trace: Trace) -> Iterator[str]:
    """Each request from arrival to answer, and inside it the time until its first stage began."""
    columns = trace.requests.columns()
    names = [json.dumps(printable(name)) for name in trace.workloads]
    chosen = choice_arguments(trace)
    end_s = np.where(np.isfinite(columns["end_s"]) & (columns["status"] != Status.UNFINISHED), columns["end_s"], trace.end_s)
    times = [nanoseconds(column).tolist() for column in (columns["arrival_s"], end_s)]
    waits = np.where(np.isfinite(columns["start_s"]) & (columns["start_s"] >= columns["arrival_s"]), columns["start_s"], end_s)
    rows = zip(
        columns["request"].tolist(),
        columns["workload"].tolist(),
        *times,
        nanoseconds(np.minimum(waits, end_s)).tolist(),
        columns["status"].tolist(),
        strict=True,
    )
    for request, workload, arrival, end, start, status in rows:
        place = f'"cat": "request", "id": {request}, "pid": {REQUESTS}, "tid": {_workload_thread(trace, workload)}'
        args = f'{{"request": {request}, "status": "{Status(status).name.lower()}"{chosen.get(request, "")}}}'
        yield f'{{"ph": "b", "name": {names[workload]}, {place}, "ts": {_us(arrival)}, "args": {args}}}'
        if start > arrival:
            yield f'{{"ph": "b", "name": "waiting", {place}, "ts": {_us(arrival)}}}'
            yield f'{{"ph": "e", "name": "waiting", {place}, "ts": {_us(start)}}}'
        yield f'{{"ph": "e", "name": {names[workload]}, {place}, "ts": {_us(max(end, arrival))}}}'


def _us(nanosecond: int) -> str:
    """Whole nanoseconds as microseconds with three decimals: exact, where a float would round."""
    return f"{nanosecond // 1000}.{nanosecond % 1000:03d}"


def _json(data: dict[str, Any] | Iterable[Any]) -> str:
    return json.dumps(data, allow_nan=False)
