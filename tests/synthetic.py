"""Small devices, programs and scenarios made by hand, whose times can be worked out on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from device_models.kernel_costs import KernelCosts
from device_models.spec import DeviceSpec
from device_models.work import KernelWork, Kind, Work
from sim.compiler.program import Kernels, MemoryPlan, Program, Segment
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.model import Scenario
from sim.trace import Trace

BANDWIDTH = 1e9  # B/s
POINTS = (0.25e9, 0.5e9, 0.75e9, 1e9)  # Hz


def device(
    units: Sequence[str] = ("cpu", "npu"),
    *,
    governor: str = "performance",
    points: Sequence[float] = POINTS,
    latency_s: float = 0.0,
    capacity_bytes: float = 1e9,
    leakage_w: float = 0.05,
    trips: Sequence[Mapping[str, Any]] = (),
    battery: bool = False,
    **more: Any,
) -> DeviceSpec:
    """Each unit has its own domain and heats its own die node; dies share a case. 1 nF, so 1 W at 1 GHz and 1 V."""
    nodes: dict[str, Any] = {f"{unit}_die": {"heat_capacity": "2 J/K", "heated_by": [unit]} for unit in units}
    nodes["case"] = {"heat_capacity": "40 J/K", "heated_by": ["base", "memory"], "is_skin": True}
    links = [{"between": [f"{unit}_die", "case"], "resistance": "8 K/W"} for unit in units]
    spec = {
        "name": "synthetic",
        "title": "Synthetic",
        "category": "board",
        "units": {
            unit: {
                "kind": "npu" if unit.startswith("npu") else "cpu",
                "cost_class": "any",
                "macs_per_cycle": {"int8": 1},
                "domain": unit,
                "on_chip": "1 MiB",
                "power": {"dynamic_capacitance": "1 nF", "leakage": f"{leakage_w} W", "idle": "10 mW"},
            }
            for unit in units
        },
        "domains": {
            unit: {
                "operating_points": [{"frequency": f"{hz} Hz", "voltage": f"{0.6 + 0.4 * hz / points[-1]} V"} for hz in points],
                "governor": governor,
                "transition_latency": f"{latency_s} s",
            }
            for unit in units
        },
        "memory": {"type": "DRAM", "bandwidth": f"{BANDWIDTH} B/s", "capacity": f"{capacity_bytes} B", "energy": "50 pJ/B", "idle": "20 mW"},
        "storage": {"type": "flash", "read_bandwidth": "100 MB/s", "capacity": "1 GB"},
        "base_power": "100 mW",
        "thermal": {"nodes": nodes, "links": [*links, {"between": ["case", "ambient"], "resistance": "5 K/W"}], "trips": list(trips)},
        "battery": {"capacity": "1000 mAh", "nominal_voltage": "3.6 V"} if battery else None,
        "runtimes": ["any"],
    }
    return DeviceSpec.model_validate(spec | more)


def costs(compute_s: Sequence[float], memory_s: Sequence[float] | None = None, fixed_s: float = 0.0, exponent: float = 1.0) -> KernelCosts:
    """Kernels that take these times alone at the highest frequency; memory time is at the device's full bandwidth."""
    kernels = len(compute_s)
    memory = np.zeros(kernels) if memory_s is None else np.asarray(memory_s, float)
    return KernelCosts(
        fixed_s=np.full(kernels, fixed_s),
        overhead_cycles=np.zeros(kernels),
        vector_cycles=np.zeros(kernels),
        compute_cycles=np.asarray(compute_s, float) * POINTS[-1],
        memory_s=memory,
        dram_bytes=memory * BANDWIDTH,
        exponent=exponent,
    )


def segment(
    unit: str, kernel_costs: KernelCosts, index: int = 0, after: Sequence[int] = (), entry_s: float = 0.0, entry_bytes: float = 0.0, first: int = 0
) -> Segment:
    return Segment(index, unit, first, first + len(kernel_costs), tuple(after), kernel_costs, entry_s, entry_bytes, "given")


def program(
    name: str, *segments: Segment, weights_bytes: float = 1e6, arena_bytes: int = 100_000, load_s: float = 0.0, first_inference_s: float = 0.0
) -> Program:
    kernels = sum(len(part) for part in segments)
    names = tuple(f"kernel_{index}" for index in range(kernels))
    return Program(
        name=name,
        model=name,
        runtime="any",
        precision="int8",
        segments=segments,
        kernels=Kernels(names, names, Work.stack([KernelWork(Kind.CODE)] * kernels)),
        plan=MemoryPlan((), arena_bytes, arena_bytes),
        weights_bytes=weights_bytes,
        state_bytes=0.0,
        storage_bytes=weights_bytes,
        load_s=load_s,
        first_inference_s=first_inference_s,
        macs=0.0,
        parameters=0,
    )


def simple(name: str, unit: str, seconds: float, kernels: int = 1, **more: Any) -> Program:
    """Kernels of equal length that need no memory."""
    return program(name, segment(unit, costs([seconds / kernels] * kernels)), **more)


def scenario(workloads: Mapping[str, Mapping[str, Any]], duration_s: float = 1.0, **more: Any) -> Scenario:
    """Workloads as in YAML, except that a pipeline may be a model's name."""
    full: dict[str, Any] = {}
    for name, workload in workloads.items():
        pipeline = workload.get("pipeline", name)
        full[name] = {**workload, "pipeline": [{"model": pipeline}] if isinstance(pipeline, str) else pipeline}
    models = sorted({stage["model"] for workload in full.values() for stage in workload["pipeline"]})
    data = {"name": "synthetic", "device": "synthetic", "models": {name: {"source": name} for name in models}, "workloads": full, "duration": f"{duration_s} s"}
    return Scenario.model_validate(data | more)


def engine(given: Scenario, on: DeviceSpec, programs: Sequence[Program], reference: bool = False) -> Engine:
    position = {each.name: index for index, each in enumerate(programs)}
    stages = {name: [position[stage.model] for stage in workload.pipeline] for name, workload in given.workloads.items()}  # type: ignore[union-attr]
    loads = tuple(given.models[each.name].load == "at_start" if each.name in given.models else True for each in programs)
    return Engine(given, on, Deployment(tuple(programs), stages, loads), reference=reference)


def run(given: Scenario, on: DeviceSpec, programs: Sequence[Program], reference: bool = False, seed: int | None = None) -> Trace:
    return engine(given, on, programs, reference).run(seed)
