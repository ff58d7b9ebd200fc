"""Round robin with a time quantum."""

from __future__ import annotations

from sim.policies.scheduling.policy import SCHEDULERS, Key, SegmentView


@SCHEDULERS.register("round_robin")
class RoundRobin:
    """In turn: after a quantum, at the next kernel border, the running segment goes to the end of the queue if others wait."""

    quantum_s: float | None = 0.005  # estimated: between the 1 ms of GPU context switches and the 10 to 100 ms of general systems

    def key(self, segment: SegmentView) -> Key:
        return ()
