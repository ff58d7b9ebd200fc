"""What it costs to enter a unit: dispatch, synchronisation, and copies of the tensors that cross its border."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.compute import InvocationCosts, invocation_costs
from device_models.spec import DeviceSpec
from sim.compiler.dataflow import Dataflow
from sim.compiler.support import Target
from sim.graph.ir import Tensor

Segments = list[tuple[str, list[int]]]


@dataclass(frozen=True)
class Crossing:
    """Tensors that enter a segment's unit with it and those it hands over; each tensor once per unit it reaches or leaves."""

    arriving: tuple[str, ...]
    leaving: tuple[str, ...]
    waits: bool  # for a segment on another unit
    first: bool  # the first segment on its unit


@dataclass(frozen=True)
class Entry:
    """Time before a segment's first kernel, s, and bytes its copies move."""

    seconds: float
    moved_bytes: float


def crossings(flow: Dataflow, segments: Segments, hosts: set[str]) -> list[Crossing]:
    """For every segment the tensors that cross. Graph inputs come from, and outputs go to, the memory of ``hosts`` (CPUs)."""
    unit_of = {kernel: unit for unit, rows in segments for kernel in rows}
    readers = flow.readers()
    present: dict[str, set[str]] = {}
    found = []
    for unit, rows in segments:
        first = unit not in present
        here = present.setdefault(unit, set())
        sources = dict.fromkeys(root for kernel in rows for root in flow.reads[kernel])
        arriving = [root for root in sources if root not in here and _comes_from(flow, root, unit_of, unit, hosts)]
        made = [root for kernel in rows for root in flow.makes[kernel]]
        leaving = [root for root in made if any(unit_of[reader] != unit for reader in readers.get(root, [])) or (root in flow.outputs and unit not in hosts)]
        waits = any(unit_of[other] != unit for kernel in rows for other in flow.before[kernel])
        here.update(sources, made)
        found.append(Crossing(tuple(arriving), tuple(leaving), waits, first))
    return found


def _comes_from(flow: Dataflow, root: str, unit_of: dict[int, str], unit: str, hosts: set[str]) -> bool:
    """Whether a tensor comes from another unit (graph inputs lie with the hosts)."""
    if root not in flow.maker:
        return unit not in hosts
    return unit_of[flow.maker[root]] != unit


class EntryCosts:
    """Prices crossings on the units of one device."""

    def __init__(self, device: DeviceSpec, targets: dict[str, Target], runtime: str, precision: str) -> None:
        self.targets = targets
        self.bandwidth = float(device.memory.bandwidth_bytes_per_s)
        self.calls: dict[str, InvocationCosts] = {}
        for unit, target in targets.items():
            self.calls[unit] = invocation_costs(device, unit, precision=precision, runtime=target.delegate.cost_name or runtime)

    def entry(self, unit: str, arriving: list[Tensor], leaving: list[Tensor], *, first: bool, waits: bool) -> Entry:
        """The price of entering ``unit`` with tensors that must be handed over."""
        delegate, call = self.targets[unit].delegate, self.calls[unit]
        seconds = call.fixed_s or float(delegate.entry_s)
        host = not delegate.copies
        if (host and waits) or (not host and not first):
            seconds += float(delegate.switch_s)
        if host:
            return Entry(seconds, 0.0)
        size = sum(tensor.bytes for tensor in (*arriving, *leaving))
        return Entry(seconds + self._handing_over(call, arriving, leaving, size), 2 * size)

    def _handing_over(self, call: InvocationCosts, arriving: list[Tensor], leaving: list[Tensor], size: float) -> float:
        """The fitted cost per element where there is one, else reading and writing the bytes once at the memory's bandwidth."""
        if call.s_per_input_element or call.s_per_output_element or call.s_per_byte:
            elements = [sum(tensor.elements for tensor in tensors) for tensors in (arriving, leaving)]
            return call.s_per_input_element * elements[0] + call.s_per_output_element * elements[1] + call.s_per_byte * size
        return 2 * size / self.bandwidth


def host_units(targets: dict[str, Target]) -> set[str]:
    """Units that work in the memory where the graph's inputs and outputs lie."""
    return {unit for unit, target in targets.items() if not target.delegate.copies}


def segment_entries(flow: Dataflow, segments: Segments, costs: EntryCosts) -> list[Entry]:
    """The entry of every segment."""
    tensors = flow.graph.tensors
    entries = []
    for (unit, _), crossing in zip(segments, crossings(flow, segments, host_units(costs.targets)), strict=True):
        arriving, leaving = ([tensors[name] for name in names] for names in (crossing.arriving, crossing.leaving))
        entries.append(costs.entry(unit, arriving, leaving, first=crossing.first, waits=crossing.waits))
    return entries
