"""What the queues of stages that batch, or have several units, did: batch sizes, padding, waits, who was refused."""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace import RequestQueue, Trace


@dataclass(frozen=True)
class QueueMetrics:
    """One queue, over batches that began after the warm-up.

    ``batches_by_size_count``: batches of 1, 2, ... requests, up to the largest compiled size. ``padding_ratio``: share of the places in
    batches that nobody took. ``mean_wait_s``: from joining the queue until the batch began to run. ``busy_ratio``: share of the time
    that a replica had a batch. ``refused_count``: requests that admission sent away.
    """

    replicas_count: int
    buckets_count: tuple[int, ...]
    requests_count: int
    batches_count: int
    batches_by_size_count: tuple[int, ...]
    mean_batch_count: float | None
    padding_ratio: float | None
    mean_wait_s: float | None
    max_wait_s: float | None
    busy_ratio: float | None
    refused_count: int


def queue_metrics(trace: Trace, warmup_s: float) -> dict[str, QueueMetrics]:
    """Of every queue, by its model or ``workload/stage``; empty without any."""
    return {queue.name: _of(queue, trace.end_s - warmup_s) for queue in trace.queues}


def _of(queue: RequestQueue, seconds: float) -> QueueMetrics:
    requests = sum(size * number for (size, _), number in queue.sizes.items())
    places = sum(padded * number for (_, padded), number in queue.sizes.items())
    batches = sum(queue.sizes.values())
    by_size = [0] * queue.buckets[-1]
    for (size, _), number in queue.sizes.items():
        by_size[size - 1] += number
    return QueueMetrics(
        replicas_count=queue.replicas,
        buckets_count=tuple(queue.buckets),
        requests_count=requests,
        batches_count=batches,
        batches_by_size_count=tuple(by_size),
        mean_batch_count=requests / batches if batches else None,
        padding_ratio=1 - requests / places if places else None,
        mean_wait_s=queue.wait_s / requests if requests else None,
        max_wait_s=queue.longest_wait_s if requests else None,
        busy_ratio=queue.busy_s / (seconds * queue.replicas) if seconds > 0 else None,
        refused_count=queue.refused,
    )
