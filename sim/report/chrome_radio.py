"""The radios of a run as threads of a Chrome trace: a span per phase, named by its state."""

from __future__ import annotations

import json
from collections.abc import Iterator

from device_models.radio import STATES
from device_models.spec import RADIO
from sim.report.chrome_spans import nanoseconds
from sim.report.safe_text import printable
from sim.trace import Trace


def radio_names(trace: Trace, first_thread: int) -> Iterator[tuple[int, str]]:
    """Thread id and title of each radio."""
    for index, name in enumerate(trace.radios):
        yield first_thread + index, printable(RADIO + name)


def radio_spans(trace: Trace, process: int, first_thread: int) -> Iterator[str]:
    """Every phase as JSON text; a tail is of no request."""
    columns = trace.radio_phases.columns()
    stages = [json.dumps(printable(name)) for name in trace.stages]
    starts, ends = (nanoseconds(columns[name]).tolist() for name in ("start_s", "end_s"))
    rows = (columns[name].tolist() for name in ("radio", "state", "power_w", "request", "stage"))
    for start, end, radio, state, power_w, request, stage in zip(starts, ends, *rows, strict=True):
        of = f', "request": {request}, "stage": {stages[stage]}' if request >= 0 else ""
        yield (
            f'{{"ph": "X", "cat": "radio", "name": "{STATES[state]}", "pid": {process}, "tid": {first_thread + radio}, '
            f'"ts": {start // 1000}.{start % 1000:03d}, "dur": {(end - start) // 1000}.{(end - start) % 1000:03d}, "args": {{"power_w": {power_w:.6g}{of}}}}}'
        )
