"""Batches without waiting: whoever has come while the replicas were busy."""

from __future__ import annotations

from sim.policies.batching.policy import BATCHING, BatchingPolicy, QueueView


@BATCHING.register("greedy")
class Greedy(BatchingPolicy):
    """A free replica takes all that wait, up to the largest batch; it never waits for more."""

    def leaves_s(self, queue: QueueView) -> float:
        return queue.now_s
