"""Token bucket: a mean rate, and bursts of a bounded size."""

from __future__ import annotations

from typing import ClassVar

from sim.policies.admission.policy import ADMISSION, AdmissionPolicy, Arrival, Decision
from sim.policies.tunables import Tunable


@ADMISSION.register("token_bucket")
class TokenBucket(AdmissionPolicy):
    """Each request takes a token; tokens come at ``rate`` and at most ``burst`` of them are kept. Without a token it is refused."""

    tunables: ClassVar = {
        "rate": Tunable("frequency", "tokens per second, 100 Hz if absent", least=1e-9, most=1e9),
        "burst": Tunable("count", "the most tokens that are kept, 1 if absent", least=1.0, most=1e9),
    }

    def __init__(self) -> None:
        self.rate = 100.0
        self.burst = 1.0
        self._tokens: float | None = None
        self._counted_s = 0.0

    def decide(self, arrival: Arrival) -> Decision:
        now_s = arrival.now_s
        held = self.burst if self._tokens is None else min(self._tokens + (now_s - self._counted_s) * self.rate, self.burst)
        self._counted_s = now_s
        # a token that is there but for rounding is there
        self._tokens = held - 1.0 if held >= 1.0 - 1e-9 else held
        return Decision.ADMIT if held >= 1.0 - 1e-9 else Decision.REFUSE

    def open_hz(self, has_deadline: bool) -> float:
        return self.rate
