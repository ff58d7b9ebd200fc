"""What one inference of a spiking network is on an event-driven unit: its events, how fast they come, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.compute import max_frequency_hz, spiking_events
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.compiler.warm_run import run_cost
from sim.report.run_result import RunResult


@dataclass(frozen=True)
class SpikingMetrics:
    """One inference alone on ``unit``. ``spikes_count``: sent by all neurons; ``updates_count``: of neurons, whether something reached them or not.

    ``energy_j``: of the whole inference on all units, ``events_j`` the part that events cost: synaptic operations take
    ``synaptic_energy_ratio`` of the whole, ``updates_energy_ratio`` and ``messages_energy_ratio`` the others.
    """

    unit: str
    timesteps_count: int
    rates: str  # measured or given
    neurons_count: float
    synapses_count: float
    cores_count: float
    spikes_count: float
    synaptic_operations_count: float
    updates_count: float
    arriving_hz: float | None
    alone_s: float
    energy_j: float
    events_j: float
    synaptic_energy_ratio: float | None
    updates_energy_ratio: float | None
    messages_energy_ratio: float | None


def spiking_metrics(result: RunResult) -> dict[str, SpikingMetrics]:
    """Of every model of the scenario that is mapped to an event-driven unit."""
    found = {name: of_program(program, result.device) for name, program in result.programs.items() if name in result.scenario.models}
    return {name: metrics for name, metrics in found.items() if metrics is not None}


def of_program(program: Program, device: DeviceSpec) -> SpikingMetrics | None:
    """Of one program; None where nothing of it runs on an event-driven unit."""
    mine = [segment for segment in program.segments if segment.unit in device.units and device.units[segment.unit].kind == "neuromorphic"]
    if not mine or program.graph is None:
        return None
    unit = mine[0].unit
    work = program.kernels.work.take(np.concatenate([np.arange(segment.first, segment.stop) for segment in mine]))
    events, by_event_j = spiking_events(work, device, unit)
    alone_s, energy_j = run_cost(program, device)
    busy_s = sum(float(kernel_seconds(segment.costs, max_frequency_hz(device, unit)).sum()) for segment in mine)
    operations = float(events.synaptic_operations.sum())
    notes = program.graph.notes.get("spiking", {})
    return SpikingMetrics(
        unit=unit,
        timesteps_count=int(work.steps.max()),
        rates=str(notes.get("rates", "given")),
        neurons_count=float(work.neurons.sum()),
        synapses_count=float(work.synapses.sum()),
        cores_count=float(events.cores.sum()),
        spikes_count=float(work.out_spikes.sum()),
        synaptic_operations_count=operations,
        updates_count=float((events.active + events.inactive).sum()),
        arriving_hz=operations / busy_s if busy_s else None,
        alone_s=alone_s,
        energy_j=energy_j,
        events_j=sum(by_event_j.values()),
        synaptic_energy_ratio=by_event_j["synaptic operations"] / energy_j if energy_j else None,
        updates_energy_ratio=by_event_j["updates"] / energy_j if energy_j else None,
        messages_energy_ratio=by_event_j["messages"] / energy_j if energy_j else None,
    )
