"""The kinetic battery: two wells of charge, of which only one feeds the terminals (Manwell and McGowan, Solar Energy 50, 1993).

A share c of the capacity is available, the rest flows after it at the rate k' times the difference of heights. Fast loads empty
the available well while charge remains in the other; in a pause the battery recovers. The open-circuit voltage is constant, so a
constant power is a constant current and every step is closed form. For discharge.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from device_models.battery import EMPTY, BatteryLaw, Flow, State
from device_models.spec import BatterySpec

_Array = NDArray[np.float64]


class KineticLaw(BatteryLaw):
    """State: ``(all charge, difference of heights)``, both in coulombs; the available charge is ``c (q - (1 - c) d)``."""

    def __init__(self, spec: BatterySpec) -> None:
        super().__init__(spec)
        if spec.kinetic is None:
            raise ValueError("a kinetic battery needs its two wells")
        self._share = float(spec.kinetic.available)
        self._rate = float(spec.kinetic.rate_hz) / (self._share * (1.0 - self._share))
        self._volts = float(spec.nominal_v)
        self._cutoff_v = 0.0 if spec.cutoff_v is None else float(spec.cutoff_v)

    def charged(self, share: float) -> State:
        return share * self.capacity_c, 0.0

    def state_of_charge(self, state: State) -> float:
        return state[0] / self.capacity_c

    def energy_j(self, state: State) -> float:
        return state[0] * self._volts

    def available_c(self, state: State) -> float:
        """Charge in the well at the terminals."""
        return self._share * (state[0] - (1.0 - self._share) * state[1])

    def current_a(self, power_w: _Array) -> _Array:
        """Current at loads ``[n]``. Raises ValueError for charging."""
        if np.any(power_w < 0):
            raise ValueError("a kinetic battery cannot be charged here")
        return np.asarray(2.0 * power_w / (self._volts + np.sqrt(np.maximum(self._volts**2 - 4.0 * self.resistance_ohm * power_w, 0.0))))

    def terminal_v(self, state: State, power_w: float) -> float:
        return self._volts - self.resistance_ohm * float(self.current_a(np.array([power_w]))[0])

    def after(self, state: State, seconds: _Array, powers_w: _Array) -> Flow:
        if not len(seconds):
            return Flow(state, 0.0, 0.0, seconds, seconds)
        current = self.current_a(powers_w)
        drawn = current + self.leak_a
        ages_s = np.concatenate([np.cumsum(seconds[::-1])[::-1], [0.0]])
        remains = np.exp(-self._rate * ages_s)
        apart = state[1] * remains[0] + float((drawn * (remains[1:] - remains[:-1])).sum()) / (self._share * self._rate)
        out_c = float((current * seconds).sum())
        charges_c = np.maximum(state[0] - np.cumsum(drawn * seconds), 0.0)
        return Flow((float(charges_c[-1]), apart), out_c, 0.0, charges_c, self._volts - self.resistance_ohm * current)

    def end_after_s(self, state: State, power_w: float) -> float:
        if self._volts**2 < 4.0 * self.resistance_ohm * power_w or self.terminal_v(state, power_w) < self._cutoff_v:
            return 0.0
        return self._empty_after_s(state, float(self.current_a(np.array([power_w]))[0]) + self.leak_a)

    def _empty_after_s(self, state: State, current_a: float) -> float:
        """When the available well is empty at a constant current: it falls through nothing once, so bisection finds it."""
        if self.available_c(state) <= 0:
            return 0.0
        if current_a <= 0:
            return math.inf
        steady_c = current_a / (self._share * self._rate)

        def left_c(seconds: float) -> float:
            decay = math.exp(-self._rate * seconds)
            return state[0] - current_a * seconds - (1.0 - self._share) * (steady_c + (state[1] - steady_c) * decay)

        low_s, high_s = 0.0, state[0] / current_a
        while (middle_s := 0.5 * (low_s + high_s)) not in (low_s, high_s):
            low_s, high_s = (middle_s, high_s) if left_c(middle_s) > 0 else (low_s, middle_s)
        return high_s

    def life_s(self, state: State, seconds: _Array, powers_w: _Array) -> float:
        drawn = powers_w[seconds > 0]
        if any(self.end_after_s(state, float(power)) == 0.0 for power in drawn):
            return 0.0
        mean_a = float((self.current_a(drawn) * seconds[seconds > 0]).sum() / seconds.sum()) if len(drawn) else 0.0
        return self._empty_after_s(state, mean_a + self.leak_a)

    def end_reason(self, state: State) -> str:
        return EMPTY if self.available_c(state) <= 1e-9 * self.capacity_c else super().end_reason(state)
