"""Graph x device x runtime -> Program: lower, place, partition, plan memory, price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from device_models.compute import KernelCosts, kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
from device_models.work import Work, macs_by_format
from sim.compiler import heft  # noqa: F401  (it fills the table of placement policies)
from sim.compiler.cost import as_computed, busy_cores, longest_path, take_costs, unit_costs, uses_zeros, weights_read
from sim.compiler.crossing import EntryCosts, segment_entries
from sim.compiler.dataflow import Dataflow, dataflow_of
from sim.compiler.liveness import live_bytes, requirements
from sim.compiler.load import UnitUse, load_of, overwritten_bytes, weights_in_place
from sim.compiler.memory_plan import plan_memory
from sim.compiler.notes import capacity_notes, preference_notes, program_notes, sparsity_notes
from sim.compiler.partition import partition, segment_dependencies
from sim.compiler.pipeline import AS_STORED, lower, pipeline_for, resolve_runtime
from sim.compiler.placement import FALLBACK, Placed, Request, place
from sim.compiler.plan_check import check_plan
from sim.compiler.program import Kernels, MemoryPlan, Program, Segment
from sim.compiler.runtimes import Runtime
from sim.compiler.support import support_of, targets_of
from sim.compiler.working_memory import working_bytes
from sim.errors import EdgesimError, ModelError
from sim.graph.ir import Graph
from sim.graph.storage import stored_file_bytes
from sim.graph.work import graph_work
from sim.scenario.model import Placement


@dataclass(frozen=True)
class _Layout:
    """Segments in program order: kernels (positions in the flow), dependencies, and the memory plan that fits them."""

    segments: list[tuple[str, list[int]]]
    after: list[tuple[int, ...]]
    plan: MemoryPlan
    live: np.ndarray  # [rows]

    @property
    def order(self) -> np.ndarray:
        return np.array([kernel for _, rows in self.segments for kernel in rows], dtype=int)


def compile_model(
    graph: Graph,
    device: DeviceSpec,
    *,
    runtime: str | None = None,
    precision: str = AS_STORED,
    placement: Placement | None = None,
    threads: int | None = None,
    name: str = "",
    weights_elsewhere: Mapping[str, float] | None = None,
) -> Program:
    """The program a runtime makes of ``graph`` for ``device``.

    ``runtime``: the device's first if None; ``precision``: ``as_stored`` or a number format the runtime converts to;
    ``placement``: which units (the runtime's own preference if it names none); ``threads``: CPU threads; ``weights_elsewhere``: bytes of
    weights that a whole run reads on each unit beyond those of ``graph``, where that is only a part of what runs.
    Raises EdgesimError for an unknown or unsuitable runtime, unit or precision, ModelError where an operator runs nowhere.
    """
    lowered = lower_model(graph, runtime_for(device, runtime), precision)
    return compile_lowered(lowered, device, placement=placement, threads=threads, name=name, weights_elsewhere=weights_elsewhere)


def runtime_for(device: DeviceSpec, name: str | None = None) -> Runtime:
    """The runtime that is asked for, the device's first if None. Raises EdgesimError where it does not exist, or not for this device."""
    engine = resolve_runtime(name or device.runtimes[0])
    _refuse_foreign(engine, device)
    return engine


@dataclass(frozen=True)
class Lowered:
    """A graph as a runtime executes it, before any device is known; one serves any number of devices, placements and thread counts."""

    graph: Graph
    engine: Runtime
    precision: str
    flow: Dataflow
    work: Work
    layouts: dict[tuple[tuple[str, ...], frozenset[int]], _Layout] = field(default_factory=dict, repr=False, compare=False)  # by where kernels run


def lower_model(graph: Graph, engine: Runtime, precision: str = AS_STORED) -> Lowered:
    """The passes of ``engine`` for ``precision``, and the work of each kernel. Raises EdgesimError, ModelError as :func:`compile_model`."""
    lowered = lower(graph, engine, precision)
    ops, work = graph_work(lowered)
    if not ops:
        raise ModelError(f"{graph.name}: nothing to run: every operator is a view of stored data")
    flow = dataflow_of(lowered, ops)
    return Lowered(graph, engine, precision, flow, replace(work, on_longest_path=longest_path(flow)))


def compile_lowered(
    lowered: Lowered,
    device: DeviceSpec,
    *,
    placement: Placement | None = None,
    threads: int | None = None,
    name: str = "",
    weights_elsewhere: Mapping[str, float] | None = None,
) -> Program:
    """The program of a lowered graph on ``device``; see :func:`compile_model`."""
    engine, flow = lowered.engine, lowered.flow
    _refuse_foreign(engine, device)
    support = support_of(flow.graph, flow.ops, lowered.work, targets_of(device, engine))
    request = Request(device, engine, placement or Placement(), flow, lowered.work, support, threads, lowered.precision)
    placed = place(request)
    where = (tuple(placed.units), placed.cut)
    if where not in lowered.layouts:  # nothing in it depends on how fast a unit is, or what else the device has
        lowered.layouts[where] = _lay_out(request, placed)
    layout = lowered.layouts[where]
    pipeline = tuple(str(step) for step in pipeline_for(engine, lowered.precision, "training" in lowered.graph.notes))
    return _program(request, placed, layout, lowered.graph, name, pipeline, _weights_read(request, layout, weights_elsewhere or {}))


def _refuse_foreign(engine: Runtime, device: DeviceSpec) -> None:
    if engine.name not in device.runtimes:
        raise EdgesimError(f"runtime {engine.name} does not exist for {device.name}; its runtimes: {', '.join(device.runtimes)}")
    if not targets_of(device, engine):
        served = sorted({kind for delegate in engine.delegates for kind in delegate.units})
        present = sorted({unit.kind for unit in device.units.values()})
        raise EdgesimError(f"runtime {engine.name} runs on {', '.join(served)}; {device.name} has {', '.join(present)}")


def _lay_out(request: Request, placed: Placed) -> _Layout:
    segments = partition(request.flow, placed.units, placed.cut)
    after = segment_dependencies(request.flow, segments)
    arena = request.runtime.arena
    found, shares = requirements(request.flow, segments, after, in_place=arena.in_place, alignment=arena.alignment_bytes)
    plan = replace(plan_memory(found), shares=tuple(shares.items()))
    ordered = [request.flow.ops[kernel] for _, rows in segments for kernel in rows]
    return _Layout(segments, after, check_plan(plan, request.flow.graph, ordered), live_bytes(found, len(ordered)))


def _weights_read(request: Request, layout: _Layout, elsewhere: Mapping[str, float]) -> dict[str, float]:
    by_unit: dict[str, list[int]] = {}
    for unit, rows in layout.segments:
        by_unit.setdefault(unit, []).extend(rows)
    return {unit: weights_read(request.flow, rows, request.support.targets[unit]) + elsewhere.get(unit, 0.0) for unit, rows in by_unit.items()}


def _program(request: Request, placed: Placed, layout: _Layout, graph: Graph, name: str, pipeline: tuple[str, ...], weights: dict[str, float]) -> Program:
    flow, device, engine = request.flow, request.device, request.runtime
    work = _work(request, layout)
    costs = _costs(request, work, layout, weights)
    segments = _segments(request, placed, layout, work, costs)
    stored = flow.graph.stored_bytes()
    structure_bytes = float(graph.notes.get("structure_bytes", 0)) if request.precision == AS_STORED else 0.0
    load = load_of(device, engine, stored_file_bytes(flow.graph, engine.stored_forms), _units_used(request, segments), structure_bytes)
    ops = [flow.ops[kernel] for kernel in layout.order]
    state_bytes = float(sum(tensor.bytes for tensor in flow.graph.tensors.values() if tensor.role == "state"))
    if weights_in_place(device, engine):  # what is trained cannot stay in storage
        state_bytes += overwritten_bytes(flow.graph)
    working = working_bytes(engine.arena, work, layout.plan)
    resident_bytes = layout.plan.arena_bytes + working + state_bytes + (0.0 if weights_in_place(device, engine) else stored)
    notes = (
        *capacity_notes(device, load.storage_bytes, resident_bytes),
        *preference_notes(request.placement.prefer, request.order, device, engine.name),
        *sparsity_notes(segments, work, {unit: tuple(target.spec.sparsity) for unit, target in request.support.targets.items() if uses_zeros(target)}),
        *program_notes(flow.graph, device, segments, work),
    )
    return Program(
        name=name or graph.name,
        model=graph.name,
        runtime=engine.name,
        precision=request.precision,
        segments=segments,
        kernels=Kernels(tuple(op.name for op in ops), tuple(op.label for op in ops), work),
        plan=layout.plan,
        weights_bytes=stored,
        state_bytes=state_bytes,
        working_bytes=working,
        storage_bytes=load.storage_bytes,
        load_s=load.load_s,
        first_inference_s=load.first_inference_s,
        macs=float(request.work.macs.sum()),
        parameters=graph.parameters(),
        pipeline=pipeline,
        notes=notes,
        graph=flow.graph,
        weights_in_place=weights_in_place(device, engine),
        weights_read=weights,
    )


def _units_used(request: Request, segments: tuple[Segment, ...]) -> list[UnitUse]:
    """What each unit does in one inference at its highest clock."""
    used = []
    for unit in dict.fromkeys(segment.unit for segment in segments):
        mine = [segment for segment in segments if segment.unit == unit]
        hz = max_frequency_hz(request.device, unit)
        warm_s = sum(float(kernel_seconds(segment.costs, hz).sum()) for segment in mine)
        used.append(UnitUse(request.support.targets[unit].delegate, sum(len(segment) for segment in mine), warm_s))
    return used


def _work(request: Request, layout: _Layout) -> Work:
    """Rows in program order, with the bytes alive, in the formats each unit computes in."""
    work = replace(request.work.take(layout.order), live_bytes=layout.live)
    parts, start = [], 0
    for unit, rows in layout.segments:
        parts.append(as_computed(work.take(slice(start, start + len(rows))), request.support.targets[unit]))
        start += len(rows)
    return Work(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Work)})


