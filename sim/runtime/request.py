"""A request's way through its pipeline: stages, repeats, segments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.runtime.execution import Execution
from sim.runtime.memory import Instance
from sim.runtime.timing import SegmentTimings

if TYPE_CHECKING:
    from sim.runtime.source import Source
    from sim.runtime.unit import ComputeUnit


@dataclass(slots=True, eq=False)
class StageSegment:
    """A segment of a stage as the engine runs it. ``rank_s``: upward rank within one run of its program."""

    unit: ComputeUnit
    timings: SegmentTimings
    cold: SegmentTimings  # with what a first inference adds
    waits_for: int
    feeds: tuple[int, ...]
    rank_s: float


class StageServer(Protocol):
    """Runs stages in a way of its own, such as a radio, or a queue that makes batches."""

    def submit(self, run: StageRun) -> None:
        """A stage has come. The server asks ``run.may_be_served`` when it takes it up, and calls ``run.run_done`` when it is through."""


@dataclass(slots=True, eq=False)
class StagePlan:
    """A stage of a workload. ``instance`` is None for user code, which takes no memory here. ``after_s``: ranks what follows it.

    A stage with a ``server`` goes there instead of to the units of its segments; the bytes are of one transfer by radio.
    ``choose``: called when a request enters the stage, gives the plan to follow in place of this one. ``following``: called when the
    plan is through, gives the plan that goes on with the same stage, if any. ``variants``: all plans that these two may give.
    ``done``: called when the stage is through. ``spread``: draws what multiplies the length of a run.
    """

    index: int  # into Trace.stages
    segments: tuple[StageSegment, ...]
    roots: tuple[int, ...]
    instance: Instance | None
    repeat: int
    run_s: float  # one run over its longest path
    after_s: float = 0.0
    server: StageServer | None = None
    choose: Callable[[Request], StagePlan] | None = None
    following: Callable[[Request], StagePlan | None] | None = None
    variants: tuple[StagePlan, ...] = ()
    done: Callable[[Request], None] | None = None
    sent_bytes: float = 0.0
    received_bytes: float = 0.0
    spread: Callable[[], float] | None = None


@dataclass(slots=True, eq=False)
class Route:
    """The stages a request goes through, some of a pipeline's having been skipped by chance."""

    starts: tuple[int, ...]
    waits_for: tuple[int, ...]  # per stage
    feeds: tuple[tuple[int, ...], ...]
    stages: int


class Request:
    """One pass through a workload's pipeline.

    ``turn``: how many requests of its workload arrived before it. ``settled``: positions of stages whose answer was good enough, or that
    were left out because of it.
    """

    __slots__ = ("arrival_s", "deadline_s", "ended", "energy_j", "number", "route", "settled", "source", "start_s", "turn", "unfinished", "waiting")

    def __init__(self, number: int, source: Source, arrival_s: float, deadline_s: float, route: Route) -> None:
        self.number = number
        self.source = source
        self.arrival_s = arrival_s
        self.deadline_s = deadline_s
        self.route = route
        self.turn = 0
        self.settled: set[int] | None = None
        self.start_s = math.nan
        self.energy_j = 0.0
        self.ended = False
        self.unfinished = route.stages
        self.waiting: list[int] | None = list(route.waits_for) if route.stages > 1 else None

    def begin(self) -> None:
        for stage in self.route.starts:
            self.enter(stage)

    def enter(self, stage: int) -> None:
        plan = self.source.plans[stage]
        StageRun(self, plan if plan.choose is None else plan.choose(self), stage).begin()

    def stage_done(self, stage: int) -> None:
        if self.ended:  # refused in a stage beside this one
            return
        done = self.source.plans[stage].done
        if done is not None:
            done(self)
        self.unfinished -= 1
        if not self.unfinished:
            self.source.answered(self)
            return
        waiting = self.waiting
        assert waiting is not None
        for following in self.route.feeds[stage]:
            waiting[following] -= 1
            if not waiting[following]:
                self.enter(following)


