"""Fits of power and energy laws to published measurements, and the laws themselves. Watts, joules, volts, hertz, seconds.

All fits are non-negative least squares of relative errors: powers of one table span two decades, and a few percent matter at
each of them. Needs scipy, which is imported by the fits alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LEAKAGE_SCALES_V = tuple(np.geomspace(0.04, 1.0, 25).tolist())  # candidates: an e-fold of leakage per 40 mV to per volt

# Estimated: in sleep the cores' clocks stop, and what is left is about evenly the clock tree and what has no clock at all.
WAIT_FLOOR_SHARE = 0.5


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
    capacitance, leakage, base = _relative_fit(_cluster_columns(frequency_hz, voltage_v, highest, leakage_scale_v), power_w)
    return ClusterPower(float(capacitance), float(leakage), float(base), highest, leakage_scale_v)


def leakage_scale(tables: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """The voltage scale of leakage that suits all clusters ``(frequency, voltage, power)`` of one SoC best: they share a process."""

    def error(scale: float) -> float:
        return sum(float(np.sum((fit_cluster(f, v, p, scale).power_w(f, v) / p - 1) ** 2)) for f, v, p in tables)

    return min(LEAKAGE_SCALES_V, key=error)


def energy_at_voltage(energy_j: float, voltage_v: float, other_v: float) -> float:
    """Switching energy of the same work at another voltage: ``C V^2`` does not depend on the clock."""
    return energy_j * (other_v / voltage_v) ** 2


def time_at_clock(time_s: float, frequency_hz: float, other_hz: float) -> float:
    """Time of work whose cycles do not depend on the clock (memory on chip, in the same clock domain)."""
    return time_s * frequency_hz / other_hz


@dataclass(frozen=True)
class DutyCycle:
    """Power of a microcontroller that works for a part of each period and waits with its clock running for the rest.

    ``active_w`` and ``wait_w`` at ``frequency_hz`` and ``voltage_v``; ``floor_w`` of both does not follow the clock (regulator,
    oscillators, analog parts), the rest follows ``V^2 f``.
    """

    active_w: float
    wait_w: float
    floor_w: float
    frequency_hz: float
    voltage_v: float

    def mean_w(self, duty: float, frequency_hz: float, voltage_v: float) -> float:
        """Mean power at a duty cycle (0 to 1), clock and core voltage, W."""
        scale = frequency_hz / self.frequency_hz * (voltage_v / self.voltage_v) ** 2
        active, wait = (self.floor_w + (watts - self.floor_w) * scale for watts in (self.active_w, self.wait_w))
        return duty * active + (1 - duty) * wait


def wait_power(mean_w: float, active_w: float, duty: float) -> float:
    """What is left for waiting of a mean power at a duty cycle, W. Raises ValueError where there is no waiting."""
    if not 0 <= duty < 1:
        raise ValueError(f"a duty cycle below 1 is needed to see the waiting, got {duty:g}")
    return (mean_w - duty * active_w) / (1 - duty)


@dataclass(frozen=True)
class BoardEnergy:
    """Energy of one inference on a board: ``idle_w`` for the whole time, ``active_w`` more while it computes, and a fixed part."""

    idle_w: float
    active_w: float
    fixed_j: float

    def energy_j(self, latency_s: np.ndarray) -> np.ndarray:
        """J ``[models]`` for latencies ``[models]`` of back-to-back inferences."""
        return (self.idle_w + self.active_w) * np.asarray(latency_s) + self.fixed_j


def fit_board(latency_s: np.ndarray, energy_j: np.ndarray, idle_w: float) -> BoardEnergy:
    """Active power and the fixed part from measured energies ``[models]``, with the idle power the board was seen to have."""
    above = np.maximum(energy_j - idle_w * latency_s, 0.0)
    active, fixed = _relative_fit(np.column_stack([latency_s, np.ones(len(latency_s))]), above, energy_j)
    return BoardEnergy(idle_w, float(active), float(fixed))


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


def _relative_fit(columns: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Non-negative coefficients that make ``columns @ c`` equal ``values``, errors relative to ``weights`` (the values)."""
    from scipy.optimize import nnls

    whole = values if weights is None else weights
    size = np.abs(columns).max(axis=0)  # capacitances are 1e-9, watts 1: without this the solver's tolerance would drop the small ones
    return np.asarray(nnls(columns / size / whole[:, None], values / whole)[0] / size)
