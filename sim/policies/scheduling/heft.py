"""The priority of HEFT, heterogeneous earliest finish time (Topcuoglu, Hariri and Wu, 2002)."""

from __future__ import annotations

from sim.policies.scheduling.policy import SCHEDULERS, Key, SegmentView


@SCHEDULERS.register("heft")
class UpwardRank:
    """The longest remaining path first. Where a segment runs is the compiler's choice; this decides only the order."""

    quantum_s: float | None = None

    def key(self, segment: SegmentView) -> Key:
        return (-segment.upward_rank_s,)
