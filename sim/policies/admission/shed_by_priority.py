"""Shedding by priority: when the queue is full, the least urgent go."""

from __future__ import annotations

from typing import ClassVar

from sim.policies.admission.policy import ADMISSION, AdmissionPolicy, Arrival, Decision
from sim.policies.tunables import Tunable


@ADMISSION.register("shed_by_priority")
class ShedByPriority(AdmissionPolicy):
    """When ``limit`` wait, a request takes the place of the last one of the lowest priority if that is below its own; else it is refused."""

    tunables: ClassVar = {"limit": Tunable("count", "the most requests that wait, 100 if absent", least=1.0, most=1e9)}

    def __init__(self) -> None:
        self.limit = 100.0

    def decide(self, arrival: Arrival) -> Decision:
        if arrival.waiting < self.limit:
            return Decision.ADMIT
        return Decision.DISPLACE if arrival.least_priority < arrival.priority else Decision.REFUSE
