"""Admission by feasibility: no work for requests that would be late."""

from __future__ import annotations

from typing import ClassVar

from sim.policies.admission.policy import ADMISSION, AdmissionPolicy, Arrival, Decision
from sim.policies.tunables import Tunable


@ADMISSION.register("deadline")
class Deadline(AdmissionPolicy):
    """Refuses a request that is predicted to end later than ``margin`` before its deadline. One without a deadline is let in."""

    tunables: ClassVar = {"margin": Tunable("time", "how long before the deadline it has to be through, 0 s if absent", most=1e9)}

    def __init__(self) -> None:
        self.margin = 0.0

    def decide(self, arrival: Arrival) -> Decision:
        if arrival.deadline_s == float("inf"):
            return Decision.ADMIT
        return Decision.ADMIT if arrival.answered_s + self.margin <= arrival.deadline_s else Decision.REFUSE

    def open_hz(self, has_deadline: bool) -> float:
        return 0.0 if has_deadline else float("inf")
