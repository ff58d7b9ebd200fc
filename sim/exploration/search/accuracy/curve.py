"""Accuracy against work: a parabola over the logarithm of the MACs, and what it is wrong by on points it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.errors import EdgesimError

FEWEST = 5  # points: the parabola's three and two to judge it by
_DEGREE = 2


@dataclass(frozen=True)
class Curve:
    """``coefficients``: of the powers of ln(MACs), the highest first. ``error_ratio``: root mean square of each point's distance from the curve that
    is fitted to all others. ``least_macs``, ``most_macs``: where the points end, and with them what the curve says."""

    coefficients: tuple[float, ...]
    error_ratio: float
    least_macs: float
    most_macs: float
    points_count: int

    @staticmethod
    def through(macs: Sequence[float], accuracy: Sequence[float]) -> Curve:
        """Least squares through points: MACs, and shares of right answers. Raises EdgesimError where they are too few or say too little."""
        work, share = np.asarray(macs, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
        if len(set(work.tolist())) < FEWEST:
            raise EdgesimError(f"{len(set(work.tolist()))} points with different MACs; a curve needs {FEWEST}")
        design = np.vander(np.log(work), _DEGREE + 1)
        inverse = np.linalg.pinv(design)
        left_out = (share - design @ inverse @ share) / (1 - np.einsum("ij,ji->i", design, inverse))  # exact for least squares, without fitting anew
        fitted = tuple(float(value) for value in inverse @ share)
        return Curve(fitted, float(np.sqrt(np.mean(left_out**2))), float(work.min()), float(work.max()), len(work))

    def at(self, macs: float) -> float | None:
        """The share of right answers, 0..1; None outside the points."""
        if not self.least_macs <= macs <= self.most_macs:
            return None
        return float(np.clip(np.polyval(self.coefficients, np.log(macs)), 0.0, 1.0))
