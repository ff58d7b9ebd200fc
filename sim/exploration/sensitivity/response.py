"""How a metric answers when a parameter is moved down and up from where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.exploration.sensitivity.parameter import Parameter

Shape = Literal["none", "plain", "one side", "not monotonic", "step"]
_SAME = 1e-9  # relative: what differs by no more is equal but for rounding
_SIDE = 0.02  # of the larger answer: less on the other side is none


@dataclass(frozen=True)
class Move:
    """A parameter at ``factor`` times what it is; ``value``: of the metric there, None where there is none."""

    factor: float
    value: float | None


@dataclass(frozen=True)
class Response:
    """``base``: the metric as things are. ``moves``: ascending by factor, without the base itself."""

    parameter: Parameter
    metric: str
    base: float
    moves: tuple[Move, ...]

    @property
    def low(self) -> Move | None:
        """The furthest move down that gave a value."""
        return next((move for move in self.moves if move.factor < 1.0 and move.value is not None), None)

    @property
    def high(self) -> Move | None:
        """The furthest move up that gave a value."""
        return next((move for move in reversed(self.moves) if move.factor > 1.0 and move.value is not None), None)

    def change(self, move: Move | None) -> float:
        """Of the metric, in its unit; 0 where it is not known."""
        return 0.0 if move is None or move.value is None else move.value - self.base

    @property
    def swing(self) -> float:
        """The largest change in either direction, in the metric's unit."""
        return max(abs(self.change(self.low)), abs(self.change(self.high)))

    @property
    def slope(self) -> float | None:
        """Change of the metric, in its unit, per relative change of the parameter: over both moves, or the one there is."""
        ends = [(1.0, 0.0) if move is None else (move.factor, self.change(move)) for move in (self.low, self.high)]
        width = ends[1][0] - ends[0][0]
        return (ends[1][1] - ends[0][1]) / width if width > 0 else None

    @property
    def elasticity(self) -> float | None:
        """Relative change of the metric per relative change of the parameter; None for a metric that is 0."""
        slope = self.slope
        return None if slope is None or self.base == 0 else slope / abs(self.base)

    @property
    def shape(self) -> Shape:
        """How the metric answers: in both directions as one would expect (``plain``), in one only, by a step, or up whichever way it goes."""
        low, high = self.change(self.low), self.change(self.high)
        least = max(_SAME * abs(self.base), _SIDE * max(abs(low), abs(high)))
        if max(abs(low), abs(high)) <= _SAME * abs(self.base):
            return "none"
        if self._is_step(least):
            return "step"
        if self.low is None or self.high is None:
            return "plain"
        if min(abs(low), abs(high)) <= least:
            return "one side"
        return "not monotonic" if low * high > 0 else "plain"

    def _is_step(self, least: float) -> bool:
        """Whether half of a move does nothing, or as much as the whole."""
        for end in (self.low, self.high):
            if end is None or abs(self.change(end)) <= least:
                continue
            half = next((move for move in self.moves if move.value is not None and abs(move.factor - (1.0 + end.factor) / 2.0) < 1e-9), None)
            if half is not None and min(abs(self.change(half)), abs(self.change(half) - self.change(end))) <= least:
                return True
        return False
