"""Random replacement."""

from __future__ import annotations

from collections.abc import Callable

from sim.policies.cache.policy import CACHES, CachePolicy, Key


@CACHES.register("random")
class RandomReplacement(CachePolicy):
    """Any of the results makes way, each as likely."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__(draw)
        self._keys: list[Key] = []
        self._at: dict[Key, int] = {}

    def used(self, key: Key) -> None:
        pass

    def added(self, key: Key) -> None:
        self._at[key] = len(self._keys)
        self._keys.append(key)

    def removed(self, key: Key) -> None:
        at, last = self._at.pop(key), self._keys.pop()
        if last != key:
            self._keys[at], self._at[last] = last, at

    def victim(self, coming: Key) -> Key:
        return self._keys[int(self.draw() * len(self._keys))]
