"""Temperatures, clocks and power against time, in a hundred steps: what the screen draws, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.spec import DeviceSpec
from sim.report.step_function import StepFunction, counters_of, total
from sim.trace import Trace

STEPS = 100
LONG_S = 120.0


@dataclass(frozen=True)
class HistoryMetrics:
    """Means between consecutive ``edges_s`` (one value fewer than edges); ``limits_hz``: the highest clock that trip points allowed.

    ``trip_points_c``: by node, ascending; those of the device, reached or not. A limit is unknown before it was first set.
    """

    edges_s: tuple[float, ...]
    temperatures_c: dict[str, tuple[float, ...]]
    trip_points_c: dict[str, tuple[float, ...]]
    frequencies_hz: dict[str, tuple[float, ...]]
    limits_hz: dict[str, tuple[float, ...]]
    power_w: tuple[float, ...]


def history_metrics(trace: Trace, device: DeviceSpec, throttled: bool) -> HistoryMetrics | None:
    """Of runs of at least two minutes and of throttled ones; else None."""
    if trace.end_s <= 0 or (trace.end_s < LONG_S and not throttled):
        return None
    edges_s = np.linspace(0.0, trace.end_s, STEPS + 1)
    power = total(counters_of(trace, "power_w").values())
    trips: dict[str, set[float]] = {}
    for trip in device.thermal.trips:
        trips.setdefault(trip.node, set()).add(float(trip.temperature_c))
    return HistoryMetrics(
        edges_s=tuple(edges_s.tolist()),
        temperatures_c=_means(counters_of(trace, "temperature_c"), edges_s),
        trip_points_c={node: tuple(sorted(values)) for node, values in trips.items()},
        frequencies_hz=_means(counters_of(trace, "frequency_hz"), edges_s),
        limits_hz=_means(counters_of(trace, "limit_hz"), edges_s),
        power_w=() if power is None else tuple(power.means(edges_s).tolist()),
    )


def _means(functions: dict[str, StepFunction], edges_s: np.ndarray) -> dict[str, tuple[float, ...]]:
    return {name: tuple(function.means(edges_s).tolist()) for name, function in functions.items()}
