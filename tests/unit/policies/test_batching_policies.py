"""When batches leave, and with how many."""

from __future__ import annotations

import pytest

from sim.policies.batching import BATCHING, BatchingPolicy, QueueView


def _queue(waiting: int, oldest_s: float = 1.0, now_s: float = 1.003) -> QueueView:
    return QueueView(now_s, waiting, oldest_s, max_size=8, max_delay_s=0.005, buckets=[1, 2, 4, 8])


@pytest.mark.parametrize("name", list(BATCHING))
@pytest.mark.parametrize("waiting", [1, 2, 3, 5, 7, 8, 9, 40])
def test_contract(name: str, waiting: int) -> None:
    """A batch has someone in it and is never too large; a full one leaves at once; what is left over leaves by the end of the delay."""
    policy: BatchingPolicy = BATCHING[name]()
    queue = _queue(waiting)
    assert 1 <= policy.size(queue) <= min(waiting, 8)
    assert policy.leaves_s(queue) <= 1.005
    if waiting >= 8:
        assert policy.leaves_s(queue) <= queue.now_s
        assert policy.size(queue) == 8


def test_greedy_never_waits() -> None:
    assert BATCHING["greedy"]().leaves_s(_queue(1)) == 1.003


def test_timeout_waits_for_the_oldest() -> None:
    policy = BATCHING["timeout"]()
    assert policy.leaves_s(_queue(7)) == 1.005
    assert policy.size(_queue(7)) == 7


@pytest.mark.parametrize(("waiting", "size"), [(1, 1), (3, 2), (5, 4), (7, 4), (12, 8)])
def test_full_bucket_pads_nothing(waiting: int, size: int) -> None:
    assert BATCHING["full_bucket"]().size(_queue(waiting)) == size


def test_full_bucket_below_the_smallest_takes_all() -> None:
    queue = QueueView(0.0, 3, 0.0, 8, 0.0, [4, 8])
    assert BATCHING["full_bucket"]().size(queue) == 3
