"""Dynamic batching with a time limit, as inference servers offer it."""

from __future__ import annotations

from sim.policies.batching.policy import BATCHING, BatchingPolicy, QueueView


@BATCHING.register("timeout")
class Timeout(BatchingPolicy):
    """A batch leaves when it is full, or when its oldest request has waited ``max_delay``."""

    def leaves_s(self, queue: QueueView) -> float:
        return queue.now_s if queue.waiting >= queue.max_size else queue.oldest_s + queue.max_delay_s
