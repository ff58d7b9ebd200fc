"""What the compiler has to say about a program: fallbacks, kinds the cost model does not cover, how each unit was calibrated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from device_models.spec import DeviceSpec
from device_models.units import format_quantity
from device_models.work import Kind, Work
from sim.compiler.program import Segment
from sim.graph.ir import Graph

UNCOVERED = (Kind.DATA, Kind.DETECT, Kind.LRN, Kind.RNN, Kind.CONVT)  # kinds no published fit of the cost laws contains in number


def program_notes(graph: Graph, device: DeviceSpec, segments: Sequence[Segment], work: Work) -> tuple[str, ...]:
    """Notes in a stable order: the graph's own, fallbacks by reason, uncovered kinds, calibration of every unit used."""
    return (*_graph_notes(graph), *_fallback_notes(segments), *_coverage_notes(work), *_calibration_notes(device, segments))


def preference_notes(wanted: Sequence[str], order: Sequence[str], device: DeviceSpec, runtime: str) -> tuple[str, ...]:
    """Preferred units that the program could not use because they are absent, or have no delegate."""
    present = {*order, *(device.units[unit].kind for unit in order)}
    return tuple(f"{device.name} has no {name} that {runtime} uses" for name in wanted if name not in present)


def sparsity_notes(segments: Sequence[Segment], work: Work, faster: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Units on which zeros in weights gain no time; ``faster``: the kinds of zeros that make kernels of a unit faster."""
    idle: dict[str, bool] = {}
    for segment in segments:
        rows, kinds = slice(segment.first, segment.stop), faster.get(segment.unit, ())
        zeros = work.weight_zeros[rows] > 0
        gains = zeros & (work.two_of_four[rows] if kinds == ("structured_2_4",) else True) if kinds else np.zeros_like(zeros)
        if zeros.any():
            idle[segment.unit] = idle.get(segment.unit, True) and not gains.any()
    return tuple(f"pruned weights make no kernel faster on {unit}: it multiplies zeros too" for unit, nothing in idle.items() if nothing)


def capacity_notes(device: DeviceSpec, storage_bytes: float, memory_bytes: float) -> tuple[str, ...]:
    """What of a program does not fit into the device: a profile is still of use then, a run refuses it."""
    room_bytes = float(device.memory.capacity_bytes) - float(device.memory.reserved_bytes)
    needs = (("storage", storage_bytes, float(device.storage.capacity_bytes)), ("memory", memory_bytes, room_bytes))
    return tuple(
        f"does not fit into the {what} of {device.name}: {format_quantity(needed, 'bytes')} of {format_quantity(held, 'bytes')}"
        for what, needed, held in needs
        if needed > held
    )


def _graph_notes(graph: Graph) -> list[str]:
    own = graph.notes.get("compiler", ())
    return [str(note) for note in own]


def _fallback_notes(segments: Sequence[Segment]) -> list[str]:
    fallen = [segment for segment in segments if segment.why.startswith("fallback")]
    if not fallen:
        return []
    reasons = Counter(segment.why.split("; ")[0].removeprefix("fallback: ") for segment in fallen)
    first = ", ".join(f"{reason} ({count} times)" if count > 1 else reason for reason, count in reasons.most_common(3))
    return [f"{sum(len(segment) for segment in fallen)} of {segments[-1].stop} kernels in {len(fallen)} segments fall back: {first}"]


def _coverage_notes(work: Work) -> list[str]:
    counts = Counter(int(kind) for kind in work.kind)
    uncovered = [f"{counts[kind]} {Kind(kind).name.lower()}" for kind in UNCOVERED if counts[kind]]
    return [f"kernels of kinds outside the calibration: {', '.join(uncovered)}"] if uncovered else []


def _calibration_notes(device: DeviceSpec, segments: Sequence[Segment]) -> list[str]:
    notes = []
    for unit in dict.fromkeys(segment.unit for segment in segments):
        spec = device.units[unit]
        error = f", typically within {float(spec.calibration_error):.0%}" if spec.calibration_error is not None else ""
        notes.append(f"{unit}: {spec.calibration}{error}")
    return notes
