"""A small run made by hand: one camera with three stages on two units, and a voice workload, on a device with round numbers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from device_models.kernel_costs import KernelCosts
from device_models.spec import DeviceSpec
from device_models.work import KernelWork, Kind, Work
from sim.compiler.program import Kernels, MemoryPlan, Program, Segment
from sim.scenario.model import Scenario
from sim.trace import Status, Trace

DEVICE: dict[str, Any] = {
    "name": "round_device",
    "title": "Round Device",
    "category": "board",
    "units": {
        "cpu": {
            "kind": "cpu",
            "cost_class": "armv8_2_out_of_order",
            "cores": 2,
            "macs_per_cycle": {"float32": 8},
            "domain": "cpu",
            "on_chip": "1 MiB",
            "calibration": "fitted on 4 networks",
            "calibration_error": 0.1,
            "power": {"dynamic_capacitance": "1 nF"},
        },
        "npu": {
            "kind": "npu",
            "cost_class": "hexagon",
            "macs_per_cycle": {"int8": 1024},
            "domain": "npu",
            "on_chip": "1 MiB",
            "power": {"dynamic_capacitance": "1 nF"},
        },
    },
    "domains": {
        "cpu": {"operating_points": [{"frequency": "1 GHz", "voltage": "0.8 V"}, {"frequency": "2 GHz", "voltage": "1 V"}]},
        "npu": {"operating_points": [{"frequency": "500 MHz"}, {"frequency": "1 GHz"}]},
    },
    "memory": {"type": "LPDDR4", "bandwidth": "10 GB/s", "capacity": "4 GiB", "reserved": "1 GiB", "energy": "40 pJ/B"},
    "storage": {"type": "eMMC", "read_bandwidth": "100 MB/s", "capacity": "8 GB"},
    "base_power": "1 W",
    "thermal": {
        "nodes": {"die": {"heat_capacity": "1 J/K", "heated_by": ["cpu", "npu"]}, "case": {"heat_capacity": "100 J/K", "is_skin": True}},
        "links": [{"between": ["die", "case"], "resistance": "2 K/W"}, {"between": ["case", "ambient"], "resistance": "8 K/W"}],
    },
    "battery": {"capacity": "1000 mAh", "nominal_voltage": "3.6 V"},
    "runtimes": ["tflite"],
}

SCENARIO: dict[str, Any] = {
    "name": "hand_made",
    "device": "round_device",
    "models": {"detector": {"source": "mobilenet_v2", "precision": "int8"}},
    "workloads": {
        "camera": {
            "arrival": {"kind": "periodic", "rate": "10 Hz"},
            "pipeline": [{"name": "pre", "work": {"operations": 1e6}}, {"model": "detector"}, {"name": "nms", "work": {"operations": 1e6}}],
            "deadline": "50 ms",
        },
        "voice": {"arrival": {"kind": "poisson", "rate": "1 Hz"}, "pipeline": [{"name": "listen", "work": {"operations": 1e6}}]},
    },
    "duration": "10 s",
    "budgets": {"latency_p99": "33 ms", "power": "3 W", "skin_temperature": "43 degC", "memory": "256 MiB"},
}


@dataclass
class HandMade:
    """The form of a run's result."""

    scenario: Scenario
    device: DeviceSpec
    programs: dict[str, Program]
    trace: Trace
    seed: int = 0


def costs(fixed_s: list[float], cycles: list[float], memory_s: list[float]) -> KernelCosts:
    """Costs with the given columns, compute and memory one after the other."""
    zeros = np.zeros(len(fixed_s))
    return KernelCosts(np.array(fixed_s), zeros, zeros, np.array(cycles), np.array(memory_s), np.array(memory_s) * 1e9, 1.0)


