"""Steps on their way through the units: what units, the recorder and schedulers see of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.runtime.execution import Execution
from sim.runtime.generation.step_timings import Undecided
from sim.runtime.timing import Timing

if TYPE_CHECKING:
    from sim.runtime.generation.server import GenerationServer
    from sim.runtime.request import StagePlan, StageSegment
    from sim.runtime.source import Source


class StepExecution(Execution):
    """Steps on one unit. ``times_s``: when each row from ``noted`` - ``len(times_s)`` on ended.

    It gives way at the next border to whatever else is submitted to the unit, as the steps one by one would.
    """

    __slots__ = ("noted", "times_s")
    gives_way = True

    def __init__(self, run: StepRun, placed: StageSegment) -> None:
        super().__init__(run, placed)  # type: ignore[arg-type]  # a StepRun is what units need of a StageRun
        self.noted = 0
        self.times_s: list[float] = []

    @property
    def decided(self) -> bool:
        """Whether it is known what it does."""
        return not isinstance(self.segment, Undecided)

    def place(self, now: float, row: float, timing: Timing) -> None:
        self.collect(int(row))
        super().place(now, row, timing)

    def collect(self, row: int) -> None:
        """Rows before ``row`` have ended, those not yet noted with the timing it has now."""
        if row > self.noted and self.timing is not None:
            ends_s, origin_s = self.timing.ends_s, self.origin_s
            self.times_s += [origin_s + ends_s[border] * self.scale for border in range(self.noted + 1, row + 1)]
            self.noted = row


class BatchRequest:
    """Stands for all requests of the batch: the earliest arrival, the first deadline, the most urgent workload, the energy of all."""

    __slots__ = ("arrival_s", "deadline_s", "ended", "energy_j", "number", "source", "start_s")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.number = -1
        self.arrival_s = self.deadline_s = math.inf
        self.energy_j = 0.0
        self.ended = False
        self.start_s = math.nan


class StepRun:
    """What a :class:`~sim.runtime.request.StageRun` is to a program: the steps of a batch. ``repeat`` numbers them."""

    __slots__ = ("_server", "plan", "repeat", "request")

    def __init__(self, server: GenerationServer, plan: StagePlan, request: BatchRequest, repeat: int) -> None:
        self._server, self.plan, self.request, self.repeat = server, plan, request, repeat

    def may_run(self, execution: StepExecution) -> bool:
        """Asked when the unit takes it up: what it does is decided then."""
        return self._server.take_up(execution)

    def displaced(self, execution: StepExecution) -> None:
        """Taken off at the moment it came: what it does will be decided again."""

    def segment_done(self, execution: StepExecution) -> None:
        self._server.ended(execution)

    def upward_rank_s(self, segment: StageSegment) -> float:
        """An answer of mean length, and what follows it."""
        return self.plan.run_s + self.plan.after_s
