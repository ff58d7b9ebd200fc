"""First in, first out."""

from __future__ import annotations

from collections.abc import Callable

from sim.policies.cache.policy import CACHES, CachePolicy, Key


@CACHES.register("fifo")
class FirstInFirstOut(CachePolicy):
    """The result that came first makes way, however often it was used."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__(draw)
        self._order: dict[Key, None] = {}

    def used(self, key: Key) -> None:
        pass

    def added(self, key: Key) -> None:
        self._order[key] = None

    def removed(self, key: Key) -> None:
        del self._order[key]

    def victim(self, coming: Key) -> Key:
        return next(iter(self._order))
