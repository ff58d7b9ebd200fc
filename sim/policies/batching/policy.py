"""What a batching policy sees and decides: when a batch leaves the queue, and with how many requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sim.registry import Registry


@dataclass(slots=True)
class QueueView:
    """The queue of a model that has a replica free. ``oldest_s``: since when the oldest request waits; ``buckets``: compiled sizes, ascending."""

    now_s: float
    waiting: int
    oldest_s: float
    max_size: int
    max_delay_s: float
    buckets: Sequence[int]


class BatchingPolicy(ABC):
    """Asked when a replica is free and requests wait, after all that happens at that moment."""

    @abstractmethod
    def leaves_s(self, queue: QueueView) -> float:
        """When the next batch leaves if nobody else comes; now or earlier: it leaves now."""

    def size(self, queue: QueueView) -> int:
        """How many requests it takes, 1 to ``min(waiting, max_size)``."""
        return min(queue.waiting, queue.max_size)


BATCHING: Registry[type[BatchingPolicy]] = Registry("batching policy")
