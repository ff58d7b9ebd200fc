"""What a scheduling policy sees and decides: which waiting segment a free unit runs next."""

from __future__ import annotations

from typing import Protocol

from sim.registry import Registry

Key = tuple[float, ...]


class SegmentView(Protocol):
    """A segment of a request that waits for a unit, read-only."""

    @property
    def arrival_s(self) -> float:
        """When its request arrived."""

    @property
    def deadline_s(self) -> float:
        """When its request is due, absolute; infinity without a deadline."""

    @property
    def period_s(self) -> float:
        """Mean time between requests of its workload; infinity where that is not known (closed loops, traces)."""

    @property
    def priority(self) -> int:
        """Of its workload; higher is more urgent."""

    @property
    def upward_rank_s(self) -> float:
        """Time from its start to the end of the request over the longest path, each unit alone at its highest frequency."""


class SchedulingPolicy(Protocol):
    """Gives each waiting segment a key; the smallest runs first, equal keys in order of arrival at the unit.

    With preemption, a segment whose key is smaller than the running one's takes over at the next kernel border. A policy with
    ``quantum_s`` sends the running segment to the end of its queue at the first kernel border after that time.
    """

    quantum_s: float | None

    def key(self, segment: SegmentView) -> Key:
        """The urgency of a segment, fixed while it waits."""


SCHEDULERS: Registry[type[SchedulingPolicy]] = Registry("scheduling policy")
