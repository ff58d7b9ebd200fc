"""First in, first out."""

from __future__ import annotations

from sim.policies.scheduling.policy import SCHEDULERS, Key, SegmentView


@SCHEDULERS.register("fifo")
class Fifo:
    """In order of arrival at the unit."""

    quantum_s: float | None = None

    def key(self, segment: SegmentView) -> Key:
        return ()
