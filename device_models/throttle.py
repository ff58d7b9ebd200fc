"""A unit that always has work, held at a temperature by its clock: the closed loop of heat network and throttling law.

The law is proportional: from an onset temperature on the allowed clock falls linearly over a band of temperature, as the
proportional term of Linux ``power_allocator`` and the skin budgets of phones do around their operating point.

The rate of the work is taken in proportion to the clock; power is a static part and a dynamic one that follows the clock's square:
over the operating-point tables of the Google Tensor (Linux device tree gs101) V^2 f grows with the 1.8th power of the clock, over
the upper half of them with the 2.3rd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from device_models.figure import Figure
from device_models.spec import ThermalSpec
from device_models.thermal import RcNetwork

_EXPONENT = 2.0
_BISECTIONS = 60


@dataclass(frozen=True)
class ThrottledDevice:
    """One heat capacity and one resistance to the air, the power of the load, and the temperatures between which the clock falls."""

    resistance_k_per_w: float
    heat_capacity_j_per_k: float
    static_w: float
    dynamic_w: float  # at the highest clock
    onset_c: float
    band_k: float  # at onset + band the law would stop the clock
    polling_s: float = 1.0
    lowest: float = 0.2

    def power_w(self, clock: float) -> float:
        """Power at a share ``clock`` of the highest clock, W."""
        return self.static_w + self.dynamic_w * clock**_EXPONENT

    def allowed_clock(self, temperature_c: float) -> float:
        """The share of the highest clock that the law allows at a temperature."""
        return min(max(1.0 - (temperature_c - self.onset_c) / self.band_k, self.lowest), 1.0)

    def sustained_clock(self, ambient_c: float) -> float:
        """The share of the highest clock at which heat and law are in balance for ever: found by bisection."""
        low, high = self.lowest, 1.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            balanced = ambient_c + self.resistance_k_per_w * self.power_w(middle)
            low, high = (middle, high) if self.allowed_clock(balanced) >= middle else (low, middle)
        return (low + high) / 2

    def network(self) -> RcNetwork:
        """Its heat network, of the node ``soc``."""
        spec = {
            "nodes": {"soc": {"heat_capacity": Figure(self.heat_capacity_j_per_k)}},
            "links": [{"between": ("soc", "ambient"), "resistance": Figure(self.resistance_k_per_w)}],
        }
        return RcNetwork(ThermalSpec.model_validate(spec))


def throttled_run(device: ThrottledDevice, ambient_c: float, duration_s: float, start_c: float | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From ``start_c`` (None: ambient): times ``[polls]`` s, share of the highest clock from each on ``[polls]``, temperature then ``[polls]`` degC."""
    network = device.network()
    count = int(duration_s / device.polling_s) + 1
    clocks, degrees = np.empty(count), np.empty(count)
    state = network.uniform(ambient_c if start_c is None else start_c)
    for index in range(count):
        degrees[index] = state[0]
        clocks[index] = device.allowed_clock(float(state[0]))
        state = network.step(state, np.array([device.power_w(clocks[index])]), ambient_c, device.polling_s)
    return np.arange(count) * device.polling_s, clocks, degrees


def mean_in_bins(times_s: np.ndarray, values: np.ndarray, bins_s: np.ndarray, width_s: float) -> np.ndarray:
    """Mean ``[bins]`` of a step function, ``values`` from ``times_s`` on, over bins that begin at ``bins_s`` ``[bins]``."""
    edges = np.concatenate([times_s, [max(float(times_s[-1]), float(bins_s[-1]) + width_s)]])
    area = np.concatenate([[0.0], np.cumsum(values * np.diff(edges))])
    return np.asarray((np.interp(bins_s + width_s, edges, area) - np.interp(bins_s, edges, area)) / width_s)


@dataclass(frozen=True)
class Shape:
    """What a throttled run looks like: level after it settled over level at first, and when it has come half the way, and near the plateau.

    Times are crossings of the line through the middles of the bins; near is within a fifth of the plateau.
    """

    plateau_ratio: float
    time_to_middle_s: float
    time_to_plateau_s: float


def shape(bins_s: np.ndarray, rates: np.ndarray, width_s: float, settled_s: tuple[float, float] = (120.0, 300.0)) -> Shape:
    """The shape of binned rates ``[bins]``: the plateau is their median in ``settled_s``; the curve is smoothed by the median of three bins."""
    plateau = float(np.median(rates[(bins_s >= settled_s[0]) & (bins_s < settled_s[1])]))
    first = float(rates[:2].max())
    smooth = np.array([np.median(rates[max(0, index - 1) : index + 2]) for index in range(len(rates))])
    middles = bins_s + width_s / 2
    return Shape(plateau / first, _first_at(middles, smooth, (first + plateau) / 2), _first_at(middles, smooth, 1.2 * plateau))


def fit_throttled(bins_s: np.ndarray, rates: np.ndarray, width_s: float, guess: ThrottledDevice, ambient_c: float, sustained_w: float) -> ThrottledDevice:
    """The device that holds ``sustained_w`` in the end and whose clock looks like measured ``rates`` ``[bins]`` over their first.

    Free are the heat capacity and the sustained clock; resistance, static power and onset are those of ``guess``. Needs scipy.
    """
    from scipy.optimize import minimize

    measured = rates / float(rates[:2].max())
    duration = float(bins_s[-1]) + width_s

    def device(free: np.ndarray) -> ThrottledDevice:
        capacity, clock = math.exp(min(max(float(free[0]), -5.0), 8.0)), 1.0 / (1.0 + math.exp(-min(max(float(free[1]), -8.0), 8.0)))
        return replace(settling_at(guess, ambient_c, sustained_w, clock), heat_capacity_j_per_k=capacity)

    def error(free: np.ndarray) -> float:
        times, clocks, _ = throttled_run(device(free), ambient_c, duration)
        return float(np.mean(np.abs(mean_in_bins(times, clocks, bins_s, width_s) - measured)))

    begin = math.log(guess.heat_capacity_j_per_k)
    starts = [np.array([begin + factor, 0.3]) for factor in (-0.7, 0.0, 0.7)]
    results = [minimize(error, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5, "maxiter": 150}) for start in starts]
    return device(min(results, key=lambda result: float(result.fun)).x)


def settling_at(guess: ThrottledDevice, ambient_c: float, sustained_w: float, clock: float) -> ThrottledDevice:
    """``guess`` with the dynamic power and the band with which it settles at a share ``clock`` of the highest clock and draws ``sustained_w``.

    Raises ValueError where that power is no more than the static one, or does not heat it beyond the onset.
    """
    held_c = ambient_c + guess.resistance_k_per_w * sustained_w
    if sustained_w <= guess.static_w or held_c <= guess.onset_c:
        raise ValueError(f"{sustained_w:g} W hold {held_c:g} degC: throttling from {guess.onset_c:g} degC never sets in, or only static power is drawn")
    dynamic = (sustained_w - guess.static_w) / clock**_EXPONENT
    return replace(guess, dynamic_w=dynamic, band_k=(held_c - guess.onset_c) / (1.0 - clock))


def _first_at(times_s: np.ndarray, values: np.ndarray, level: float) -> float:
    """When ``values`` ``[times]`` first are at or below a level, s: on the line between two of them."""
    index = int(np.argmax(values <= level))
    if index == 0:
        return float(times_s[0])
    share = (values[index - 1] - level) / (values[index - 1] - values[index])
    return float(times_s[index - 1] + share * (times_s[index] - times_s[index - 1]))
