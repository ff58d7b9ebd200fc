"""Stages that are left out because an answer before them was good enough: cascades of models, and caches of results.

A stage *settles* a request when its answer is sure (``exit``) or the result was there (``cache``). Then the stages that name it in
``unless`` are left out, or all that follow it where none does; a stage left out so settles what names it in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from sim.runtime.decisions import NO_ROW, Decisions, SureByTrace, TraceRows, right_column
from sim.runtime.early_exit import Started
from sim.runtime.request import Request, StagePlan, StageRun
from sim.scenario.adaptive import StageExit
from sim.scenario.model import Workload
from sim.scenario.settling import guards
from sim.workload.turns import DrawsByTurn

if TYPE_CHECKING:
    from sim.runtime.plans import Planner

SURE, UNSURE = 0, 1


def leave_when_settled(plans: Sequence[StagePlan], workload: Workload, name: str, planner: Planner) -> None:
    """Make the plans of a workload's stages heed ``exit`` and ``unless``."""
    guarded = guards(workload)
    for position, settling in enumerate(guarded):
        if settling:
            plans[position].choose = _unless_settled(plans[position], position, frozenset(settling))
    for position, stage in enumerate(workload.pipeline):
        if stage.exit is not None:
            plans[position].done = _exit(stage.exit, plans[position].index, position, workload, name, planner)
    for position, plan in enumerate(plans):
        if (cache := planner.caches.get(plan.index)) is not None:
            stood_for = [other for other, settling in enumerate(guarded) if position in settling]
            cache.stand_for(frozenset(stood_for))
            for other in stood_for:
                plans[other].done = _both(plans[other].done, cache.through)


class Filled(Protocol):
    """A cache as the stages see it that it stands for."""

    def stand_for(self, positions: frozenset[int]) -> None:
        """The stages that a hit leaves out."""

    def through(self, request: Request) -> None:
        """One of these stages is through with a request."""


def _both(first: Callable[[Request], None] | None, second: Callable[[Request], None]) -> Callable[[Request], None]:
    if first is None:
        return second

    def done(request: Request) -> None:
        first(request)
        second(request)

    return done


class LeftOut:
    """The server of a stage that does not run."""

    def __init__(self, position: int) -> None:
        self._position = position

    def submit(self, run: StageRun) -> None:
        settle(run.request, self._position)
        run.run_done()


def settle(request: Request, position: int) -> None:
    """The request needs no stage that waits for a better answer than that of ``position``."""
    if request.settled is None:
        request.settled = set()
    request.settled.add(position)


def was_settled(request: Request, position: int) -> bool:
    """Whether a stage was left out, or has settled the request."""
    return request.settled is not None and position in request.settled


def _unless_settled(plan: StagePlan, position: int, settling: frozenset[int]) -> Callable[[Request], StagePlan]:
    chosen = plan.choose
    skipped = StagePlan(plan.index, (), (), None, 1, 0.0, server=LeftOut(position))

    def choose(request: Request) -> StagePlan:
        if request.settled is not None and not settling.isdisjoint(request.settled):
            return skipped
        return plan if chosen is None else chosen(request)

    return choose


def _exit(use: StageExit, index: int, position: int, workload: Workload, name: str, planner: Planner) -> Callable[[Request], None]:
    names = workload.stage_names()
    decisions = Decisions(planner.board.recorder, planner.warmup_s, index, "exit", ("sure", "unsure"))
    decisions.decider.facts = {"accuracy": [use.accuracy, use.accuracy_unsure], "position": position, "by_trace": use.trace is not None}
    confidence = use.confidence
    if confidence is None:
        return _by_rate(float(use.rate or 0.0), f"exit/{name}/{names[position]}", position, decisions, planner)
    sure = SureByTrace(confidence, planner.directory)
    rows = TraceRows(confidence, len(sure), name, f"workloads.{name}.pipeline.{position}.exit.trace")
    planner.servers.append(Started(rows.start))
    final = final_answer(workload, use)
    own = right_column(planner.directory, confidence.trace, use.correct.get(names[position]))
    later = right_column(planner.directory, confidence.trace, None if final is None else use.correct.get(names[final]))

    def done(request: Request) -> None:
        if was_settled(request, position):
            return
        row = rows.at(request.turn)
        if sure.sure[row]:
            settle(request, position)
            decisions.made(request, SURE, row, own(row))
        else:
            decisions.made(request, UNSURE, row, later(row))

    return done


def _by_rate(rate: float, stream: str, position: int, decisions: Decisions, planner: Planner) -> Callable[[Request], None]:
    draws = DrawsByTurn(0, stream)

    def start(seed: int) -> None:
        nonlocal draws
        draws = DrawsByTurn(seed, stream)

    def done(request: Request) -> None:
        if was_settled(request, position):
            return
        if draws.at(request.turn) < rate:
            settle(request, position)
            decisions.made(request, SURE, NO_ROW)
        else:
            decisions.made(request, UNSURE, NO_ROW)

    planner.servers.append(Started(start))
    return done


def final_answer(workload: Workload, use: StageExit) -> int | None:
    """Position of the stage named in ``correct`` whose answer stands when no exit was sure."""
    names = workload.stage_names()
    found = [names.index(name) for name in use.correct if name in names and workload.pipeline[names.index(name)].exit is None]
    return found[0] if found else None
