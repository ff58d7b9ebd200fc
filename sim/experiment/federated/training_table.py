"""Seconds, joules and warmth of training steps in a row, from the simulated device running them for as long as a client does."""

from __future__ import annotations

import numpy as np

from device_models.spec import RADIO, DeviceSpec
from device_models.thermal import RcNetwork
from sim.compiler.program import Program
from sim.errors import EdgesimError
from sim.experiment.fleet.tables import idle_power_w
from sim.fleet.federated.training_time import TrainingTable
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.model import Scenario
from sim.trace import Status, Trace

_POWER_ROWS = 2000
_LONGEST_S = 3600.0  # of simulated training; beyond, the last rates go on: most bodies are in balance by then
_FIRST_S = 20.0
_LEAST_STEPS = 3


def training_table(program: Program, device: DeviceSpec, steps: float, ambient_c: float | None) -> TrainingTable:
    """``steps`` steps one after the other on a device that starts at ambient temperature. Raises EdgesimError if it does not fit the memory."""
    ambient_c = float(device.default_ambient_c) if ambient_c is None else ambient_c
    duration_s = _FIRST_S
    while True:
        trace = _run(program, device, duration_s, ambient_c)
        ends_s = _ends_s(trace)
        if len(ends_s) >= steps or (len(ends_s) >= _LEAST_STEPS and duration_s >= _LONGEST_S):
            break
        if duration_s > 1000 * _LONGEST_S:
            raise EdgesimError(
                f"{device.name}: {_LEAST_STEPS} training steps take more than {1000 * _LONGEST_S / 86400:.0f} days; take a smaller model or batch"
            )
        enough_s = 1.2 * duration_s * steps / max(len(ends_s), 1)
        duration_s = max(min(enough_s, _LONGEST_S), 2 * duration_s) if len(ends_s) >= _LEAST_STEPS else 10 * duration_s
    ends_s = ends_s[: max(int(np.ceil(steps)), _LEAST_STEPS)]
    joules = _joules(trace, ends_s) - idle_power_w(device) * ends_s
    node, cooling_s = _slowest_node(device)
    times_s, warmth_c = trace.counter(f"temperature_c.{node}")
    excess_c = np.interp(ends_s, times_s, warmth_c) - ambient_c
    return TrainingTable(
        np.arange(len(ends_s) + 1.0),
        np.concatenate([[0.0], ends_s]),
        np.maximum.accumulate(np.concatenate([[0.0], joules])),
        np.maximum(np.concatenate([[0.0], excess_c]), 0.0),
        cooling_s,
        float(len(ends_s)),
    )


def _run(program: Program, device: DeviceSpec, duration_s: float, ambient_c: float) -> Trace:
    data = {
        "name": "training",
        "device": device.name,
        "duration": f"{duration_s!r} s",
        "ambient": f"{ambient_c!r} degC",
        "models": {"network": {"source": "network"}},
        "workloads": {"training": {"arrival": {"kind": "closed"}, "pipeline": [{"model": "network"}]}},
        "trace": "requests",
    }
    scenario = Scenario.model_validate(data, by_alias=True, by_name=False)
    return Engine(scenario, device, Deployment((program,), {"training": [0]}, (True,)), power_rows=_POWER_ROWS).run()


def _ends_s(trace: Trace) -> np.ndarray:
    requests = trace.requests.columns()
    ends_s: np.ndarray = np.sort(requests["end_s"][requests["status"] == Status.DONE])
    return ends_s


def _joules(trace: Trace, at_s: np.ndarray) -> np.ndarray:
    """Of the whole device (radios apart) from the begin to each moment."""
    total = np.zeros(len(at_s))
    for name in trace.energy_j:
        if name.startswith(RADIO):
            continue
        times_s, watts = trace.counter(f"power_w.{name}")
        edges_s = np.append(times_s, trace.end_s)
        total += np.interp(at_s, edges_s, np.concatenate([[0.0], np.cumsum(watts * np.diff(edges_s))]))
    return total


def _slowest_node(device: DeviceSpec) -> tuple[str, float]:
    """The node that keeps warm longest, and the slowest time constant of the device."""
    network = RcNetwork(device.thermal)
    slowest = int(network.rates_hz.argmin())
    rate_hz = float(network.rates_hz[slowest])
    return network.names[int(np.abs(network.from_modes[:, slowest]).argmax())], 1.0 / rate_hz if rate_hz > 0 else np.inf
