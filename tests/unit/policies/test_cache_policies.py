"""What makes way in a cache, by hand and against other implementations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from sim.policies.cache import CACHES, ResultCache
from sim.workload.popularity import zipf_shares


def cache(policy: str, size: float, ttl_s: float = math.inf, seed: int = 0) -> ResultCache:
    rng = np.random.default_rng(seed)
    return ResultCache(CACHES[policy](lambda: float(rng.random())), size, ttl_s)


def hits(policy: str, keys: Sequence[int], size: int) -> list[bool]:
    """Each key asked for in turn, and filled at once if it was missed."""
    found, store = [], cache(policy, size)
    for now_s, key in enumerate(keys):
        found.append(store.get(key, now_s))
        if not found[-1]:
            store.put(key, now_s)
        assert len(store) <= size
    return found


@pytest.mark.parametrize(
    ("policy", "left"),
    [("lru", {1, 4}), ("fifo", {2, 4}), ("clock", {1, 4}), ("lfu", {1, 4})],
)
def test_what_makes_way(policy: str, left: set[int]) -> None:
    """1 2 1 4 with room for two: 1 was used since; it came first."""
    store = cache(policy, 2)
    for now_s, key in enumerate((1, 2, 1, 4)):
        if not store.get(key, now_s):
            store.put(key, now_s)
    assert {key for key in (1, 2, 4) if key in store} == left


def test_lfu_keeps_the_counts_of_keys_that_went() -> None:
    store = cache("lfu", 1)
    for now_s, key in enumerate((1, 1, 2, 2, 2)):
        if not store.get(key, now_s):
            store.put(key, now_s)
    assert 2 in store and 1 not in store


def test_results_are_used_for_their_time_only() -> None:
    store = cache("lru", 4, ttl_s=10.0)
    store.put(1, 0.0)
    assert store.get(1, 10.0)
    assert not store.get(1, 10.1) and store.expirations == 1 and len(store) == 0
    store.put(1, 11.0)
    store.put(1, 20.0)  # filled again: its time begins anew
    assert store.get(1, 30.0)


def test_sizes_in_bytes() -> None:
    store = cache("lru", 100.0)
    store.put(1, 0.0, 60.0)
    store.put(2, 1.0, 30.0)
    store.put(3, 2.0, 50.0)  # 1 makes way, and that is enough
    assert (1 in store, 2 in store, 3 in store, store.used) == (False, True, True, 80.0)
    store.put(4, 3.0, 101.0)  # larger than the cache: not kept, and nothing makes way
    assert (len(store), store.used, store.evictions) == (2, 80.0, 1)
    store.put(2, 4.0, 10.0)
    assert store.used == 60.0


@pytest.mark.parametrize("policy", sorted(CACHES))
def test_any_policy_holds_its_capacity_and_serves_what_it_holds(policy: str) -> None:
    rng = np.random.default_rng(5)
    store, inside = cache(policy, 50.0, ttl_s=40.0), dict[int, float]()
    for now_s in range(5000):
        key, size = int(rng.zipf(1.3)) % 200, float(rng.integers(1, 12))
        assert store.get(key, now_s) == (key in inside and key in store)
        if key not in store:
            store.put(key, now_s, size)
            inside[key] = size
        held = [other for other in inside if other in store]
        assert len(held) == len(store) and store.used == pytest.approx(sum(inside[other] for other in held)) and store.used <= 50.0


def _keys(shares: np.ndarray, count: int, seed: int) -> list[int]:
    found: list[int] = np.random.default_rng(seed).choice(len(shares), size=count, p=shares).tolist()
    return found


def _clock_hits(keys: Sequence[int], size: int) -> list[bool]:
    """CLOCK as textbooks draw it: a ring of frames, a bit each, and a hand."""
    frames: list[int | None] = [None] * size
    bits, hand, found = [False] * size, 0, []
    for key in keys:
        found.append(key in frames)
        if found[-1]:
            bits[frames.index(key)] = True
            continue
        while bits[hand]:
            bits[hand] = False
            hand = (hand + 1) % size
        frames[hand] = key
        hand = (hand + 1) % size
    return found


@pytest.mark.parametrize("size", [1, 3, 40])
def test_clock_is_the_ring_of_textbooks(size: int) -> None:
    keys = _keys(zipf_shares(200, 1.0), 20_000, 9)
    assert hits("clock", keys, size) == _clock_hits(keys, size)


def test_lru_holds_the_last_different_keys() -> None:
    """By the stack property: a hit if fewer than the size other keys were asked for since."""
    keys, size = _keys(zipf_shares(100, 0.9), 5000, 2), 12
    stack: list[int] = []
    expected = []
    for key in keys:
        expected.append(key in stack[:size])
        stack = [key, *(other for other in stack if other != key)]
    assert hits("lru", keys, size) == expected
