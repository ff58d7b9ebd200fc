"""Least recently used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sim.policies.cache.policy import CACHES, CachePolicy, Key


@CACHES.register("lru")
class LeastRecentlyUsed(CachePolicy):
    """The result that was not used or filled for longest makes way."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__(draw)
        self._order: OrderedDict[Key, None] = OrderedDict()

    def used(self, key: Key) -> None:
        self._order.move_to_end(key)

    def added(self, key: Key) -> None:
        self._order[key] = None

    def removed(self, key: Key) -> None:
        del self._order[key]

    def victim(self, coming: Key) -> Key:
        return next(iter(self._order))