class StageRun:
    """One stage of one request, all its repeats in turn."""

    __slots__ = ("admitted", "plan", "position", "repeat", "request", "unfinished", "waiting")

    def __init__(self, request: Request, plan: StagePlan, position: int) -> None:
        self.request = request
        self.plan = plan
        self.position = position
        self.repeat = 0
        self.admitted = plan.instance is None
        self.unfinished = 0
        self.waiting: list[int] | None = None

    def begin(self) -> None:
        """One run of the program, or one transfer."""
        if self.plan.server is not None:
            self.plan.server.submit(self)
            return
        segments = self.plan.segments
        self.unfinished = len(segments)
        if self.unfinished > 1:
            self.waiting = [segment.waits_for for segment in segments]
        for root in self.plan.roots:
            segment = segments[root]
            execution = Execution(self, segment)
            if self.plan.spread is not None:
                execution.scale = self.plan.spread()
            segment.unit.submit(execution)

    def upward_rank_s(self, segment: StageSegment) -> float:
        """Longest path from the start of a segment to the end of the request."""
        plan = self.plan
        return segment.rank_s + (plan.repeat - 1 - self.repeat) * plan.run_s + plan.after_s

    def may_run(self, execution: Execution) -> bool:
        """Asked when a unit takes it from the queue: not if its request was given up, or if its model is not in memory yet."""
        request = self.request
        if request.ended:
            return False
        new = request.start_s != request.start_s  # NaN: has not begun to run
        if new and request.source.gives_up(request):
            return False
        if not self.admitted and not self._admit(execution):
            return False
        if execution.piece_row < 0:
            execution.piece_row = execution.segment.first_row
        if new:
            request.start_s = request.source.clock._now
            execution.begins_request = True
        return True

    def may_be_served(self) -> bool:
        """Asked when a server takes it from its queue: not if its request was given up."""
        request = self.request
        if request.ended:
            return False
        if request.start_s != request.start_s:  # NaN: has not begun to run
            if request.source.gives_up(request):
                return False
            request.start_s = request.source.clock._now
        return True

    def displaced(self, execution: Execution) -> None:
        """Taken off the unit again at the moment it came, with nothing done."""
        if execution.begins_request and self.request.start_s == execution.started_s:
            execution.begins_request = False
            self.request.start_s = math.nan

    def _admit(self, execution: Execution) -> bool:
        instance = self.plan.instance
        assert instance is not None
        if not self.request.source.residency.admit(instance, execution):
            return False
        self.admitted = True
        if instance.cold:
            self.request.source.residency.warm_up(instance)
            execution.segment = execution.placed.cold
        return True

    def segment_done(self, execution: Execution) -> None:
        """A segment has ended: those that waited for it, or what follows the run."""
        self.unfinished -= 1
        if self.unfinished:
            waiting, segments = self.waiting, self.plan.segments
            assert waiting is not None
            for following in segments[execution.segment.index].feeds:
                waiting[following] -= 1
                if not waiting[following]:
                    segment = segments[following]
                    segment.unit.submit(Execution(self, segment))
            return
        self.run_done()

    def run_done(self) -> None:
        """A run of the program or a transfer has ended: the next repeat, or the next stage follow."""
        self.repeat += 1
        if self.repeat < self.plan.repeat:
            self.begin()
            return
        if self.plan.instance is not None:
            self.request.source.residency.release(self.plan.instance)
        following = self.plan.following
        if following is not None and (plan := following(self.request)) is not None:
            self.plan, self.repeat, self.admitted = plan, 0, plan.instance is None
            self.begin()
            return
        self.request.stage_done(self.position)


def route(dependencies: Sequence[tuple[int, ...]], taken: Sequence[bool]) -> Route:
    """The route when chance lets a request enter the stages that are ``taken``.

    A stage that is not entered takes along what follows only from stages that are skipped. ``dependencies`` may refer to later
    stages, but are free of circles.
    """
    skipped: dict[int, bool] = {}

    def skips(stage: int) -> bool:
        if stage not in skipped:
            before = dependencies[stage]
            skipped[stage] = not taken[stage] or (bool(before) and all(skips(other) for other in before))
        return skipped[stage]

    stages = [stage for stage in range(len(dependencies)) if not skips(stage)]
    waits = [tuple(other for other in dependencies[stage] if not skipped[other]) for stage in range(len(dependencies))]
    feeds = tuple(tuple(stage for stage in stages if other in waits[stage]) for other in range(len(dependencies)))
    return Route(tuple(stage for stage in stages if not waits[stage]), tuple(len(before) for before in waits), feeds, len(stages))
