"""Event-driven (neuromorphic) units: spikes are what costs time and energy, not the size of a layer.

Every layer has cores of its own, and all layers run together, step by step: a time step lasts as long as its busiest core, and at least as
long as the barrier at its end, or as the runtime takes to manage it::

    step      = max(barrier, management, max over layers of max(synaptic operations * s_synop, sum of updates * s_update) / cores of the layer)
    network   = steps * step
    energy    = synaptic operations * J_synop + updates * J_update + messages * (J_tile + hops * J_hop)

A neuron that nothing reached in a step is updated too, for less: arrivals are taken as Poisson. A message carries one spike to one core.
Layers pass spikes on within the step; on chips that do so in the next, a network of L layers answers L - 1 steps later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.cost_context import CostContext, among
from device_models.kernel_costs import KernelCosts
from device_models.work import Kind, Work

_WINDOWED = (Kind.PW, Kind.DW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV)


@dataclass(frozen=True)
class SpikeEvents:
    """What happens in each kernel over all its time steps, ``[kernels]``: counts of events.

    ``cores``: that its neurons and synapses take up; ``active``, ``inactive``: updates of neurons that something reached in the step, or nothing;
    ``messages``: spikes carried to cores.
    """

    cores: np.ndarray
    synaptic_operations: np.ndarray
    active: np.ndarray
    inactive: np.ndarray
    messages: np.ndarray


def spiking_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work``, all layers of which run at once: the time of the whole is divided by what keeps each layer busy.

    Raises ValueError for work without spikes, and for a network larger than the unit.
    """
    if np.any((work.synaptic_operations <= 0) & (work.neurons <= 0) & ((work.macs > 0) | (work.kind == Kind.CODE))):
        raise ValueError("an event-driven unit runs spiking operators only: convert the model (compress: [{to_spiking: ...}]), or name another unit")
    values = context.float_values()
    events = spike_events(work, context)
    taken = float(events.cores.sum())
    if taken > float(context.unit.cores):
        raise ValueError(_too_large(work, events, context))
    synops_s = events.synaptic_operations * values["s_per_synaptic_operation"]
    updates_s = events.active * values["s_per_active_update"] + events.inactive * values["s_per_inactive_update"]
    busy_s = np.maximum(synops_s, updates_s) / np.maximum(events.cores, 1.0)  # over all steps, of each of the layer's cores
    steps = float(work.steps.max()) if len(work) else 0.0
    longest_s = float(busy_s.max() / steps) if len(work) else 0.0
    managed_s = float(context.table("s_per_step").get(context.runtime or "", 0.0))
    step_s = max(longest_s, _barrier_s(taken, context), managed_s)
    share = (busy_s / busy_s.sum()) if busy_s.sum() > 0 else np.full(len(work), 1.0 / max(len(work), 1))
    at_work = longest_s / step_s if step_s else 0.0
    cycles = steps * step_s * share * context.max_hz
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=cycles * (1.0 - at_work),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=cycles * at_work,
        memory_s=np.zeros(len(work)),
        dram_bytes=np.zeros(len(work)),
        exponent=1.0,
        events_j=np.sum(list(event_energy_j(events, context).values()), axis=0),
    )


def event_energy_j(events: SpikeEvents, context: CostContext) -> dict[str, np.ndarray]:
    """Energy of each kind of event, ``[kernels]`` each, J."""
    values = context.float_values()
    return {
        "synaptic operations": events.synaptic_operations * values["j_per_synaptic_operation"],
        "updates": events.active * values["j_per_active_update"] + events.inactive * values["j_per_inactive_update"],
        "messages": events.messages * (values["j_per_message"] + values["hops"] * values["j_per_hop"]),
    }


def spike_events(work: Work, context: CostContext) -> SpikeEvents:
    """Events of ``work`` on the unit and the cores it takes up."""
    values = context.float_values()
    cores = _cores(work, values["neurons_per_core"], values["synapses_per_core"], bool(values["shares_windows"]))
    updates = work.neurons * work.steps
    reached = 1.0 - np.exp(-np.divide(work.synaptic_operations, updates, out=np.zeros(len(work)), where=updates > 0))
    return SpikeEvents(cores, work.synaptic_operations, updates * reached, updates * (1.0 - reached), work.in_spikes * cores)


def _cores(work: Work, neurons_per_core: float, synapses_per_core: float, shares_windows: bool) -> np.ndarray:
    """Whole cores each layer takes up, ``[kernels]``; where cores share the weights of a window, each holds those of a convolution once."""
    stored = np.where(among(work.kind, _WINDOWED) & shares_windows, work.weight_elements, work.synapses)
    return np.asarray(np.maximum(np.ceil(work.neurons / neurons_per_core), np.ceil(stored / synapses_per_core)))


def _barrier_s(cores: float, context: CostContext) -> float:
    """The barrier that ends a step: longer for more tiles of a chip, and for every chip beyond the first."""
    values = context.float_values()
    tiles = np.ceil(cores / values["cores_per_tile"])
    tiles_a_chip = values["cores_per_chip"] / values["cores_per_tile"]
    chips = max(np.ceil(cores / values["cores_per_chip"]), 1.0)
    on_chip = min(max(tiles - 1.0, 0.0) / max(tiles_a_chip - 1.0, 1.0), 1.0)
    return float(values["barrier_s"] + on_chip * (values["full_barrier_s"] - values["barrier_s"]) + (chips - 1.0) * values["barrier_s_per_chip"])


def _too_large(work: Work, events: SpikeEvents, context: CostContext) -> str:
    values = context.float_values()
    worst = int(np.argmax(events.cores))
    return (
        f"the network needs {events.cores.sum():.0f} cores ({work.neurons.sum():,.0f} neurons, {work.synapses.sum():,.0f} synapses), the unit has "
        f"{float(context.unit.cores):.0f} of {values['neurons_per_core']:.0f} neurons and {values['synapses_per_core']:,.0f} synapses each; the largest layer "
        f"alone takes {events.cores[worst]:.0f}: make the network smaller, or give the unit more chips (`cores`)"
    )
