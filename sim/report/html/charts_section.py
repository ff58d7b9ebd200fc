"""Charts over time: temperatures with trip points, clocks, power, battery, memory, memory bandwidth, requests in flight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.compiler.served import ServedProgram
from sim.report.page import Page
from sim.report.run_file.document import Section
from sim.report.run_result import RunResult
from sim.report.safe_text import printable
from sim.report.step_function import StepFunction, counters_of, step_function
from sim.trace import Trace

MOST_ROWS = 8000  # of a curve; a longer one is shown as means
BINS = 1000


@dataclass(frozen=True)
class _Chart:
    id: str
    title: str
    unit: str
    series: dict[str, StepFunction]
    levels: list[dict[str, Any]] = field(default_factory=list)
    limits: dict[str, StepFunction] = field(default_factory=dict)  # drawn dashed, in the colour of their series
    stacked: bool = False
    note: str = ""


def charts_section(page: Page) -> Section:
    """Every chart that the run has rows for; series name their columns (``..._t`` in seconds, ``..._v`` in the chart's unit)."""
    columns: dict[str, np.ndarray] = {}
    data = []
    for chart in _charts(page):
        if not chart.series:
            continue
        series: list[dict[str, Any]] = []
        for dashed, group in ((False, chart.series), (True, chart.limits)):
            for name, function in group.items():
                key = f"chart_{chart.id}_{len(series)}"
                columns[f"{key}_t"], columns[f"{key}_v"], averaged = _thinned(function)
                series.append({"name": printable(name, 120), "column": key, "dashed": dashed, "averaged": averaged})
        about = {"id": chart.id, "title": chart.title, "unit": chart.unit, "stacked": chart.stacked, "note": chart.note}
        data.append({**about, "levels": chart.levels, "series": series})
    return Section(data, columns)


def _charts(page: Page) -> Iterator[_Chart]:
    result, trace = page.result, page.result.trace
    device = result.device
    trips = [{"name": f"trip point of {trip.node}", "value": float(trip.temperature_c), "series": trip.node} for trip in device.thermal.trips]
    yield _Chart("temperature", "Temperature", "degC", counters_of(trace, "temperature_c"), trips)
    yield _clocks(page)
    power = _on_one_grid(counters_of(trace, "power_w"))
    yield _Chart("power", "Power", "W", power, stacked=True, note="stacked by component; means over short parts of the run")
    most = {"name": "of the device", "value": float(device.memory.bandwidth_bytes_per_s), "series": ""}
    yield _Chart("bandwidth", "Memory bandwidth in use", "B/s", _bandwidth(result), [most])
    yield _Chart("memory", "Memory in use", "B", counters_of(trace, "memory_bytes"))
    yield _Chart("charge", "Battery, state of charge", "share", _named(trace, "battery_soc", "charge"))
    yield _Chart("fan", "Fan", "state", _named(trace, "fan_state", "fan"))
    yield _Chart("flight", "Requests in the device", "1", _in_flight(trace))


def _clocks(page: Page) -> _Chart:
    """Clocks, and where heat keeps them from their highest, how far they may go."""
    trace = page.result.trace
    tops = {name: float(domain.operating_points[-1].frequency_hz) for name, domain in page.result.device.domains.items()}
    limits = counters_of(trace, "limit_hz")
    lowered = {name: limit for name, limit in limits.items() if float(limit.values.min()) < tops.get(name, 0.0) * (1 - 1e-9)}
    note = "dashed: the highest clock that heat allows" if lowered else ""
    return _Chart("frequency", "Clock frequency", "Hz", counters_of(trace, "frequency_hz"), limits=lowered, note=note)


def _named(trace: Trace, counter: str, name: str) -> dict[str, StepFunction]:
    if counter not in trace.counters:
        return {}
    times_s, values = trace.counter(counter)
    return {name: step_function(times_s, values, trace.end_s)} if len(times_s) else {}


def _on_one_grid(functions: dict[str, StepFunction]) -> dict[str, StepFunction]:
    """The same functions, all with a row wherever one of them changes, so that they can be stacked."""
    if not functions:
        return {}
    times_s = np.unique(np.concatenate([function.times_s for function in functions.values()]))
    result = {}
    for name, function in functions.items():
        place = np.searchsorted(function.times_s, times_s, side="right") - 1
        values = np.where(place < 0, 0.0, function.values[np.maximum(place, 0)])
        result[name] = StepFunction(times_s, values, function.end_s)
    return result


def _thinned(function: StepFunction) -> tuple[np.ndarray, np.ndarray, bool]:
    """Times, values with the end of the run as last row, and whether they are means."""
    if len(function.times_s) > MOST_ROWS:
        edges = np.linspace(float(function.times_s[0]), max(function.end_s, float(function.times_s[-1])), MOST_ROWS // 2 + 1)
        means = function.means(edges)
        return edges, np.nan_to_num(np.append(means, means[-1])), True
    end_s = max(function.end_s, float(function.times_s[-1]))
    return np.append(function.times_s, end_s), np.append(function.values, function.values[-1]), False


def _bandwidth(result: RunResult) -> dict[str, StepFunction]:
    """Bytes per second between the units and the shared memory, means over :data:`BINS` parts of the run, by unit."""
    trace = result.trace
    programs = list(result.programs.values())
    spans = trace.spans.columns()
    if not len(trace.spans) or trace.end_s <= 0 or len(programs) < len(trace.programs):
        return {}
    moved = np.zeros(len(trace.spans))
    pairs = spans["program"].astype(np.int64) * 65536 + spans["segment"]
    for pair in np.unique(pairs).tolist():
        program = programs[pair // 65536]
        if isinstance(program, ServedProgram):
            continue  # its rows are steps, whose traffic depends on who was answered
        segment = program.segments[pair % 65536]
        rows = pairs == pair
        before = np.concatenate([[0.0], np.cumsum(segment.costs.dram_bytes)])
        places = np.arange(len(before))
        first, last = spans["first"][rows], spans["last"][rows]
        entry = (np.clip(last, -1.0, 0.0) - np.clip(first, -1.0, 0.0)) * segment.entry_bytes
        moved[rows] = np.interp(last, places, before) - np.interp(first, places, before) + entry
    edges = np.linspace(0.0, trace.end_s, BINS + 1)
    found = {}
    for number, unit in enumerate(trace.units):
        mine = spans["unit"] == number
        if moved[mine].sum() > 0:
            found[unit] = StepFunction(edges[:-1], _spread(spans["start_s"][mine], spans["end_s"][mine], moved[mine], edges) / np.diff(edges), trace.end_s)
    return found


def _spread(start_s: np.ndarray, end_s: np.ndarray, amounts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How much of amounts that pass evenly between start and end falls between consecutive edges, ``[edges - 1]``."""
    rate = amounts / np.maximum(end_s - start_s, 1e-12)
    end_s = np.maximum(end_s, start_s + 1e-12)
    times = np.concatenate([start_s, end_s])
    order = np.argsort(times, kind="stable")
    level = np.cumsum(np.concatenate([rate, -rate])[order])
    area = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(times[order]))])
    return np.maximum(np.diff(np.interp(edges, times[order], area)), 0.0)


def _in_flight(trace: Trace) -> dict[str, StepFunction]:
    """Requests that have arrived and not ended, by workload."""
    columns = trace.requests.columns()
    found = {}
    for number, name in enumerate(trace.workloads):
        mine = columns["workload"] == number
        if not mine.any():
            continue
        end_s = np.where(np.isfinite(columns["end_s"][mine]), columns["end_s"][mine], trace.end_s)
        times = np.concatenate([columns["arrival_s"][mine], end_s])
        change = np.repeat([1.0, -1.0], [int(mine.sum()), int(mine.sum())])
        order = np.argsort(times, kind="stable")
        found[name] = step_function(times[order], np.cumsum(change[order]), trace.end_s)
    return found
