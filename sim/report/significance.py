"""Whether two scenarios differ by more than chance: runs of both with the same seeds, compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.errors import EdgesimError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean of the pairwise differences, its 95 % interval, and how likely one as large would be if there were none.

    Where all pairs differ by the same amount nothing is left to chance: the interval is a point, ``p_value`` 0, or 1 if the amount is 0.
    """

    mean: float
    low: float
    high: float
    p_value: float


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Of ``second - first`` over seeds that both were run with, by Student's t for pairs.

    Needs two pairs or more. Raises EdgesimError without SciPy.
    """
    changes = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    mean, spread = float(changes.mean()), float(changes.std(ddof=1))
    # equal but for the last digits: no test can say anything of a spread that rounding made
    if spread <= 1e-12 * max(float(np.abs(np.asarray(first)).max()), float(np.abs(np.asarray(second)).max()), 1e-300):
        return Difference(mean, mean, mean, 1.0 if abs(mean) <= spread else 0.0)
    t = student_t()
    error = spread / len(changes) ** 0.5
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(changes) - 1)) * error
    return Difference(mean, mean - reach, mean + reach, float(2 * t.sf(abs(mean) / error, len(changes) - 1)))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of repeated runs and half the width of its 95 % interval, by Student's t. Raises EdgesimError without SciPy."""
    numbers = np.asarray(values, dtype=float)
    spread = float(numbers.std(ddof=1))
    if spread == 0.0:
        return float(numbers.mean()), 0.0
    return float(numbers.mean()), float(student_t().ppf((1 + CONFIDENCE) / 2, len(numbers) - 1)) * spread / len(numbers) ** 0.5


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being many (Holm 1979): of the i-th smallest of n, the largest so far of (n - i) times itself."""
    result = [0.0] * len(p_values)
    worst = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        worst = max(worst, min((len(p_values) - rank) * p_values[at], 1.0))
        result[at] = worst
    return result


def student_t() -> Any:
    """SciPy's Student t. Raises EdgesimError where it is not installed."""
    try:
        from scipy.stats import t
    except ImportError:
        raise EdgesimError("intervals over seeds need scipy; install it with: pip install 'edgesim[statistics]'") from None
    return t
