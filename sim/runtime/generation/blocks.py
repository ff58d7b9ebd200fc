"""The cache of keys and values in blocks of equal length (PagedAttention, Kwon et al. 2023, arXiv 2309.06180)."""

from __future__ import annotations

from collections.abc import Callable


class SharedBlocks:
    """Blocks of a prefix that requests have in common. ``users``: requests that read them now."""

    __slots__ = ("blocks", "used_s", "users")

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.users = 1
        self.used_s = 0.0


class KvBlocks:
    """``total`` blocks of ``page`` tokens; ``changed(blocks)`` is told by how many the used ones have grown."""

    def __init__(self, total: int, page: int, changed: Callable[[int], None]) -> None:
        self.total, self.page = total, page
        self.used = self.peak = 0
        self.allocated = self.freed = 0  # in the whole run
        self.prefixes: dict[int, SharedBlocks] = {}
        self._idle = 0  # blocks of prefixes that nobody reads now
        self._changed = changed

    def needed(self, tokens: int) -> int:
        """Blocks that so many tokens take."""
        return -(-tokens // self.page)

    @property
    def available(self) -> int:
        """Blocks that are free, or hold prefixes that nobody reads now."""
        return self.total - self.used + self._idle

    def take(self, blocks: int) -> None:
        """Blocks for a request; there must be so many available. Prefixes that nobody reads make room, the least recently used first."""
        while self.used + blocks > self.total:
            oldest = min((name for name, shared in self.prefixes.items() if not shared.users), key=lambda name: self.prefixes[name].used_s)
            blocks_of_it = self.prefixes.pop(oldest).blocks
            self._idle -= blocks_of_it
            self.give_back(blocks_of_it)
        self.used += blocks
        self.allocated += blocks
        self.peak = max(self.peak, self.used)
        if blocks:
            self._changed(blocks)

    def give_back(self, blocks: int) -> None:
        """A request, or a prefix that goes, needs them no more."""
        self.used -= blocks
        self.freed += blocks
        if blocks:
            self._changed(-blocks)

    def share(self, prefix: int, blocks: int, now_s: float) -> int:
        """A request that has computed a prefix leaves ``blocks`` of its own for others to read; how many it has given away. It reads them itself."""
        if prefix in self.prefixes:  # another was first: this one keeps its copy
            return 0
        shared = self.prefixes[prefix] = SharedBlocks(blocks)
        shared.used_s = now_s
        return blocks

    def read(self, prefix: int, now_s: float) -> int:
        """Blocks of a prefix that a request may read from now on, 0 if it is not there."""
        shared = self.prefixes.get(prefix)
        if shared is None:
            return 0
        self._idle -= 0 if shared.users else shared.blocks
        shared.users += 1
        shared.used_s = now_s
        return shared.blocks

    def unread(self, prefix: int, now_s: float) -> None:
        """A request reads a prefix no more. It stays until the room is needed."""
        shared = self.prefixes[prefix]
        shared.users -= 1
        shared.used_s = now_s
        self._idle += 0 if shared.users else shared.blocks
