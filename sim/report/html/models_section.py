"""Models operator by operator, the rooflines of the units they run on, and the plan of their buffers."""

from __future__ import annotations

from typing import Any

from device_models.compute import max_frequency_hz, peak_macs_per_s
from device_models.cost_context import MAC_FORMATS
from device_models.spec import DeviceSpec
from device_models.work import DType
from sim.compiler.program import Program
from sim.report.operator_profile import operator_profile
from sim.report.page import Page
from sim.report.run_file.document import Section
from sim.report.safe_text import printable

_BOUNDS = ("compute", "memory", "overhead")
MOST_BUFFERS = 5000


def models_section(page: Page) -> Section:
    """By model: what it is, a row for each kernel, a row for each segment, its buffers. The user's own code is one kernel each."""
    device = page.result.device
    data = [_model(name, program, device) for name, program in page.result.programs.items()]
    return Section({"models": data, "units": _units(page, {row["unit"] for model in data for row in model["segments"]})})


def _model(name: str, program: Program, device: DeviceSpec) -> dict[str, Any]:
    profile = operator_profile(program, device)
    work = program.kernels.work
    return {
        "name": printable(name, 200),
        "model": printable(program.model, 200),
        "runtime": program.runtime,
        "precision": program.precision,
        "macs": program.macs,
        "parameters": program.parameters,
        "weights_bytes": program.weights_bytes,
        "total_s": profile.total_s,
        "energy_j": profile.energy_j,
        "is_code": program.model == "code",
        "notes": [printable(note) for note in program.notes],
        "operators": [
            {
                "index": row.kernel_index,
                "name": printable(row.name, 300),
                "operator": printable(row.operator, 120),
                "unit": row.unit,
                "time_s": row.time_s,
                "bound": row.bound,
                "macs": row.macs_count,
                "utilisation": row.utilisation_ratio,
                "traffic_bytes": row.traffic_bytes,
                "activations_bytes": row.activations_bytes,
                "weights_bytes": row.weights_bytes,
                "energy_j": row.energy_j,
                "dtype": DType(int(work.dtype[row.kernel_index])).name.lower(),
            }
            for row in profile.operators
        ],
        "segments": [
            {"unit": row.unit, "first": row.first_index, "last": row.last_index, "time_s": row.time_s, "entry_s": row.entry_s, "why": printable(row.why)}
            for row in profile.segments
        ],
        "plan": _plan(program),
    }


def _plan(program: Program) -> dict[str, Any]:
    plan = program.plan
    largest = sorted(plan.buffers, key=lambda buffer: -buffer.size_bytes)[:MOST_BUFFERS]
    return {
        "arena_bytes": plan.arena_bytes,
        "lower_bound_bytes": plan.lower_bound_bytes,
        "left_out": len(plan.buffers) - len(largest),
        "buffers": [[printable(buffer.tensor, 200), buffer.size_bytes, buffer.first, buffer.last, buffer.offset_bytes] for buffer in largest],
    }


def _units(page: Page, used: set[str]) -> list[dict[str, Any]]:
    """Each unit that a model runs on: its published peak by number format, and the memory's bandwidth."""
    device = page.result.device
    found = []
    for name, unit in device.units.items():
        if name not in used:
            continue
        peaks = {}
        for dtype in (DType.F32, DType.F16, DType.I8, DType.I16):
            if any(format_name in unit.macs_per_cycle for format_name in MAC_FORMATS[dtype]):
                peaks[dtype.name.lower()] = peak_macs_per_s(device, name, dtype)
        found.append(
            {
                "name": name,
                "title": printable(unit.title or unit.kind),
                "clock_hz": max_frequency_hz(device, name),
                "peaks_macs_per_s": peaks,
                "bandwidth_bytes_per_s": float(device.memory.bandwidth_bytes_per_s),
            }
        )
    return found
