"""Requests as admission policies see them (:class:`sim.policies.admission.Arrival`): before their workload, or before the queue of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sim.policies.admission import ADMISSION, AdmissionPolicy
from sim.runtime.replica import length_s
from sim.scenario.batching import Admission, admission_of

if TYPE_CHECKING:
    from sim.runtime.batch_server import BatchServer
    from sim.runtime.request import Request, StagePlan, StageRun


@runtime_checkable
class Predicts(Protocol):
    """A server that knows how long its queue takes."""

    def predicted_end_s(self, priority: int) -> float:
        """When a request that comes now would be through."""


def admission_policy(choice: str | Admission | None) -> AdmissionPolicy | None:
    """A policy for one queue; None: everybody is let in."""
    if choice is None:
        return None
    chosen = admission_of(choice)
    return ADMISSION[chosen.name].tuned(chosen.tunables)


class StageArrival:
    """A request before the queue of a stage."""

    def __init__(self, server: BatchServer, run: StageRun) -> None:
        self._server, self._run = server, run
        self.now_s, self.deadline_s, self.priority = server.clock._now, run.request.deadline_s, run.request.source.priority

    @property
    def waiting(self) -> int:
        return self._server.waiting

    @property
    def least_priority(self) -> int:
        lowest = self._server.least_priority
        return self.priority if lowest is None else lowest

    @property
    def answered_s(self) -> float:
        plan = self._run.plan
        return self._server.predicted_end_s(self.priority) + (plan.repeat - 1 - self._run.repeat) * plan.run_s + plan.after_s


class WorkloadArrival:
    """A request before its workload, of whose requests ``waiting`` wait or run."""

    def __init__(self, request: Request, waiting: int) -> None:
        self._request = request
        self.now_s, self.deadline_s, self.priority, self.waiting = request.arrival_s, request.deadline_s, request.source.priority, waiting

    @property
    def least_priority(self) -> int:
        return self.priority

    @property
    def answered_s(self) -> float:
        """Through the queues of its first stages; what follows them is taken to find nobody before it."""
        plans = self._request.source.plans
        return max((self._through_s(plans[stage]) for stage in self._request.route.starts), default=self.now_s)

    def _through_s(self, plan: StagePlan) -> float:
        if isinstance(plan.server, Predicts):
            end_s = plan.server.predicted_end_s(self.priority) + (plan.repeat - 1) * plan.run_s
        else:
            queued_s = max((plan.segments[root].unit.backlog_s() for root in plan.roots), default=0.0)
            end_s = self.now_s + queued_s + plan.repeat * (length_s(plan) if plan.segments else plan.run_s)
        return end_s + plan.after_s
