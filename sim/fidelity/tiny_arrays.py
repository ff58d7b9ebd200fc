"""The array law fitted to the accelerators of MLPerf Tiny: a few rates from the benchmarks of one engine, at any of its clocks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from device_models.compute import kernel_costs, kernel_seconds
from device_models.figure import Figure
from device_models.map_fit import map_fit
from device_models.spec import DeviceSpec, OperatingPoint
from device_models.work import Work
from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.fidelity.tiny_systems import Row, network, specification
from sim.frontends.load import load_model

# Parameter of the class -> standard deviation of its logarithm around what the specification suggests.
ARRAY_DELTAS: Mapping[str, float] = {
    "efficiency": 0.3,
    "overhead_cycles": 0.2,
    "depthwise_share": 0.2,
    "elements_per_cycle": 0.2,
    "weight_bytes_per_cycle": 0.2,
}
UNIT = "npu"


def fitted_array(row: Row, shown: Sequence[Row]) -> DeviceSpec:
    """The row's device at its clock, with the engine's rates fitted to some measurements of the same engine."""
    values = fitted_values(tuple(shown))
    return _with(_at_clock(row), values)


@cache
def fitted_values(shown: tuple[Row, ...]) -> dict[str, float]:
    """Parameters of the engine's class that :data:`ARRAY_DELTAS` names."""
    priors = _priors(shown[0])
    devices = [_at_clock(row) for row in shown]
    works = [_work(json.dumps(network(row))) for row in shown]

    def predict(deltas: np.ndarray) -> np.ndarray:
        values = {name: prior * float(np.exp(delta)) for (name, prior), delta in zip(priors.items(), deltas, strict=True)}
        return np.array([_seconds(work, _with(device, values), row) for work, device, row in zip(works, devices, shown, strict=True)])

    found = map_fit(predict, np.array([row.latency_s for row in shown]), np.array(list(ARRAY_DELTAS.values())), noise=0.05)
    return {name: prior * float(np.exp(delta)) for (name, prior), delta in zip(priors.items(), found.deltas, strict=True)}


def _priors(row: Row) -> dict[str, float]:
    return ARRAY_PRIORS[row.cost_class]


# What the specifications suggest, before any measurement: half the peak reached, a descriptor's set-up a layer, weights a word or
# several a cycle, element-wise work one lane at a time.
ARRAY_PRIORS: Mapping[str, dict[str, float]] = {
    "array_gap9": {"efficiency": 0.4, "overhead_cycles": 2000.0, "depthwise_share": 1.0, "elements_per_cycle": 4.0, "weight_bytes_per_cycle": 8.0},
    "array_ndp9120": {"efficiency": 0.8, "overhead_cycles": 1000.0, "depthwise_share": 1.0, "elements_per_cycle": 4.0, "weight_bytes_per_cycle": 8.0},
}


@cache
def _work(use: str) -> Work:
    entry = json.loads(use)
    model = load_model(entry["source"], directory=Path(), options=entry.get("options", {}), shapes={})
    return lower_model(model, resolve_runtime(entry["runtime"]), entry["precision"]).work


def _seconds(work: Work, device: DeviceSpec, row: Row) -> float:
    return float(kernel_seconds(kernel_costs(work, device, UNIT), row.clock_hz).sum())


def _at_clock(row: Row) -> DeviceSpec:
    """The device with the row's clock as the only operating point of its engine."""
    device = specification(row)
    domain = device.domains[device.units[UNIT].domain]
    nearest = min(domain.operating_points, key=lambda point: abs(float(point.frequency_hz) - row.clock_hz))
    point = OperatingPoint(frequency=Figure(row.clock_hz, source="tiny_results", kind="datasheet"), voltage=nearest.voltage_v)
    only = domain.model_copy(update={"operating_points": (point,)})
    return device.model_copy(update={"domains": {**device.domains, device.units[UNIT].domain: only}})


def _with(device: DeviceSpec, values: Mapping[str, float]) -> DeviceSpec:
    structure = {"values": {name: Figure(value, source="mlperf_tiny_fit", kind="derived") for name, value in values.items()}}
    unit = device.units[UNIT].model_copy(update={"structure": structure, "parameters": {}, "calibration": "fitted"})
    return device.model_copy(update={"units": {**device.units, UNIT: unit}})
