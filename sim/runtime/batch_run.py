"""A batch at work: it runs as one stage run does, for all its requests at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.runtime.execution import Execution
from sim.runtime.request import Request, StagePlan, StageRun

if TYPE_CHECKING:
    from sim.runtime.batch_server import BatchServer
    from sim.runtime.replica import Replica
    from sim.runtime.source import Source

Member = tuple[float, StageRun]  # since when it waited, and what waited


class StandIn:
    """Stands for the requests of a batch where a unit asks for one: the first one's number, the nearest deadline, all of the energy."""

    __slots__ = ("arrival_s", "deadline_s", "energy_j", "number", "source")

    def __init__(self, members: list[Member]) -> None:
        requests = [run.request for _, run in members]
        self.number = requests[0].number
        self.source: Source = requests[0].source
        self.arrival_s = min([request.arrival_s for request in requests])
        self.deadline_s = min([request.deadline_s for request in requests])
        self.energy_j = 0.0


class BatchRun(StageRun):
    """``members``: those still in it. Whoever is given up before the batch begins leaves it; then there is more padding."""

    __slots__ = ("begun", "begun_s", "delayed", "formed_s", "fresh", "members", "over", "replica", "server", "size")

    def __init__(self, server: BatchServer, replica: Replica, plan: StagePlan, size: int, members: list[Member], now: float) -> None:
        self.server, self.replica, self.size, self.members = server, replica, size, members
        self.formed_s = now
        self.begun_s = math.nan
        self.begun = self.over = False
        self.delayed = False  # because its model was not there, or not warm
        self.fresh: list[Request] = []  # requests that begin to run with it
        super().__init__(StandIn(members), plan, 0)  # type: ignore[arg-type]  # has what units and the recorder look at

    def upward_rank_s(self, segment: object) -> float:
        """Longest path to the end of its first request."""
        return segment.rank_s + self.members[0][1].plan.after_s  # type: ignore[attr-defined,no-any-return]

    def may_run(self, execution: Execution) -> bool:
        """Asked when a unit takes it from the queue: not if all its requests were given up, or its model is not in memory yet."""
        if self.over:
            return False
        if self.begun:
            if execution.piece_row < 0:
                execution.piece_row = execution.segment.first_row
            return True
        if not self._live():
            self.over = True
            self.server.abandoned(self)
            return False
        if not self.admitted and not self._admit(execution):
            return False
        if execution.piece_row < 0:
            execution.piece_row = execution.segment.first_row
        self._begin()
        execution.begins_request = True
        return True

    def _live(self) -> bool:
        """Whether anybody is left, after those that do not want it any more."""
        kept = []
        for member in self.members:
            request = member[1].request
            if not (request.ended or (request.start_s != request.start_s and request.source.gives_up(request))):
                kept.append(member)
        if len(kept) < len(self.members):
            self.members = kept
            if kept:
                self.request.number = kept[0][1].request.number
        return bool(kept)

    def _begin(self) -> None:
        now = self.server.clock._now
        self.begun, self.begun_s = True, now
        for _, run in self.members:
            request = run.request
            if request.start_s != request.start_s:  # NaN: has not begun to run
                request.start_s = now
                self.fresh.append(request)

    def displaced(self, execution: Execution) -> None:
        """Taken off the unit again at the moment it came, with nothing done."""
        if execution.begins_request and self.begun_s == execution.started_s:
            execution.begins_request = self.begun = False
            for request in self.fresh:
                request.start_s = math.nan
            self.fresh.clear()

    def _admit(self, execution: Execution) -> bool:
        instance = self.plan.instance
        assert instance is not None
        if not self.server.residency.admit(instance, execution):
            self.delayed = True
            return False
        self.admitted = True
        if instance.cold:
            self.server.residency.warm_up(instance)
            self.delayed = True
            execution.segment = execution.placed.cold
        return True

    def run_done(self) -> None:
        """The batch is through."""
        if self.plan.instance is not None:
            self.server.residency.release(self.plan.instance)
        self.server.through(self)

    def share_energy(self) -> None:
        """What it took, in equal parts to its requests."""
        each_j = self.request.energy_j / len(self.members)
        for _, run in self.members:
            run.request.energy_j += each_j
        self.request.energy_j = 0.0
