"""A program operator by operator: one warm run alone on the device, at the highest clocks and the full memory bandwidth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.compute import peak_macs_per_s
from device_models.spec import DeviceSpec
from device_models.work import DType
from sim.compiler.program import Program, Segment
from sim.compiler.warm_run import segment_columns


@dataclass(frozen=True)
class OperatorRow:
    """One kernel. ``energy_j``: switching and leakage of its unit at 25 degC while it runs, and its memory traffic.

    ``utilisation_ratio``: multiply-accumulates over what the unit's published peak in that number format would have done meanwhile.
    """

    kernel_index: int
    name: str
    operator: str
    unit: str
    time_s: float
    share_ratio: float
    bound: str
    macs_count: float
    utilisation_ratio: float | None
    traffic_bytes: float
    activations_bytes: float
    weights_bytes: float
    energy_j: float


@dataclass(frozen=True)
class SegmentRow:
    """Consecutive kernels on one unit; ``entry_s`` is the price of getting there."""

    unit: str
    first_index: int
    last_index: int
    time_s: float
    entry_s: float
    entry_traffic_bytes: float
    why: str


@dataclass(frozen=True)
class OperatorProfile:
    """Rows in the order of execution. ``total_s``: all kernels and entries one after the other."""

    operators: tuple[OperatorRow, ...]
    segments: tuple[SegmentRow, ...]
    total_s: float
    makespan_s: float  # with segments on different units side by side where they need not wait for each other
    energy_j: float


def operator_profile(program: Program, device: DeviceSpec) -> OperatorProfile:
    """Profile of a compiled model."""
    columns = [segment_columns(segment, device) for segment in program.segments]
    total_s = sum(float(seconds.sum()) + segment.entry_s for segment, (seconds, _, _) in zip(program.segments, columns, strict=True))
    operators: list[OperatorRow] = []
    segments: list[SegmentRow] = []
    for segment, (seconds, bounds, energy_j) in zip(program.segments, columns, strict=True):
        operators += _rows(program, device, segment, seconds, bounds, energy_j, total_s)
        segments.append(SegmentRow(segment.unit, segment.first, segment.stop - 1, float(seconds.sum()), segment.entry_s, segment.entry_bytes, segment.why))
    return OperatorProfile(tuple(operators), tuple(segments), total_s, _makespan_s(program, segments), sum(row.energy_j for row in operators))


def _rows(
    program: Program, device: DeviceSpec, segment: Segment, seconds: np.ndarray, bounds: np.ndarray, energy_j: np.ndarray, total_s: float
) -> list[OperatorRow]:
    work = program.kernels.work
    rows = []
    for offset, index in enumerate(range(segment.first, segment.stop)):
        time_s, macs = float(seconds[offset]), float(work.macs[index])
        peak = peak_macs_per_s(device, segment.unit, DType(int(work.dtype[index])))
        rows.append(
            OperatorRow(
                kernel_index=index,
                name=program.kernels.names[index],
                operator=program.kernels.labels[index],
                unit=segment.unit,
                time_s=time_s,
                share_ratio=time_s / total_s if total_s else 0.0,
                bound=str(bounds[offset]),
                macs_count=macs,
                utilisation_ratio=macs / (peak * time_s) if peak > 0 and time_s > 0 and macs > 0 else None,
                traffic_bytes=float(segment.costs.dram_bytes[offset]),
                activations_bytes=float(work.in_bytes[index] + work.out_bytes[index]),
                weights_bytes=float(work.weight_bytes[index]),
                energy_j=float(energy_j[offset]),
            )
        )
    return rows


def _makespan_s(program: Program, segments: list[SegmentRow]) -> float:
    """Each unit runs its segments in program order, each as soon as those it waits for have ended."""
    ends_s: dict[int, float] = {}
    free_s: dict[str, float] = {}
    for segment, row in zip(program.segments, segments, strict=True):
        start_s = max([free_s.get(segment.unit, 0.0), *(ends_s[index] for index in segment.after)])
        ends_s[segment.index] = free_s[segment.unit] = start_s + row.entry_s + row.time_s
    return max(ends_s.values(), default=0.0)