def program() -> Program:
    """Three kernels on the NPU: one compute-, one memory-, one overhead-bound, 10 ms each at 1 GHz."""
    rows = [KernelWork(Kind.CONV, macs=1e9), KernelWork(Kind.FC, macs=1e6), KernelWork(Kind.PERMUTE)]
    segment = Segment(0, "npu", 0, 3, (), costs([0, 0, 0.01], [1e7, 0, 0], [0, 0.01, 0]), 0.0, 0.0, "first choice")
    return Program(
        name="detector",
        model="mobilenet_v2",
        runtime="tflite",
        precision="int8",
        segments=(segment,),
        kernels=Kernels(("conv", "dense", "move"), ("Conv+Relu6", "Dense", "Transpose"), Work.stack(rows)),
        plan=MemoryPlan((), 4_000_000, 4_000_000),
        weights_bytes=3.5e6,
        state_bytes=0.0,
        storage_bytes=3.6e6,
        load_s=0.05,
        first_inference_s=0.01,
        macs=1.001e9,
        parameters=3_500_000,
    )


def code_program() -> Program:
    """One kernel of 1 ms on the CPU."""
    segment = Segment(0, "cpu", 0, 1, (), costs([0.001], [0.0], [0.0]), 0.0, 0.0, "named by the stage")
    kernels = Kernels(("code",), ("Code",), Work.stack([KernelWork(Kind.CODE)]))
    return Program("code", "code", "", "as_stored", (segment,), kernels, MemoryPlan((), 0, 0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)


def trace() -> Trace:
    """100 camera requests (5 ms on the CPU, 30 ms on the NPU, 3 ms on the CPU; every tenth waits 15 ms for the NPU), 5 voice requests."""
    result = Trace(["cpu", "npu"], ["camera", "voice"], ["camera/pre", "camera/detector", "camera/nms", "voice/listen"], ["detector", "code"])
    for index in range(100):
        at = index / 10
        wait = 0.015 if index % 10 == 9 else 0.0
        result.spans.append(0, at, at + 0.005, index, 0, 0, 1, 0, 0.0, 1.0, 2e9, 1.0)
        result.spans.append(1, at + 0.005 + wait, at + 0.020 + wait, index, 1, 0, 0, 0, 0.0, 1.5, 1e9, 1.0)
        result.spans.append(1, at + 0.020 + wait, at + 0.035 + wait, index, 1, 0, 0, 0, 1.5, 3.0, 1e9, 1.0)
        result.spans.append(0, at + 0.035 + wait, at + 0.038 + wait, index, 2, 0, 1, 0, 0.0, 1.0, 2e9, 1.0)
        result.requests.append(index, 0, at, at, at + 0.038 + wait, at + 0.05, Status.LATE if wait else Status.DONE)
    for index in range(5):
        at = 2.0 * index + 0.06
        result.spans.append(0, at, at + 0.02, 100 + index, 3, 0, 1, 0, 0.0, 1.0, 2e9, 1.0)
        result.requests.append(100 + index, 1, at, at, at + 0.02, float("nan"), Status.DONE)
    _counters(result)
    result.energy_j = {"cpu": 2.0, "npu": 6.0, "memory": 2.0, "base": 10.0}
    result.totals = {"operators": 505}
    result.end_s = 10.0
    return result


def _counters(result: Trace) -> None:
    result.counters = [
        "frequency_hz.cpu",
        "frequency_hz.npu",
        "temperature_c.die",
        "temperature_c.case",
        "power_w.npu",
        "power_w.base",
        "memory_bytes",
        "limit_hz.npu",
    ]
    for second in range(11):
        result.counter_rows.append(2, float(second), 30.0 + second)
        result.counter_rows.append(3, float(second), 25.0 + second / 2)
    for counter, value in ((0, 2e9), (1, 1e9), (4, 1.0), (5, 1.0), (6, 100 * 2**20), (7, 1e9)):
        result.counter_rows.append(counter, 0.0, value)
    result.counter_rows.append(1, 6.0, 0.5e9)
    result.counter_rows.append(7, 6.0, 0.5e9)
    result.counter_rows.append(4, 6.0, 0.5)


@pytest.fixture
def run() -> HandMade:
    return HandMade(Scenario.model_validate(SCENARIO), DeviceSpec.model_validate(DEVICE), {"detector": program(), "code": code_program()}, trace())


@pytest.fixture
def scenario_data() -> dict[str, Any]:
    """The scenario of the run as a mapping, to be changed."""
    return copy.deepcopy(SCENARIO)
