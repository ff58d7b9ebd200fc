"""What other chips say of one that is not measured yet, and which networks would tell most about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.fidelity.npu_fit import Loads

SLOPES = np.array([10.0, 0.5, 0.4, 0.5])  # standard deviations of a figure's logarithm per feature, before any chip is seen (the first: its level)
SPREAD = 0.35  # of the logarithms of chips around that line
SHRINK = 0.4  # share of the figures' own spread in their covariance: few chips do not tell how six figures go together
NOISE = 0.08  # of a measurement's logarithm around the law
_LEAST = 0.05  # spread below which no figure is believed to be known


@dataclass(frozen=True)
class ChipPrior:
    """Figures of an unmeasured chip, and ``deviations`` of their logarithms along ``directions`` ``[directions, figures]``."""

    figures: np.ndarray
    deviations: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, others: Sequence[np.ndarray], figures: Sequence[np.ndarray]) -> ChipPrior:
        """A line through the other chips' figures over their features, pulled to be flat; ``features``: of the chip, the first is 1."""
        seen, logs = np.stack(others), np.log(np.stack(figures))
        precision = seen.T @ seen / SPREAD**2 + np.diag(1 / SLOPES**2)
        weights = np.linalg.solve(precision, seen.T @ logs / SPREAD**2)
        apart = logs - seen @ weights
        # the line bends towards each chip it was drawn through: an unseen one lies further off
        freedom = max(len(seen) - 2.0, 1.0)
        covariance = apart.T @ apart / freedom
        covariance = (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance)) + _LEAST**2 * np.eye(len(covariance))
        values, vectors = np.linalg.eigh(covariance)
        return cls(np.exp(features @ weights), np.sqrt(values), vectors.T)

    @property
    def covariance(self) -> np.ndarray:
        """Of the figures' logarithms, ``[figures, figures]``."""
        return np.asarray(self.directions.T @ np.diag(self.deviations**2) @ self.directions)


def telling(loads: Loads, prior: ChipPrior, candidates: np.ndarray, count: int) -> list[int]:
    """The ``count`` networks among ``candidates`` whose measurement leaves the least doubt about all of them, chosen one by one."""
    gradient = _sensitivities(loads, prior.figures)[candidates]  # of ln(seconds) to ln(figures)
    covariance = prior.covariance
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        doubts = []
        for index, row in enumerate(gradient):
            gain = covariance @ row
            left = covariance - np.outer(gain, gain) / (row @ gain + NOISE**2)
            doubt = float(np.einsum("ni,ij,nj->", gradient, left, gradient))
            doubts.append(np.inf if int(candidates[index]) in chosen else doubt)
        best = int(np.argmin(doubts))
        gain = covariance @ gradient[best]
        covariance = covariance - np.outer(gain, gain) / (gradient[best] @ gain + NOISE**2)
        chosen.append(int(candidates[best]))
    return chosen


def _sensitivities(loads: Loads, figures: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Derivatives of ln(seconds) by ln(figures), ``[networks, figures]``."""
    base = np.log(loads.seconds(figures))
    return np.stack([(np.log(loads.seconds(figures * np.exp(step * unit))) - base) / step for unit in np.eye(len(figures))], axis=1)
