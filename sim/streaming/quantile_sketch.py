"""Quantiles of a stream of values with a guaranteed relative error, in a bounded number of counters.

A histogram with logarithmic bins: bin ``i`` holds the values in ``(g^(i-1), g^i]`` with ``g = (1 + e) / (1 - e)``, and stands for
``2 g^i / (g + 1)``, which no value of the bin is further away from than the share ``e`` of itself. Two sketches of the same error add up
bin by bin. Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", PVLDB 12(12), 2019.
"""

from __future__ import annotations

import math

import numpy as np

RELATIVE_ERROR = 1e-3
SMALLEST, LARGEST = 1e-12, 1e10  # s: what is nearer to 0 counts as 0, what is larger as the largest; 25,000 bins at most


class QuantileSketch:
    """Of values that are not negative, in any unit. Count, sum, smallest, largest and variance are exact up to rounding.

    ``relative_error``: of a quantile, at most; in ``(0, 1)``.
    """

    def __init__(self, relative_error: float = RELATIVE_ERROR) -> None:
        if not 0 < relative_error < 1:
            raise ValueError(f"a relative error lies between 0 and 1, got {relative_error}")
        self.relative_error = relative_error
        self.count = 0
        self.mean = 0.0
        self.min = math.inf
        self.max = -math.inf
        self._squares = 0.0  # sum of squared distances from the mean
        self._log_g = math.log1p(relative_error) - math.log1p(-relative_error)
        self._first = math.ceil(math.log(SMALLEST) / self._log_g)  # the bin of counter 0, which holds what counts as 0
        bins = math.ceil(math.log(LARGEST) / self._log_g) - self._first + 1
        self._counters = np.zeros(bins, dtype=np.int64)

    @property
    def bins(self) -> int:
        """Counters in memory, whatever the number of values."""
        return len(self._counters)

    @property
    def variance(self) -> float:
        """Of the values themselves (divided by their number); 0 of less than two."""
        return self._squares / self.count if self.count > 1 else 0.0

    def extend(self, values: np.ndarray) -> None:
        """Take in values ``[n]``. Raises ValueError for a negative or unknown one."""
        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        if not low >= 0.0 or math.isinf(high):
            raise ValueError("a sketch takes finite values that are not negative")
        mean = float(values.mean())
        self._add_moments(len(values), mean, float(np.square(values - mean).sum()))
        self.min, self.max = min(self.min, low), max(self.max, high)
        logs = np.log(np.clip(values, SMALLEST, LARGEST)) / self._log_g
        bins = np.clip(np.ceil(logs).astype(np.int64) - self._first, 0, self.bins - 1)
        self._counters += np.bincount(bins, minlength=self.bins)

    def merge(self, other: QuantileSketch) -> None:
        """Take in all that ``other`` has seen. Raises ValueError if its relative error is another."""
        if other.relative_error != self.relative_error:
            raise ValueError("sketches of different relative errors do not add up")
        if other.count:
            self._add_moments(other.count, other.mean, other._squares)
            self.min, self.max = min(self.min, other.min), max(self.max, other.max)
            self._counters += other._counters

    def quantile(self, share: float) -> float:
        """The sample of rank ``ceil(share * count)``, off by at most ``relative_error`` of itself. Raises ValueError where there is no sample."""
        # 1e-9: 0.9 * 10 is 9.000000000000002 in floating point and must stay rank 9
        return self.ordered(min(max(math.ceil(share * self.count - 1e-9), 1), self.count))

    def ordered(self, rank: int) -> float:
        """The ``rank``-th smallest value (from 1), off by at most ``relative_error`` of itself; the first and the last are exact."""
        if not 1 <= rank <= self.count:
            raise ValueError(f"rank {rank} of {self.count} values")
        if rank == 1 or rank == self.count:
            return self.min if rank == 1 else self.max
        position = int(np.searchsorted(np.cumsum(self._counters), rank))
        return min(max(self._middle(position), self.min), self.max)

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Values that stand for the bins, ascending, and how many values each stands for: ``([m], [m])``."""
        filled = np.flatnonzero(self._counters)
        values = np.array([min(max(self._middle(int(position)), self.min), self.max) for position in filled])
        return values, self._counters[filled]

    def _middle(self, position: int) -> float:
        """What no value of a bin is further away from than the relative error."""
        if position == 0:
            return 0.0
        return math.exp((position + self._first) * self._log_g) * (1.0 - self.relative_error)

    def _add_moments(self, count: int, mean: float, squares: float) -> None:
        """Two sets of values as one (Chan, Golub and LeVeque 1979)."""
        total = self.count + count
        apart = mean - self.mean
        self.mean += apart * count / total
        self._squares += squares + apart * apart * self.count * count / total
        self.count = total
