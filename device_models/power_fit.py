"""Fits of power and energy laws to published measurements, and the laws themselves. Watts, joules, volts, hertz, seconds.

All fits are non-negative least squares of relative errors: powers of one table span two decades, and a few percent matter at
each of them. Needs scipy, which is imported by the fits alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LEAKAGE_SCALES_V = tuple(np.geomspace(0.04, 1.0, 25).tolist())  # candidates: an e-fold of leakage per 40 mV to per volt


@dataclass(frozen=True)
class ClusterPower:
    """Power of a cluster with one busy core: ``C V^2 f + leakage V/V_max exp((V - V_max)/scale) + base``.

    The exponential is what drain-induced barrier lowering does to the threshold: leakage current grows exponentially in voltage.
    """

    capacitance_f: float
    leakage_w: float  # at the highest voltage
    base_w: float
    highest_v: float
    leakage_scale_v: float

    def power_w(self, frequency_hz: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
        """W ``[points]`` at frequencies and voltages ``[points]``."""
        return np.asarray(_cluster_columns(frequency_hz, voltage_v, self.highest_v, self.leakage_scale_v) @ [self.capacitance_f, self.leakage_w, self.base_w])


def fit_cluster(frequency_hz: np.ndarray, voltage_v: np.ndarray, power_w: np.ndarray, leakage_scale_v: float) -> ClusterPower:
    """C, leakage and base of one table of operating points, at least three ``[points]``. Raises ValueError for fewer."""
    if len(power_w) < 3:
        raise ValueError(f"{len(power_w)} operating points cannot tell capacitance, leakage and base")
    highest = float(voltage_v.max())
    capacitance, leakage, base = relative_fit(_cluster_columns(frequency_hz, voltage_v, highest, leakage_scale_v), power_w)
    return ClusterPower(float(capacitance), float(leakage), float(base), highest, leakage_scale_v)


def leakage_scale(tables: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """The voltage scale of leakage that suits all clusters ``(frequency, voltage, power)`` of one SoC best: they share a process."""

    def error(scale: float) -> float:
        return sum(float(np.sum((fit_cluster(f, v, p, scale).power_w(f, v) / p - 1) ** 2)) for f, v, p in tables)

    return min(LEAKAGE_SCALES_V, key=error)


def left_out(groups: np.ndarray, predict: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Predictions ``[rows]`` of each group by a fit to all other groups: ``predict(rows to learn from, rows to predict)``."""
    result = np.empty(len(groups))
    for group in np.unique(groups):
        held = groups == group
        result[held] = predict(~held, held)
    return result


def _cluster_columns(frequency_hz: np.ndarray, voltage_v: np.ndarray, highest_v: float, scale_v: float) -> np.ndarray:
    leakage = voltage_v / highest_v * np.exp((voltage_v - highest_v) / scale_v)
    return np.column_stack([voltage_v**2 * frequency_hz, leakage, np.ones(len(voltage_v))])


def relative_fit(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Non-negative coefficients that make ``columns @ c`` equal ``values``, errors relative to the values."""
    from scipy.optimize import nnls

    size = np.abs(columns).max(axis=0)  # capacitances are 1e-9, watts 1: without this the solver's tolerance would drop the small ones
    return np.asarray(nnls(columns / size / values[:, None], np.ones(len(values)))[0] / size)
