"""How often the items of a large collection are asked for: Zipf's law, in memory that does not grow with the collection."""

from __future__ import annotations

import math

import numpy as np

_EXACT = 1 << 20  # items whose shares are summed one by one; over those behind them the law is integrated


def zipf_shares(items: int, exponent: float) -> np.ndarray:
    """Probability of each item ``[items]``, the most popular first: in proportion to ``1 / rank ** exponent``."""
    weights = np.arange(1, items + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


class ZipfRanks:
    """Draws of items by popularity.

    Behind the first million the sum of ``1 / rank ** exponent`` is taken as the integral from half a rank before to half a rank after,
    which is off by a share of ``exponent * (exponent + 1) / (24 rank ** 2)``.
    """

    def __init__(self, items: int, exponent: float) -> None:
        self.items, self._rest = items, 1.0 - exponent
        self._first = min(items, _EXACT)
        self._begin = self._first + 0.5
        weights = np.arange(1, self._first + 1, dtype=np.float64) ** -exponent
        self._total = float(weights.sum()) + self._behind(items)
        self._borders = np.cumsum(weights / self._total)

    def _behind(self, count: int) -> float:
        """Weight of the items behind the first million, up to the ``count``-th."""
        length = math.log((count + 0.5) / self._begin)
        grown = length if self._rest == 0.0 else math.expm1(self._rest * length) / self._rest
        return self._begin**self._rest * grown

    def share_of_first(self, count: int) -> float:
        """Probability that one of the ``count`` most popular items is asked for."""
        if count >= self.items:
            return 1.0
        if count <= self._first:
            return float(self._borders[count - 1]) if count > 0 else 0.0
        return float(self._borders[-1]) + self._behind(count) / self._total

    def item(self, draw: float) -> int:
        """The item, from 0, that a uniform number 0..1 stands for."""
        at = int(np.searchsorted(self._borders, draw, side="right"))
        if at < self._first or self._first == self.items:
            return min(at, self._first - 1)
        grown = (draw - float(self._borders[-1])) * self._total / self._begin**self._rest
        if self._rest != 0.0:
            grown = math.log1p(grown * self._rest) / self._rest if grown * self._rest > -1.0 else math.inf
        ratio = math.exp(min(grown, math.log(self.items) + 1.0))
        return min(max(int(self._begin * ratio - 0.5), self._first), self.items - 1)
