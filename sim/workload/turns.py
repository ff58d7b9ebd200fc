"""Random numbers by position: what chance holds for the k-th request, whenever and in whatever order it is asked."""

from __future__ import annotations

from sim.workload.streams import stream

_BLOCK = 1024
_KEPT = 64  # blocks in memory: requests far apart are rarely in the system together


class DrawsByTurn:
    """Uniform numbers 0..1, one for each turn (0, 1, 2, ...): a function of seed, name and turn alone."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed, self._name = seed, name
        self._blocks: dict[int, list[float]] = {}

    def at(self, turn: int) -> float:
        """The number of a turn."""
        block, row = divmod(turn, _BLOCK)
        values = self._blocks.get(block)
        if values is None:
            if len(self._blocks) >= _KEPT:
                del self._blocks[min(self._blocks)]
            values = self._blocks[block] = stream(self._seed, f"{self._name}/{block}").random(_BLOCK).tolist()
        return values[row]


class RowsByTurn:
    """The row of a recorded table that each turn has: in order, around again with ``loop``, or any at random (with ``draws``)."""

    def __init__(self, rows: int, *, loop: bool = False, draws: DrawsByTurn | None = None) -> None:
        self.rows, self._loop, self._draws = rows, loop, draws

    def at(self, turn: int) -> int:
        """The row, from 0. Raises IndexError where the rows are used up."""
        if self._draws is not None:
            return int(self._draws.at(turn) * self.rows)
        if turn < self.rows:
            return turn
        if not self._loop:
            raise IndexError(f"request {turn + 1} has no row: the trace has {self.rows}")
        return turn % self.rows
