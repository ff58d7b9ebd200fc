"""Fits of sums of products of factors, in log space with priors: ``predicted = sum over terms of count * coefficient * factors``.

Such a sum is a posynomial; its logarithm is convex in the logarithms of the factors, so that the fit is one smooth descent with
an exact gradient however many factors there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SOFT_SCALE = 0.15  # of ln(predicted/measured): beyond it a residual counts linearly
_STEPS = 60
_DAMPING_LIMIT = 1e8


@dataclass(frozen=True)
class Posynomial:
    """``terms``: counts times prior coefficients, ``[rows, terms]``, none negative and no row all zero.

    ``powers``: with which power each factor enters each term of each row, ``[rows, terms, factors]``.
    """

    terms: np.ndarray
    powers: np.ndarray

    def parts(self, deltas: np.ndarray) -> np.ndarray:
        """The terms with factors ``exp(deltas)``, ``[rows, terms]``."""
        return np.asarray(self.terms * np.exp(self.powers @ deltas))

    def values(self, deltas: np.ndarray) -> np.ndarray:
        """Their sums, ``[rows]``."""
        return np.asarray(self.parts(deltas).sum(axis=1))

    def take(self, rows: np.ndarray) -> Posynomial:
        return Posynomial(self.terms[rows], self.powers[rows])


def fit_posynomial(model: Posynomial, measured: np.ndarray, prior_sd: np.ndarray, *, noise: float = 0.05) -> np.ndarray:
    """Natural logarithms of the factors ``[factors]`` that make ``model`` fit ``measured`` ``[rows]``, pulled to 0 by the prior.

    Minimises the soft-L1 sum of ln(predicted/measured)/``noise`` and the squares of deltas/``prior_sd``, as :mod:`device_models.map_fit`
    does. Raises ValueError where shapes differ or a measurement, a prior or a row of terms is not positive.
    """
    measured, prior_sd = np.asarray(measured, dtype=float), np.asarray(prior_sd, dtype=float)
    if model.terms.shape[0] != len(measured) or model.powers.shape != (*model.terms.shape, len(prior_sd)):
        raise ValueError(f"shapes differ: {len(measured)} rows, terms {model.terms.shape}, powers {model.powers.shape}, {len(prior_sd)} priors")
    if not (np.isfinite(measured).all() and (measured > 0).all() and (prior_sd > 0).all()):
        raise ValueError("measured values and standard deviations of the prior must be positive and finite")
    if not ((model.terms >= 0).all() and (model.terms.sum(axis=1) > 0).all()):
        raise ValueError("terms must not be negative, and no row may be all zero")
    deltas, damping = np.zeros(len(prior_sd)), 1e-3
    loss = _loss(model, measured, prior_sd, noise, deltas)
    for _ in range(_STEPS):
        gradient, curvature = _slopes(model, measured, prior_sd, noise, deltas)
        moved, damping, lower = _step(model, measured, prior_sd, noise, deltas, gradient, curvature, damping, loss)
        gained, deltas, loss = loss - lower, moved, lower
        if gained <= 1e-9 * max(loss, 1.0):
            break
    return deltas


def _loss(model: Posynomial, measured: np.ndarray, prior_sd: np.ndarray, noise: float, deltas: np.ndarray) -> float:
    residuals = np.log(model.values(deltas) / measured)
    soft = 2.0 * SOFT_SCALE**2 * (np.sqrt(1.0 + (residuals / SOFT_SCALE) ** 2) - 1.0)
    return float(soft.sum() / noise**2 + np.sum((deltas / prior_sd) ** 2))


def _slopes(model: Posynomial, measured: np.ndarray, prior_sd: np.ndarray, noise: float, deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the gradient ``[factors]`` and half the Gauss-Newton curvature ``[factors, factors]`` of the loss."""
    parts = model.parts(deltas)
    sums = parts.sum(axis=1)
    residuals = np.log(sums / measured)
    weights = 1.0 / np.sqrt(1.0 + (residuals / SOFT_SCALE) ** 2) / noise**2
    jacobian = np.matmul((parts / sums[:, None])[:, None, :], model.powers)[:, 0, :]
    gradient = jacobian.T @ (weights * residuals) + deltas / prior_sd**2
    # einsum, not a matrix product: see _solved
    return gradient, np.einsum("rf,rg->fg", jacobian, weights[:, None] * jacobian) + np.diag(prior_sd**-2.0)


def _step(
    model: Posynomial,
    measured: np.ndarray,
    prior_sd: np.ndarray,
    noise: float,
    deltas: np.ndarray,
    gradient: np.ndarray,
    curvature: np.ndarray,
    damping: float,
    loss: float,
) -> tuple[np.ndarray, float, float]:
    """The next point downhill, its damping (Levenberg-Marquardt) and its loss; the same point where there is none."""
    while damping < _DAMPING_LIMIT:
        moved = deltas - _solved(curvature + damping * np.diag(np.diag(curvature)), gradient)
        lower = _loss(model, measured, prior_sd, noise, moved)
        if lower <= loss:
            return moved, max(damping / 5.0, 1e-9), lower
        damping *= 5.0
    return deltas, damping, loss


def _solved(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``x`` of ``matrix x = vector`` for a positive definite matrix, by elimination without pivots.

    A hundred unknowns take a millisecond; the threads of a linear-algebra library took a second each on a machine with other work.
    """
    table = np.column_stack([matrix, vector])
    for row in range(len(vector)):
        table[row] /= table[row, row]
        factors = table[:, row].copy()
        factors[row] = 0.0
        table -= factors[:, None] * table[row]
    return np.asarray(table[:, -1])
