"""Least frequently used, with the counts of all keys that were ever asked for."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from sim.policies.cache.policy import CACHES, CachePolicy, Key


@CACHES.register("lfu")
class LeastFrequentlyUsed(CachePolicy):
    """The result asked for least often since the start makes way, of several the one that came first; a newcomer asked for less often is not kept."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__(draw)
        self._counts: dict[Key, int] = {}
        self._arrived: dict[Key, int] = {}
        self._heap: list[tuple[int, int, Key]] = []  # counts as they were; brought up to date when they come first
        self._sequence = 0

    def asked(self, key: Key) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1

    def used(self, key: Key) -> None:
        pass

    def added(self, key: Key) -> None:
        self._sequence += 1
        self._arrived[key] = self._sequence
        heappush(self._heap, (self._counts.get(key, 0), self._sequence, key))

    def removed(self, key: Key) -> None:
        del self._arrived[key]
        if len(self._heap) > 2 * len(self._arrived) + 64:
            self._heap = [(self._counts.get(other, 0), sequence, other) for other, sequence in self._arrived.items()]
            heapify(self._heap)

    def victim(self, coming: Key) -> Key:
        first = self._rarest()
        return coming if self._counts.get(coming, 0) < self._counts.get(first, 0) else first

    def _rarest(self) -> Key:
        heap = self._heap
        while True:
            count, sequence, key = heap[0]
            if self._arrived.get(key) != sequence:  # gone, or gone and come again
                heappop(heap)
            elif count != self._counts.get(key, 0):
                heappop(heap)
                heappush(heap, (self._counts[key], sequence, key))
            else:
                return key
