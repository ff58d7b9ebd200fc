"""The factors of many CPUs on their class's law, fitted together to measured latencies: maximum a posteriori, in log space."""

from __future__ import annotations

import numpy as np

from device_models.map_fit import SOFT_SCALE
from sim.fidelity.cpu_features import FACTORS, POWERS, price

# Standard deviations of ln(factor) between devices of a class.
SPREAD = {"compute": 0.3, "memory": 0.4, "cache": 0.4, "overhead": 0.5, "winograd": 0.2, "int8": 0.3, "depthwise": 0.15}
NOISE = 0.1  # of ln(measured), of one network on one device
PRECISION = np.array([1.0 / SPREAD[name] ** 2 for name in FACTORS])
_STEPS, _LONGEST, _SMALL = 12, 1.0, 1e-7


def fit_factors(
    parts: np.ndarray,
    measured_s: np.ndarray,
    start: np.ndarray | None = None,
    steps: int = _STEPS,
    powers: np.ndarray = POWERS,
    precision: np.ndarray = PRECISION,
) -> np.ndarray:
    """Natural logarithms of the factors of each CPU, ``[cpus, factors]``, by Gauss-Newton with a soft-L1 loss.

    ``parts``: ``[cpus, networks, parts]``; ``measured_s``: ``[cpus, networks]``, NaN where nothing was measured. A CPU without any
    measurement keeps 0, the prior. ``powers`` and ``precision`` are of the CPU law unless given.
    """
    known = np.isfinite(measured_s)
    target = np.log(np.where(known, measured_s, 1.0))
    deltas = np.zeros((len(parts), len(precision))) if start is None else start.copy()
    for _ in range(steps):
        grown = parts * np.exp(deltas @ powers.T)[:, None, :]
        total = grown.sum(axis=-1)
        misfit = np.where(known, np.log(total) - target, 0.0)
        slopes = (grown / total[..., None]) @ powers
        weight = np.where(known, 1.0 / np.sqrt(1.0 + (misfit / SOFT_SCALE) ** 2), 0.0) / NOISE**2
        curvature = np.einsum("cn,cni,cnj->cij", weight, slopes, slopes) + np.diag(precision)
        downhill = np.einsum("cn,cni,cn->ci", weight, slopes, misfit) + precision * deltas
        step = np.clip(np.linalg.solve(curvature, downhill[..., None])[..., 0], -_LONGEST, _LONGEST)
        deltas = deltas - step
        if np.abs(step).max(initial=0.0) < _SMALL:
            break
    return deltas


def residuals(parts: np.ndarray, measured_s: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """ln(predicted / measured) ``[cpus, networks]``, NaN where nothing was measured."""
    return np.asarray(np.log(price(parts, deltas)) - np.log(measured_s))
