"""What each model of a scenario is and how it was compiled: size, work, units, fallbacks, accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program, Segment
from sim.report.accuracy import AccuracyMetrics, accuracy_metrics
from sim.report.compression import StepMetrics, step_metrics
from sim.report.run_result import RunResult
from sim.scenario.adaptive import exit_names
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
    fallback_units: dict[str, tuple[str, ...]]  # reason -> where they run
    entries_s: float  # part of alone_s: entering the segments, with the copies of tensors that cross
    compression: tuple[StepMetrics, ...]
    accuracy: AccuracyMetrics
    notes: tuple[str, ...]


def model_metrics(result: RunResult) -> dict[str, ModelMetrics]:
    """Metrics of every model that was compiled, in the scenario's order."""
    uses = result.scenario.models
    parts = {f"{name}@{exit}": use for name, use in uses.items() if use.exits for exit in exit_names(use.exits)}
    found = {name: uses.get(name) or parts.get(name) for name in result.programs}
    return {name: program_metrics(result.programs[name], result.device, use) for name, use in found.items() if use is not None}


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
        fallback_units=fallback_units(program),
        entries_s=sum(segment.entry_s for segment in program.segments),
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
        if reason := _fallback_reason(segment):
            reasons[reason] = reasons.get(reason, 0) + len(segment)
    return reasons


def fallback_units(program: Program) -> dict[str, tuple[str, ...]]:
    """Why kernels do not run where they were wanted -> the units they run on, in order."""
    units: dict[str, dict[str, None]] = {}
    for segment in program.segments:
        if reason := _fallback_reason(segment):
            units.setdefault(reason, {})[segment.unit] = None
    return {reason: tuple(names) for reason, names in units.items()}


def _fallback_reason(segment: Segment) -> str:
    """Empty where a segment is no fallback; of several reasons in one segment the first kernel's."""
    kind, _, reason = segment.why.partition(": ")
    return reason.partition("; ")[0] if kind == "fallback" else ""
