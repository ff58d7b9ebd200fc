"""A cache: results by key, within a capacity, each for as long as it may be used."""

from __future__ import annotations

import math

from sim.policies.cache.policy import CachePolicy, Key


class ResultCache:
    """``capacity`` and sizes in one unit: bytes, or entries of size 1. ``ttl_s``: a result is used until so long after it was filled."""

    def __init__(self, policy: CachePolicy, capacity: float, ttl_s: float = math.inf) -> None:
        self._policy, self.capacity, self._ttl_s = policy, capacity, ttl_s
        self._entries: dict[Key, tuple[float, float]] = {}  # when filled, size
        self.used = 0.0
        self.peak = 0.0
        self.evictions = 0
        self.expirations = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def get(self, key: Key, now_s: float) -> bool:
        """A request asks for the key: whether there is a result for it."""
        self._policy.asked(key)
        entry = self._entries.get(key)
        if entry is None:
            return False
        if now_s - entry[0] > self._ttl_s:
            self.expirations += 1
            self._remove(key)
            return False
        self._policy.used(key)
        return True

    def put(self, key: Key, now_s: float, size: float = 1.0) -> None:
        """A result is there for the key; one larger than the whole cache is not kept."""
        if key in self._entries:
            self._remove(key)
        if size > self.capacity:
            return
        while self.used + size > self.capacity:
            victim = self._policy.victim(key)
            if victim == key:
                return
            self.evictions += 1
            self._remove(victim)
        self._entries[key] = (now_s, size)
        self.used += size
        self._policy.added(key)
        self.peak = max(self.peak, self.used)

    def _remove(self, key: Key) -> None:
        self.used -= self._entries.pop(key)[1]
        self._policy.removed(key)
        if not self._entries:
            self.used = 0.0  # no rounding is left over
