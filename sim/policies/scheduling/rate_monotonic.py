"""Rate-monotonic priorities (Liu and Layland, 1973)."""

from __future__ import annotations

from sim.policies.scheduling.policy import SCHEDULERS, Key, SegmentView


@SCHEDULERS.register("rate_monotonic")
class RateMonotonic:
    """The workload with the shortest period first; those without a known period come last."""

    quantum_s: float | None = None

    def key(self, segment: SegmentView) -> Key:
        return (segment.period_s,)
