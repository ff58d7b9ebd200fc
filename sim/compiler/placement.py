"""Placement policies: which unit runs each kernel. One function each, in the table :data:`PLACEMENTS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from device_models.spec import DeviceSpec
from device_models.work import DType, Work
from sim.compiler.dataflow import Dataflow
from sim.compiler.partition import partition
from sim.compiler.runtimes import Runtime, runtime
from sim.compiler.runtimes.spec import UnitKind
from sim.compiler.support import Support, Target, has_operators, units_of_kind
from sim.errors import EdgesimError, ModelError, Problem
from sim.registry import Registry, near_names
from sim.scenario.model import Placement

FIRST_CHOICE = "first choice"
FALLBACK = "fallback: "
UNIT_KINDS: tuple[str, ...] = get_args(UnitKind)
_FALLBACK_KINDS = ("cpu", "mcu")


@dataclass(frozen=True)
class Request:
    """Everything a placement policy may look at."""

    device: DeviceSpec
    runtime: Runtime
    placement: Placement
    flow: Dataflow
    work: Work
    support: Support
    threads: int | None
    precision: str

    @property
    def order(self) -> tuple[str, ...]:
        """Units from the favourite to the last resort."""
        return preferred_units(self.device, self.support.targets, self.placement.prefer or self.runtime.prefer)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Units the policy may use: the preferred ones; without a stated preference ``heft`` may use the strongest unit of each kind."""
        if self.placement.policy == "prefer" or self.placement.prefer:
            return self.order
        kinds = dict.fromkeys(target.spec.kind for target in self.support.targets.values())
        return tuple(units_of_kind(self.device, kind)[0] for kind in kinds)


@dataclass(frozen=True)
class Placed:
    """The unit of each kernel, why it runs there, and where segments must end."""

    units: list[str]
    why: list[str]
    cut: frozenset[int] = frozenset()  # kernels that end their segment, so that other units need not wait for what follows


PLACEMENTS: Registry[Callable[[Request], Placed]] = Registry("placement policy")


def place(request: Request) -> Placed:
    """Units for all kernels: the scenario's policy, then what it fixes by name. Raises ModelError where no unit can run a kernel."""
    _refuse_unplaceable(request)
    placed = PLACEMENTS[request.placement.policy](request)
    return _with_fixed(request, placed)


