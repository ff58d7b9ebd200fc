"""The timeline: what ran where and when, packed as columns, with lanes for units, radios and requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from device_models.radio import STATES
from sim.report.chrome_spans import nanoseconds, thread_spans
from sim.report.lanes import lanes
from sim.report.page import Page
from sim.report.radio_rows import radio_label
from sim.report.run_file.document import Section
from sim.report.safe_text import printable
from sim.report.window import interesting_window
from sim.trace import Status, Trace

MOST_SPANS = 150_000  # beyond it the page holds those around the most interesting request, and how busy each lane was elsewhere
BINS = 2000
MOST_REQUEST_LANES = 4
RADIO_PROGRAM = -1


@dataclass(frozen=True, eq=False)
class _Rows:
    """Spans by lane and start; times in whole nanoseconds."""

    lane: np.ndarray
    start: np.ndarray
    end: np.ndarray
    request: np.ndarray
    stage: np.ndarray
    program: np.ndarray
    first: np.ndarray
    last: np.ndarray
    clock: np.ndarray


def timeline_section(page: Page, most: int = MOST_SPANS) -> Section:
    """Lanes and spans of units and radios, and requests with what became of them."""
    trace = page.result.trace
    rows, named = _rows(trace)
    window = interesting_window(trace, page.metrics) if len(rows.lane) else None
    shown, kept = _kept(rows, most, window.origin_s if window else 0.0)
    requests, request_lanes = _requests(trace, most)
    occupancy = {} if kept is None else {"span_occupancy": _occupancy(rows, len(named), trace.end_s).ravel()}
    data: dict[str, Any] = {
        "end_s": trace.end_s,
        "warmup_s": page.metrics.warmup_s,
        "lanes": named,
        "stages": [printable(name, 200) for name in trace.stages] + [f"radio: {state}" for state in STATES],
        "programs": [printable(name, 200) for name in trace.programs],
        "workloads": [printable(name, 200) for name in trace.workloads],
        "request_lanes": request_lanes,
        "statuses": [status.name.lower() for status in Status],
        "spans": len(rows.lane),
        "spans_kept": int(shown.sum()),
        "kept_s": kept,
        "bins": BINS if kept else 0,
        "window": None if window is None else {"from_s": window.from_s, "to_s": window.to_s, "title": printable(window.title)},
    }
    columns = {f"span_{name}": getattr(rows, name)[shown] for name in ("lane", "start", "end", "request", "stage", "program", "first", "last", "clock")}
    return Section(data, columns | occupancy | requests)


def _rows(trace: Trace) -> tuple[_Rows, list[dict[str, Any]]]:
    spans = thread_spans(trace)
    named = [
        {"name": printable(trace.units[unit]) + (f" ({lane + 1})" if lane else ""), "kind": "unit", "unit": printable(trace.units[unit])}
        for _, unit, lane in spans.threads
    ]
    radio = trace.radio_phases.columns()
    order = np.lexsort((radio["start_s"], radio["radio"]))
    of_radio = {name: column[order] for name, column in radio.items()}
    base = spans.columns
    start, end = nanoseconds(of_radio["start_s"]), nanoseconds(of_radio["end_s"])
    none = np.full(len(start), -1)
    rows = _Rows(
        lane=np.concatenate([spans.thread - 1, len(named) + of_radio["radio"]]).astype(np.int16),
        start=np.concatenate([spans.start_ns, start]),
        end=np.concatenate([spans.end_ns, end]),
        request=np.concatenate([base["request"], of_radio["request"]]).astype(np.int64),
        stage=np.concatenate([base["stage"], len(trace.stages) + of_radio["state"]]).astype(np.int16),
        program=np.concatenate([base["program"], none]).astype(np.int16),
        first=_kernels(trace, base, "first", len(none)),
        last=_kernels(trace, base, "last", len(none)),
        clock=np.rint(np.concatenate([spans.frequency_hz, np.zeros(len(start))]) / 1e3).astype(np.int64),
    )
    named += [{"name": printable(radio_label(trace, name)), "kind": "radio", "unit": ""} for name in trace.radios]
    by_lane = np.lexsort((rows.start, rows.lane))
    return _Rows(**{name: column[by_lane] for name, column in vars(rows).items()}), named


def _kernels(trace: Trace, spans: dict[str, np.ndarray], end: str, radios: int) -> np.ndarray:
    """Kernels of the span's segment from which or up to which it ran, whole numbers; the segment is in the upper bits."""
    inside = np.maximum(np.floor(spans["first"]) if end == "first" else np.ceil(spans["last"]), 0.0).astype(np.int64)
    return np.concatenate([spans["segment"].astype(np.int64) * 65536 + np.minimum(inside, 65535), np.full(radios, -1)])


