"""What a cache policy sees and decides: which result makes way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from sim.registry import Registry

Key = int


class CachePolicy(ABC):
    """Keeps track of the keys in a cache. One object serves one cache."""

    def __init__(self, draw: Callable[[], float]) -> None:
        """``draw``: a random number 0..1 of the cache's own stream."""
        self.draw = draw

    def asked(self, key: Key) -> None:  # noqa: B027  (most policies do not look at it)
        """A request asked for the key, whether it is here or not."""

    @abstractmethod
    def used(self, key: Key) -> None:
        """The key is here and was used."""

    @abstractmethod
    def added(self, key: Key) -> None:
        """The key came in."""

    @abstractmethod
    def removed(self, key: Key) -> None:
        """The key went, by this policy's choice or because its time was over."""

    @abstractmethod
    def victim(self, coming: Key) -> Key:
        """The key that makes way: one that is here, or ``coming`` itself, which is not kept then."""


CACHES: Registry[type[CachePolicy]] = Registry("cache policy")
