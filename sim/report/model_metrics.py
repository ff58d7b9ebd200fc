"""What each model of a scenario is and how it was compiled: size, work, units, fallbacks, accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.report.accuracy import AccuracyMetrics, accuracy_metrics
from sim.report.compression import StepMetrics, step_metrics
from sim.report.run_result import RunResult
from sim.scenario.model import ModelUse


@dataclass(frozen=True)
class ModelMetrics:
    """``storage_bytes``: the model file; ``resident_bytes``: memory while loaded (weights, state, arena).

    ``alone_s``: one inference on an otherwise idle device at the highest clocks, ``units_s`` its share of each unit.
    """

    source: str
    runtime: str
    precision: str
    parameters_count: int
    macs_count: float
    kernels_count: int
    segments_count: int
    storage_bytes: float
    weights_bytes: float
    arena_bytes: float
    arena_lower_bound_bytes: float
    resident_bytes: float
    load_s: float
    first_inference_s: float
    alone_s: float
    units_s: dict[str, float]
    units_kernels_count: dict[str, int]
    fallback_kernels_count: int
    fallbacks_count: dict[str, int]  # reason -> kernels that run elsewhere because of it
    compression: tuple[StepMetrics, ...]
    accuracy: AccuracyMetrics
    notes: tuple[str, ...]


def model_metrics(result: RunResult) -> dict[str, ModelMetrics]:
    """Metrics of every model that was compiled, in the scenario's order."""
    uses = result.scenario.models
    return {name: program_metrics(program, result.device, uses.get(name)) for name, program in result.programs.items() if name in uses}


def program_metrics(program: Program, device: DeviceSpec, use: ModelUse | None = None) -> ModelMetrics:
    """Metrics of one compiled model."""
    units_s, kernels = unit_seconds(program, device), dict[str, int]()
    for segment in program.segments:
        kernels[segment.unit] = kernels.get(segment.unit, 0) + len(segment)
    reasons = fallback_reasons(program)
    return ModelMetrics(
        source=(use.source or "layers of the scenario") if use else program.model,
        runtime=program.runtime,
        precision=program.precision,
        parameters_count=program.parameters,
        macs_count=program.macs,
        kernels_count=len(program.kernels.names),
        segments_count=len(program.segments),
        storage_bytes=program.storage_bytes,
        weights_bytes=program.weights_bytes,
        arena_bytes=float(program.plan.arena_bytes),
        arena_lower_bound_bytes=float(program.plan.lower_bound_bytes),
        resident_bytes=program.resident_bytes,
        load_s=program.load_s,
        first_inference_s=program.first_inference_s,
        alone_s=sum(units_s.values()),
        units_s=units_s,
        units_kernels_count=kernels,
        fallback_kernels_count=sum(reasons.values()),
        fallbacks_count=reasons,
        compression=step_metrics(program),
        accuracy=accuracy_metrics(program),
        notes=program.notes,
    )


def unit_seconds(program: Program, device: DeviceSpec) -> dict[str, float]:
    """Seconds of one warm run per unit, at the highest clock and the full bandwidth, crossings included."""
    seconds: dict[str, float] = {}
    for segment in program.segments:
        taken = segment.entry_s + float(np.sum(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit))))
        seconds[segment.unit] = seconds.get(segment.unit, 0.0) + taken
    return seconds


def fallback_reasons(program: Program) -> dict[str, int]:
    """Why kernels do not run where they were wanted -> how many."""
    reasons: dict[str, int] = {}
    for segment in program.segments:
        kind, _, reason = segment.why.partition(": ")
        if kind == "fallback":
            reason = reason.partition("; ")[0]  # of several reasons in one segment the first kernel's
            reasons[reason] = reasons.get(reason, 0) + len(segment)
    return reasons
