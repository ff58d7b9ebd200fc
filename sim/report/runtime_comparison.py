"""One model under several runtimes: what each makes of it, where the partitions differ, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.graph.ir import Graph, Op
from sim.report.model_metrics import program_metrics
from sim.report.operator_profile import operator_profile

ABSENT = "-"  # an operator that a runtime's passes removed


@dataclass(frozen=True)
class RuntimeRow:
    """A program. ``first_s``: the whole first inference; ``fallbacks_count``: kernels off the unit the runtime prefers."""

    runtime: str
    segments_count: int
    kernels_count: int
    fused_count: int
    units_kernels_count: Mapping[str, int]
    fallbacks_count: int
    arena_bytes: float
    storage_bytes: float
    load_s: float
    first_s: float
    latency_s: float
    entries_s: float
    energy_j: float


@dataclass(frozen=True)
class RangeRow:
    """Consecutive operators of the model that every runtime keeps on one unit each: ``units`` and ``reasons`` by runtime."""

    first: str
    last: str
    operators_count: int
    units: Mapping[str, str]
    reasons: Mapping[str, str]
    differs: bool


@dataclass(frozen=True)
class FusionRow:
    """An operator type that the runtimes treat differently: kernels of its own, and operators that are part of another kernel."""

    operator: str
    kernels_count: Mapping[str, int]
    inside_count: Mapping[str, int]


@dataclass(frozen=True)
class FallbackRow:
    """Why kernels of a runtime left the unit it prefers."""

    runtime: str
    unit: str
    kernels_count: int
    operators: str
    why: str


@dataclass(frozen=True)
class RuntimeComparison:
    """``refused``: runtimes that cannot run the model, with the reason."""

    model: str
    rows: tuple[RuntimeRow, ...]
    partitions: tuple[RangeRow, ...]
    fusions: tuple[FusionRow, ...]
    fallbacks: tuple[FallbackRow, ...]
    refused: Mapping[str, str]


def compare_runtimes(graph: Graph, programs: Mapping[str, Program], device: DeviceSpec, refused: Mapping[str, str]) -> RuntimeComparison:
    """``programs``: of the same ``graph`` on ``device``, by runtime."""
    return RuntimeComparison(
        model=graph.name,
        rows=tuple(_row(program, device) for program in programs.values()),
        partitions=_partitions(graph, programs),
        fusions=_fusions(programs),
        fallbacks=tuple(row for program in programs.values() for row in _fallbacks(program)),
        refused=dict(refused),
    )


def _row(program: Program, device: DeviceSpec) -> RuntimeRow:
    profile, metrics = operator_profile(program, device), program_metrics(program, device)
    return RuntimeRow(
        runtime=program.runtime,
        segments_count=len(program.segments),
        kernels_count=len(program.kernels.names),
        fused_count=sum(label.count("+") for label in program.kernels.labels),
        units_kernels_count=dict(metrics.units_kernels_count),
        fallbacks_count=sum(len(segment) for segment in program.segments if segment.why.startswith("fallback")),
        arena_bytes=float(program.plan.arena_bytes),
        storage_bytes=program.storage_bytes,
        load_s=program.load_s,
        first_s=profile.makespan_s + program.first_inference_s,
        latency_s=profile.makespan_s,
        entries_s=sum(segment.entry_s for segment in program.segments),
        energy_j=profile.energy_j,
    )


def _ops(program: Program) -> dict[str, Op]:
    return {} if program.graph is None else {op.name: op for op in program.graph.ops}


def _places(program: Program) -> dict[str, tuple[str, str]]:
    """Unit and reason of every operator by its name, fused ones too, and by the tensors they make where no operator has that name."""
    ops, named, made = _ops(program), dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    for segment in program.segments:
        for name in program.kernels.names[segment.first : segment.stop]:
            op = ops.get(name)
            parts = (op, *op.fused) if op is not None else ()
            named |= dict.fromkeys((name, *(part.name for part in parts)), (segment.unit, segment.why))
            made |= dict.fromkeys((output for part in parts for output in part.outputs), (segment.unit, segment.why))
    return made | named


def _partitions(graph: Graph, programs: Mapping[str, Program]) -> tuple[RangeRow, ...]:
    """The model's operators in order, cut where a runtime changes its unit."""
    places = {name: _places(program) for name, program in programs.items()}
    ranges: list[tuple[list[str], dict[str, str], dict[str, str]]] = []
    for op in graph.ops:
        here = {name: next((table[key] for key in (op.name, *op.outputs) if key in table), (ABSENT, "")) for name, table in places.items()}
        units = {name: unit for name, (unit, _) in here.items()}
        if ranges and all(ABSENT in (unit, ranges[-1][1][name]) or unit == ranges[-1][1][name] for name, unit in units.items()):
            names, before, reasons = ranges[-1]
            names.append(op.name)
        else:
            names, before, reasons = [op.name], dict.fromkeys(programs, ABSENT), dict.fromkeys(programs, "")
            ranges.append((names, before, reasons))
        for name, (unit, why) in here.items():
            if before[name] == ABSENT:
                before[name], reasons[name] = unit, why
    return tuple(
        RangeRow(names[0], names[-1], len(names), units, reasons, len({unit for unit in units.values() if unit != ABSENT}) > 1)
        for names, units, reasons in ranges
    )


def _fusions(programs: Mapping[str, Program]) -> tuple[FusionRow, ...]:
    heads = {name: Counter(label.split("+")[0] for label in program.kernels.labels) for name, program in programs.items()}
    inside = {name: Counter(part for label in program.kernels.labels for part in label.split("+")[1:]) for name, program in programs.items()}
    kinds = dict.fromkeys(kind for table in (*heads.values(), *inside.values()) for kind in table)
    rows = [FusionRow(kind, {name: heads[name][kind] for name in programs}, {name: inside[name][kind] for name in programs}) for kind in kinds]
    differing = [row for row in rows if len(set(row.kernels_count.values())) > 1 or len(set(row.inside_count.values())) > 1]
    return tuple(sorted(differing, key=lambda row: row.operator))


def _fallbacks(program: Program) -> list[FallbackRow]:
    found: dict[tuple[str, str], list[str]] = {}
    for segment in program.segments:
        if segment.why.startswith("fallback"):
            found.setdefault((segment.unit, segment.why.removeprefix("fallback: ")), []).extend(program.kernels.labels[segment.first : segment.stop])
    rows = []
    for (unit, why), labels in found.items():
        counts = Counter(label.split("+")[0] for label in labels)
        shown = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in counts.most_common(4)) + (", ..." if len(counts) > 4 else "")
        rows.append(FallbackRow(program.runtime, unit, len(labels), shown, why))
    return rows