def _kept(rows: _Rows, most: int, near_s: float) -> tuple[np.ndarray, list[float] | None]:
    """Which rows the page holds: all, or a stretch of time around ``near_s`` with at most ``most``."""
    count = len(rows.start)
    if count <= most:
        return np.ones(count, dtype=bool), None
    starts = np.sort(rows.start)
    middle = int(np.searchsorted(starts, near_s * 1e9))
    low = min(max(middle - most // 2, 0), count - most)
    from_ns, to_ns = starts[low], starts[low + most - 1]
    shown = (rows.start >= from_ns) & (rows.start < to_ns)
    return shown, [float(from_ns) * 1e-9, float(to_ns) * 1e-9]


def _occupancy(rows: _Rows, lanes_count: int, end_s: float) -> np.ndarray:
    """Share of each of :data:`BINS` parts of the run that a lane was busy, ``[lanes, bins]``, 0 .. 255."""
    edges = np.linspace(0.0, max(end_s, 1e-9) * 1e9, BINS + 1)
    result = np.zeros((lanes_count, BINS), dtype=np.uint8)
    for lane in range(lanes_count):
        mine = rows.lane == lane
        if not mine.any():
            continue
        start, end = rows.start[mine].astype(float), rows.end[mine].astype(float)
        knots = np.column_stack([start, end]).ravel()
        busy = np.column_stack([np.append(0.0, np.cumsum(end - start)[:-1]), np.cumsum(end - start)]).ravel()
        share = np.diff(np.interp(edges, knots, busy)) / np.diff(edges)
        result[lane] = np.clip(np.rint(share * 255), 0, 255)
    return result


def _requests(trace: Trace, most: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Requests by workload and lane: the lanes of a workload that has more at once than the page shows share the last."""
    columns = trace.requests.columns()
    ended = np.where(np.isfinite(columns["end_s"]) & (columns["status"] != Status.UNFINISHED), columns["end_s"], trace.end_s)
    arrival, end = nanoseconds(columns["arrival_s"]), nanoseconds(np.maximum(ended, columns["arrival_s"]))
    start = nanoseconds(np.where(np.isfinite(columns["start_s"]), columns["start_s"], ended))
    lane = np.zeros(len(arrival), dtype=np.int16)
    named: list[dict[str, Any]] = []
    kept = np.zeros(len(arrival), dtype=bool)
    room = max(most // max(len(trace.workloads), 1), 1)
    for number, name in enumerate(trace.workloads):
        mine = np.flatnonzero(columns["workload"] == number)
        mine = mine[np.argsort(arrival[mine], kind="stable")]
        found = lanes(arrival[mine], end[mine])
        count = int(found.max(initial=0)) + 1
        lane[mine] = len(named) + np.minimum(found, MOST_REQUEST_LANES - 1)
        for index in range(min(count, MOST_REQUEST_LANES)):
            crowded = index == MOST_REQUEST_LANES - 1 and count > MOST_REQUEST_LANES
            named.append({"name": printable(name, 200) if index == 0 else "", "workload": number, "crowded": crowded})
        kept[mine[:room]] = True
    order = np.lexsort((arrival, lane))
    order = order[kept[order]]
    return {
        "request_lane": lane[order],
        "request_number": columns["request"][order].astype(np.int64),
        "request_arrival": arrival[order],
        "request_start": start[order],
        "request_end": end[order],
        "request_status": columns["status"][order].astype(np.int8),
    }, named
