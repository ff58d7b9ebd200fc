"""Fits of a few parameters with priors, in log space (maximum a posteriori): no measurement gives the prior, each one pulls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SOFT_SCALE = 0.15  # of ln(predicted/measured): beyond it a residual counts linearly, so that a few outliers do not rule


@dataclass(frozen=True)
class MapFit:
    """``deltas``: fitted natural logarithms of factors on the prior means, ``[parameters]``; 0 is the prior.

    ``residuals``: ln(predicted / measured) at the fit, ``[measurements]``. ``deviations``: posterior standard deviations of the
    deltas from the curvature there, ``[parameters]``.
    """

    deltas: np.ndarray
    residuals: np.ndarray
    deviations: np.ndarray


def map_fit(
    predict: Callable[[np.ndarray], np.ndarray],
    measured: np.ndarray,
    prior_sd: np.ndarray,
    *,
    noise: float = 0.1,
    weights: np.ndarray | None = None,
) -> MapFit:
    """Deltas that make ``predict(deltas)`` (same shape and unit as ``measured``, all positive) fit, pulled to 0 by the prior.

    Minimises the soft-L1 sum of ln(predicted/measured)/``noise`` and of deltas/``prior_sd`` (both as standard deviations).
    ``weights`` multiply a measurement's squared residual. Raises ValueError if shapes differ or a measurement is not positive.
    Needs SciPy (extra ``calibrate``) unless there is no measurement.
    """
    measured, prior_sd = np.asarray(measured, dtype=float), np.asarray(prior_sd, dtype=float)
    if not np.all(np.isfinite(measured) & (measured > 0)):
        raise ValueError("measured values must be positive and finite")
    if not np.all(prior_sd > 0):
        raise ValueError("standard deviations of the prior must be positive")
    if len(measured) == 0:
        return MapFit(np.zeros(len(prior_sd)), np.zeros(0), prior_sd.copy())
    from scipy.optimize import least_squares

    root = np.ones(len(measured)) if weights is None else np.sqrt(np.asarray(weights, dtype=float))

    def misfit(deltas: np.ndarray) -> np.ndarray:
        residuals = np.log(predict(deltas)) - np.log(measured)
        return np.concatenate([root * _soft(residuals, SOFT_SCALE) / noise, deltas / prior_sd])

    found = least_squares(misfit, np.zeros(len(prior_sd)), x_scale=prior_sd, method="trf", max_nfev=200)
    covariance = np.linalg.inv(found.jac.T @ found.jac)  # the prior's rows make it regular
    residuals = np.log(predict(found.x)) - np.log(measured)
    return MapFit(found.x, residuals, np.sqrt(np.diag(covariance)))


def _soft(residuals: np.ndarray, scale: float) -> np.ndarray:
    """Residuals whose square is the soft-L1 loss ``2 s^2 (sqrt(1 + (r/s)^2) - 1)``, with their sign."""
    return np.asarray(residuals * np.sqrt(2.0 / (1.0 + np.sqrt(1.0 + (residuals / scale) ** 2))))  # written so that small ones keep their digits
