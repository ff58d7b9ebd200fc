"""Earliest deadline first (Liu and Layland, 1973)."""

from __future__ import annotations

from sim.policies.scheduling.policy import SCHEDULERS, Key, SegmentView


@SCHEDULERS.register("edf")
class EarliestDeadlineFirst:
    """The nearest absolute deadline first; requests without one come last."""

    quantum_s: float | None = None

    def key(self, segment: SegmentView) -> Key:
        return (segment.deadline_s,)
