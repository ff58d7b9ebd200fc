"""CLOCK, or second chance: nearly least recently used, at the price of one bit each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sim.policies.cache.policy import CACHES, CachePolicy, Key


@CACHES.register("clock")
class Clock(CachePolicy):
    """First in, first out, but a result used since the hand passed it stays for another round."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__(draw)
        self._used: OrderedDict[Key, bool] = OrderedDict()  # in the order in which the hand comes to them

    def used(self, key: Key) -> None:
        self._used[key] = True

    def added(self, key: Key) -> None:
        self._used[key] = False

    def removed(self, key: Key) -> None:
        del self._used[key]

    def victim(self, coming: Key) -> Key:
        while True:
            key, used = next(iter(self._used.items()))
            if not used:
                return key
            self._used[key] = False
            self._used.move_to_end(key)
