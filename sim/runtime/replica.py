"""A replica of a model or of user code: a program for each compiled batch size, all on one unit (and what they need of others).

It runs one batch at a time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sim.runtime.request import StagePlan

if TYPE_CHECKING:
    from sim.runtime.batch_run import BatchRun

_REMEMBERED = 8  # batches of a replica from which it is learnt how much others slow it


@dataclass(slots=True, eq=False)
class Replica:
    """``plans``: by compiled size, in the order of the server's buckets."""

    plans: tuple[StagePlan, ...]
    run: BatchRun | None = None
    stretches: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))  # of its last batches
    by_stage: dict[tuple[int, int], StagePlan] = field(default_factory=dict)  # bucket, stage -> plan that says so in the trace

    def plan(self, bucket: int, stage: int) -> StagePlan:
        """The plan of the bucket at position ``bucket``, with spans of ``stage``."""
        plan = self.by_stage.get((bucket, stage))
        if plan is None:
            plan = self.by_stage[bucket, stage] = replace(self.plans[bucket], index=stage)
        return plan

    def batch_s(self, bucket: int, at_once: bool = False) -> float:
        """Of one batch at the present clocks, as much longer than alone as the worst of the last ones: others may use the unit as well.

        ``at_once``: of one that begins now, when it is known who uses the unit; so that what was learnt is also forgotten again.
        """
        return length_s(self.plans[bucket]) * (1.0 if at_once else max(self.stretches, default=1.0))

    def free_s(self, now: float) -> float:
        """When it will be: what its unit has to do now is done by then, whoever it is for, and its own batch is through."""
        free_s = now + max(segment.unit.backlog_s() for segment in self.plans[0].segments if not segment.waits_for)
        run = self.run
        return free_s if run is None else max(free_s, run.formed_s + length_s(run.plan) * max(self.stretches, default=1.0))

    def learn(self, now: float) -> None:
        """Its batch has ended: how much longer it took than alone."""
        if self.run is not None and not self.run.delayed and (alone_s := length_s(self.run.plan)) > 0:
            self.stretches.append((now - self.run.formed_s) / alone_s)


def length_s(plan: StagePlan) -> float:
    """Of one run alone at the present clocks: that at the highest ones, as much longer as its segments are altogether."""
    now_s = sum(segment.timings.at(segment.unit.domain.frequency_hz, 1.0).total_s for segment in plan.segments)
    highest_s = sum(segment.timings.at(segment.unit.domain.frequencies_hz[-1], 1.0).total_s for segment in plan.segments)
    return plan.run_s * now_s / highest_s if highest_s else plan.run_s