def preferred_units(device: DeviceSpec, targets: dict[str, Target], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Unit names for names or kinds in order of preference, the fallback units at the end. Raises EdgesimError for an unknown one."""
    order: list[str] = []
    for name in wanted:
        matching = [name] if name in targets else [unit for unit in units_of_kind(device, name) if unit in targets]
        if not matching and name not in UNIT_KINDS:
            raise EdgesimError(f"placement: no unit {name!r}; {near_names(name, {*targets, *(target.spec.kind for target in targets.values())})}")
        order += matching[:1]
    for kind in _FALLBACK_KINDS:
        order += [unit for unit in units_of_kind(device, kind) if unit in targets][:1]
    order += [] if order else list(targets)[:1]
    return tuple(dict.fromkeys(order))


@PLACEMENTS.register("prefer")
def prefer(request: Request) -> Placed:
    """Each kernel on the first unit of the preference that can run it; partitions smaller than the delegate takes go to the next."""
    return by_preference(request, request.order)


def by_preference(request: Request, order: tuple[str, ...]) -> Placed:
    """As :func:`prefer`, for units from the favourite to the last resort."""
    support = request.support
    banned: dict[tuple[str, int], str] = {}
    while True:
        placed = _first_choices(request, order, banned)
        refused = _refused_partitions(request, placed)
        new = {(unit, kernel): why for unit, kernel, why in refused if (unit, kernel) not in banned and _elsewhere(support, order, unit, kernel)}
        if not new:
            return placed
        banned |= new


def _first_choices(request: Request, order: tuple[str, ...], banned: dict[tuple[str, int], str]) -> Placed:
    units, reasons = [], []
    for kernel in range(len(request.flow.ops)):
        refused = []
        for unit in order:
            why = request.support.reasons[unit][kernel] or banned.get((unit, kernel), "")
            if not why:
                break
            refused.append(why)
        units.append(unit)
        reasons.append(FALLBACK + "; ".join(refused) if refused else FIRST_CHOICE)
    return Placed(units, reasons)


def _elsewhere(support: Support, order: tuple[str, ...], unit: str, kernel: int) -> bool:
    return any(support.runs(other, kernel) for other in order if other != unit)


def _refused_partitions(request: Request, placed: Placed) -> list[tuple[str, int, str]]:
    """Kernels in partitions that are too small for their delegate, or one too many for it: (unit, kernel, why)."""
    by_unit: dict[str, list[list[int]]] = {}
    for unit, rows in partition(request.flow, placed.units):
        by_unit.setdefault(unit, []).append(rows)
    found = []
    for unit, partitions in by_unit.items():
        delegate = request.support.targets[unit].delegate
        for rank, rows in enumerate(sorted(partitions, key=len, reverse=True)):
            if len(rows) < delegate.min_operators:
                why = f"{delegate.name} takes partitions of at least {delegate.min_operators} operators, this one has {len(rows)}"
            elif delegate.max_partitions is not None and rank >= delegate.max_partitions:
                why = f"{delegate.name} takes at most {delegate.max_partitions} partitions, this one is smaller than those"
            else:
                continue
            found += [(unit, kernel, why) for kernel in rows]
    return found


def _with_fixed(request: Request, placed: Placed) -> Placed:
    if not request.placement.fixed:
        return placed
    units, why = list(placed.units), list(placed.why)
    problems = []
    for pattern, wanted in request.placement.fixed.items():
        unit = preferred_units(request.device, request.support.targets, (wanted,))[0]
        if wanted not in (unit, request.support.targets[unit].spec.kind):
            problems.append(f"placement fixes {pattern} on {wanted}, which {request.device.name} does not have or {request.runtime.name} does not use")
            continue
        rows = [index for index, op in enumerate(request.flow.ops) if fnmatchcase(op.name, pattern)]
        if not rows:
            problems.append(f"placement: no operator is named like {pattern!r}; {near_names(pattern, [op.name for op in request.flow.ops[:200]])}")
        for index in rows:
            if reason := request.support.reasons[unit][index]:
                problems.append(f"placement fixes {request.flow.ops[index].name} on {unit}: {reason}")
            units[index], why[index] = unit, f"fixed by {pattern!r}"
    if problems:
        raise ModelError([Problem(what=what) for what in problems[:20]])
    return Placed(units, why, placed.cut)


def _refuse_unplaceable(request: Request) -> None:
    allowed = request.allowed
    stuck = [index for index in range(len(request.flow.ops)) if not any(request.support.runs(unit, index) for unit in allowed)]
    if not stuck:
        return
    problems = []
    for index in stuck[:10]:
        op = request.flow.ops[index]
        reasons = "; ".join(dict.fromkeys(f"{unit}: {request.support.reasons[unit][index]}" for unit in allowed))
        what = f"operator {op.name} ({op.label}) runs on no unit of {request.device.name} under {request.runtime.name}: {reasons}"
        problems.append(Problem(path=request.flow.graph.name, what=what))
    if len(stuck) > 10:
        problems.append(Problem(path=request.flow.graph.name, what=f"and {len(stuck) - 10} operators more"))
    problems.append(Problem(path=request.flow.graph.name, what=_way_out(request, stuck)))
    raise ModelError(problems)


def _way_out(request: Request, stuck: list[int]) -> str:
    """Which other runtimes of the device have the operators that this one has not."""
    kinds = dict.fromkeys(part.type for index in stuck for part in (request.flow.ops[index], *request.flow.ops[index].fused))
    formats = dict.fromkeys(DType(request.work.dtype[index]) for index in stuck)
    others = [name for name in request.device.runtimes if name != request.runtime.name]
    able = [name for name in others if has_operators(request.device, runtime(name), tuple(kinds), tuple(formats))]
    operators = ", ".join(kinds)
    if able:
        return f"runtimes of {request.device.name} that have {operators}: {', '.join(able)}; or take another precision, or cut the model before them"
    return (
        f"no runtime of {request.device.name} has {operators} in {', '.join(form.name.lower() for form in formats)}; take another precision, or cut the model"
    )
