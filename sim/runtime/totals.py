"""Totals of a run for the report: operators, busy and bound seconds, traffic, memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from device_models.kernel_costs import COMPUTE, MEMORY, OVERHEAD, bound, kernel_seconds
from sim.runtime.memory import Instance
from sim.runtime.timing import SegmentTimings, Timing

if TYPE_CHECKING:
    from sim.runtime.engine import Engine


def totals(engine: Engine) -> dict[str, Any]:
    """Plain numbers by name.

    ``operators``: kernels of completed segments. ``busy_s``: by unit. ``bound_s``: by unit, how much of that was spent in kernels
    bound by ``compute``, ``memory``, ``overhead``. ``memory_traffic_bytes``: of all units. ``events``: of the event queue.
    ``loading_s``: while models were read that were not there, ``cold_start_s``: what first inferences took beyond warm ones.
    ``resident_bytes``: by program. ``radios``: by name, transfers and bytes of them, seconds and joules by state other than idle.
    The engine adds ``battery`` where there is one, and ``runaway`` (node, temperature, gain of the feedback) if that ended the run.
    """
    busy_s = dict.fromkeys(engine.device.units, 0.0)
    bound_s = {unit: {COMPUTE: 0.0, MEMORY: 0.0, OVERHEAD: 0.0} for unit in engine.device.units}
    operators, traffic = 0, 0.0
    for unit, segment in engine.planner.timings:
        operators += segment.completed * segment.kernels
        for timing in segment.timings():
            busy_s[unit] += timing.run_s
            traffic += timing.bytes_per_s * timing.run_s
            for name, share in _bounds(segment, timing).items():
                bound_s[unit][name] += share * timing.run_s
    return {
        "operators": operators,
        "events": next(engine.clock._eid),
        "busy_s": busy_s,
        "bound_s": bound_s,
        "memory_traffic_bytes": traffic,
        "peak_memory_bytes": engine.residency.peak_bytes,
        "memory_capacity_bytes": engine.residency.capacity_bytes,
        "model_loads": engine.residency.loads,
        "evictions": engine.residency.evictions,
        **_lost_s([instance for instance in engine.instances if instance is not None]),
        "resident_bytes": {program.name: program.resident_bytes for program in engine.deployment.programs},
        **({"radios": {name: radio.totals() for name, radio in engine.board.radios.items()}} if engine.board.radios else {}),
        "cooling_states": [zone.state for zone in engine.board.zones],
        "final_temperature_c": dict(zip(engine.board.heat.names, engine.board.heat.temperatures_c(), strict=True)),
    }


def _lost_s(instances: Sequence[Instance]) -> dict[str, float]:
    """Time lost to models that were not there: loading, and what first inferences took beyond warm ones."""
    cold_s = sum(instance.cold_starts * instance.program.first_inference_s for instance in instances)
    starts = sum(instance.cold_starts for instance in instances if instance.program.first_inference_s > 0)
    return {"loading_s": sum(instance.loading_s for instance in instances), "cold_starts": starts, "cold_start_s": cold_s}


def _bounds(segment: SegmentTimings, timing: Timing) -> dict[str, float]:
    """Share of a segment's time in kernels of each bound; they sum to 1."""
    seconds = kernel_seconds(segment.costs, timing.frequency_hz, timing.share)
    names = bound(segment.costs, timing.frequency_hz, timing.share)
    whole = float(seconds.sum())
    return {name: float(seconds[names == name].sum()) / whole for name in np.unique(names).tolist()} if whole else {}
