"""Fixed priorities, as the scenario gives them to workloads."""

from __future__ import annotations

from sim.policies.scheduling.policy import SCHEDULERS, Key, SegmentView


@SCHEDULERS.register("priority")
class FixedPriority:
    """The highest ``priority`` first."""

    quantum_s: float | None = None

    def key(self, segment: SegmentView) -> Key:
        return (-segment.priority,)