def _costs(request: Request, work: Work, layout: _Layout, weights: Mapping[str, float]) -> list[KernelCosts]:
    """Costs of every segment; kernels of one unit are priced together."""
    starts = np.cumsum([0, *(len(rows) for _, rows in layout.segments)])
    by_unit: dict[str, list[int]] = {}
    for index, (unit, _) in enumerate(layout.segments):
        by_unit.setdefault(unit, []).append(index)
    found: list[KernelCosts | None] = [None] * len(layout.segments)
    for unit, indices in by_unit.items():
        rows = np.concatenate([np.arange(starts[index], starts[index + 1]) for index in indices])
        target = request.support.targets[unit]
        costs = unit_costs(work.take(rows), request.device, target, request.runtime, request.precision, request.threads, weights[unit])
        position = 0
        for index in indices:
            length = len(layout.segments[index][1])
            found[index] = take_costs(costs, slice(position, position + length))
            position += length
    return [costs for costs in found if costs is not None]


def _segments(request: Request, placed: Placed, layout: _Layout, work: Work, costs: list[KernelCosts]) -> tuple[Segment, ...]:
    prices = EntryCosts(request.device, request.support.targets, request.runtime.name, request.precision)
    entries = segment_entries(request.flow, layout.segments, prices)
    segments, start = [], 0
    for index, (unit, rows) in enumerate(layout.segments):
        target = request.support.targets[unit]
        segments.append(
            Segment(
                index=index,
                unit=unit,
                first=start,
                stop=start + len(rows),
                after=layout.after[index],
                costs=costs[index],
                entry_s=entries[index].seconds,
                entry_bytes=entries[index].moved_bytes,
                why=_reasons(placed.why[kernel] for kernel in rows),
                cores=busy_cores(target, request.runtime, request.threads),
                macs=macs_by_format(work.take(slice(start, start + len(rows)))),
            )
        )
        start += len(rows)
    return tuple(segments)


def _reasons(reasons: Iterable[str]) -> str:
    """Each reason once; that they are fallbacks is said at the beginning only."""
    each = list(dict.fromkeys(reasons))
    fallen = list(dict.fromkeys(part for reason in each if reason.startswith(FALLBACK) for part in reason.removeprefix(FALLBACK).split("; ")))
    others = [reason for reason in each if not reason.startswith(FALLBACK)]
    return "; ".join(others + ([FALLBACK + "; ".join(fallen)] if fallen else []))
