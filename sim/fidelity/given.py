"""Predictions of power and energy where the latency, or the operating point, is given with the measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
from sim.compiler import compile_code
from sim.compiler.program import Program
from sim.experiment.simulate import Experiment
from sim.fidelity.case import Case
from sim.runtime.deployment import Deployment
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import Scenario
from sim.scenario.stages import CodeWork

TIMES = ("fixed_s", "overhead_cycles", "vector_cycles", "compute_cycles", "memory_s")
_SECONDS = 0.1  # simulated, of steady work


def with_latency(program: Program, device: DeviceSpec, latency_s: float) -> Program:
    """The program with all its times scaled so that an inference takes ``latency_s`` at the highest clocks; the same operations and bytes."""
    now_s = sum(segment.entry_s + float(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)).sum()) for segment in program.segments)
    factor = latency_s / now_s
    segments = tuple(
        replace(segment, entry_s=segment.entry_s * factor, costs=replace(segment.costs, **{name: getattr(segment.costs, name) * factor for name in TIMES}))
        for segment in program.segments
    )
    return replace(program, segments=segments, load_s=0.0, first_inference_s=0.0)


def power_at_point_w(case: Case, device: DeviceSpec) -> float:
    """Power of the whole device, W, while a program of plain operations keeps one core of ``case.unit`` busy at its domain's clock.

    ``case.use`` has ``frequency_hz``, the clock of the measurement; the other domains are at their lowest.
    """
    domain = device.units[case.unit].domain
    governors: dict[str, object] = dict.fromkeys(device.domains, "powersave")
    governors[domain] = {"name": "userspace", "frequency": f"{float(case.use['frequency_hz'])!r} Hz"}
    work = CodeWork.model_validate({"operations": 1e7, "bytes": 0})
    stage = {"name": "steady", "unit": case.unit, "work": {"operations": 1e7, "bytes": 0}}
    scenario = Scenario.model_validate(
        {
            "name": "published",
            "device": device.name,
            "duration": f"{_SECONDS} s",
            "workloads": {"loop": {"arrival": {"kind": "closed"}, "pipeline": [stage]}},
            "governors": governors,
            "trace": "requests",
        },
        by_alias=True,
        by_name=False,
    )
    program = compile_code(work, case.unit, device, "steady")
    deployment = Deployment((program,), {"loop": [0]}, (None,), ("steady",))
    trace = Experiment(LoadedScenario(scenario, device, Path(), ""), {"steady": program}, deployment, power_rows=1).run().trace
    return sum(trace.energy_j.values()) / trace.end_s
