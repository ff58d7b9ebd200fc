"""How busy each unit was and what bounded it, from the spans of a trace and the costs of the kernels inside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from device_models.kernel_costs import COMPUTE, MEMORY, OVERHEAD, bound, kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program, Segment
from sim.trace import Trace

BOUNDS = (COMPUTE, MEMORY, OVERHEAD)


@dataclass(frozen=True)
class UnitMetrics:
    """``busy_s``: time with at least one kernel running; ``utilisation_ratio``: of the time after the warm-up.

    ``compute_ratio``, ``memory_ratio``, ``overhead_ratio``: shares of the run time of kernels by what bounds each of them;
    entering a unit (dispatch, copies) counts as overhead.
    """

    busy_s: float
    utilisation_ratio: float
    compute_ratio: float | None
    memory_ratio: float | None
    overhead_ratio: float | None
    bound: str  # the largest of the three, or "idle"
    energy_j: float | None
    calibration: str
    calibration_error_ratio: float | None


def unit_metrics(trace: Trace, programs: Mapping[str, Program], device: DeviceSpec, warmup_s: float) -> dict[str, UnitMetrics]:
    """Metrics of every unit of the trace; without spans (``trace: requests``) the engine's totals serve and bounds are unknown."""
    spans = trace.spans.columns()
    run_s = np.maximum(spans["end_s"] - np.maximum(spans["start_s"], warmup_s), 0.0)
    seconds = bound_seconds(trace, spans, programs) if len(run_s) else np.zeros((0, len(BOUNDS)))
    length_s = spans["end_s"] - spans["start_s"]
    seconds *= np.divide(run_s, length_s, out=np.zeros_like(run_s), where=length_s > 0)[:, None]
    window_s = max(trace.end_s - warmup_s, 0.0)
    result = {}
    for index, name in enumerate(trace.units):
        rows = spans["unit"] == index
        busy_s, bounds_s = covered_s(np.maximum(spans["start_s"][rows], warmup_s), spans["end_s"][rows]), seconds[rows].sum(axis=0)
        if not len(trace.spans):
            busy_s, bounds_s = _totals(trace, name)
        spec = device.units.get(name)
        result[name] = _unit(busy_s, window_s, bounds_s, trace.energy_j.get(name), spec.calibration if spec else "", _error(device, name))
    return result


def bound_seconds(trace: Trace, spans: Mapping[str, np.ndarray], programs: Mapping[str, Program]) -> np.ndarray:
    """Seconds of each span by bound, ``[spans, 3]`` in the order of :data:`BOUNDS`; what no kernel took is overhead."""
    result = np.zeros((len(spans["unit"]), len(BOUNDS)))
    for rows in _groups(spans["program"], spans["segment"], spans["frequency_hz"], spans["share"]):
        head = int(rows[0])
        segment = _segment(trace, programs, int(spans["program"][head]), int(spans["segment"][head]))
        if segment is not None:
            result[rows] = _between(segment, float(spans["frequency_hz"][head]), float(spans["share"][head]), spans["first"][rows], spans["last"][rows])
    length_s = spans["end_s"] - spans["start_s"]
    known_s = result.sum(axis=1)
    # kernels of a segment may take a little less or more than the span (rounding, entry): never more than it
    excess = np.divide(length_s, known_s, out=np.ones_like(length_s), where=known_s > length_s)
    result *= excess[:, None]
    result[:, BOUNDS.index(OVERHEAD)] += np.maximum(length_s - result.sum(axis=1), 0.0)
    return result


def covered_s(starts_s: np.ndarray, ends_s: np.ndarray) -> float:
    """Length of the union of intervals; those that end before they start count nothing."""
    order = np.argsort(starts_s, kind="stable")
    starts_s, ends_s = starts_s[order], ends_s[order]
    reached_s = np.maximum.accumulate(np.concatenate([[-np.inf], ends_s]))[:-1]
    return float(np.maximum(ends_s - np.maximum(starts_s, reached_s), 0.0).sum())


def _between(segment: Segment, frequency_hz: float, share: float, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Seconds by bound between kernel positions (fractions included) of one segment, ``[spans, 3]``."""
    seconds = kernel_seconds(segment.costs, frequency_hz, share)
    bounds = bound(segment.costs, frequency_hz, share)
    positions = np.arange(len(seconds) + 1)
    columns = []
    for name in BOUNDS:
        passed_s = np.concatenate([[0.0], np.cumsum(np.where(bounds == name, seconds, 0.0))])
        columns.append(np.interp(last, positions, passed_s) - np.interp(first, positions, passed_s))
    return np.stack(columns, axis=1)


def _groups(*columns: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each distinct combination of values."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        key = key * len(values) + codes  # programs x segments x frequencies x shares: far below 2**63
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1) if len(order) else []


def _segment(trace: Trace, programs: Mapping[str, Program], program: int, segment: int) -> Segment | None:
    """The segment a span ran, or None for a stage of user code."""
    if not 0 <= program < len(trace.programs):
        return None
    compiled = programs.get(trace.programs[program])
    return None if compiled is None else compiled.segments[segment]


def _unit(busy_s: float, window_s: float, seconds: np.ndarray, energy_j: float | None, calibration: str, error: float | None) -> UnitMetrics:
    total_s = float(seconds.sum())
    shares = [float(part) / total_s for part in seconds] if total_s > 0 else [None, None, None]
    largest = BOUNDS[int(np.argmax(seconds))] if total_s > 0 else "idle" if busy_s == 0 else "unknown"
    utilisation = min(busy_s / window_s, 1.0) if window_s > 0 else 0.0
    return UnitMetrics(busy_s, utilisation, shares[0], shares[1], shares[2], largest, energy_j, calibration, error)


def _totals(trace: Trace, unit: str) -> tuple[float, np.ndarray]:
    """Busy seconds, and seconds by bound, as the engine summed them over the whole run."""
    bounds = trace.totals.get("bound_s", {}).get(unit, {})
    return float(trace.totals.get("busy_s", {}).get(unit, 0.0)), np.array([float(bounds.get(name, 0.0)) for name in BOUNDS])


def _error(device: DeviceSpec, unit: str) -> float | None:
    spec = device.units.get(unit)
    return None if spec is None or spec.calibration_error is None else float(spec.calibration_error)
