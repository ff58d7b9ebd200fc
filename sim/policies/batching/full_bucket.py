"""Batches without padding where that is possible."""

from __future__ import annotations

from bisect import bisect_right

from sim.policies.batching.policy import BATCHING, BatchingPolicy, QueueView


@BATCHING.register("full_bucket")
class FullBucket(BatchingPolicy):
    """As timeout, but a batch has the largest compiled size that those who wait can fill; the rest stays for the next one."""

    def leaves_s(self, queue: QueueView) -> float:
        return queue.now_s if queue.waiting >= queue.max_size else queue.oldest_s + queue.max_delay_s

    def size(self, queue: QueueView) -> int:
        fitting = bisect_right(queue.buckets, queue.waiting)
        return queue.buckets[fitting - 1] if fitting else queue.waiting
