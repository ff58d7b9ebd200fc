"""A battery as its open-circuit voltage behind a resistance: exact between changes of power.

At a load P the current is the lower root of ``P = (V - I R) I``, so a constant power draws more and more as the voltage V falls.
The time between two states of charge is an integral of 1 over the current; V is linear between the points of its table, so that
Gauss-Legendre quadrature from point to point gives it to rounding, and Newton's method turns it round. Where pieces are short
(a device under work changes its power thousands of times a second) all are solved at once, by iterating the midpoint rule.

Options: Peukert's law (W. Peukert, ETZ 18, 1897): above the rated current I0 the charge taken counts (I/I0)^(k-1) times; below it
the rated capacity is what there is. Self-discharge is a constant current while the battery is not being charged.

Charging: constant power, at most ``charge_current``, until the terminals reach the full open-circuit voltage; then the voltage is
held and the current tapers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from device_models.battery import BatteryLaw, Flow, State
from device_models.spec import BatterySpec

_Array = NDArray[np.float64]
# q = low + width x^2 takes the square-root singularity out of the last coulombs before the largest power the battery can give
_NODES = 0.5 * (np.polynomial.legendre.leggauss(16)[0] + 1.0)
_SQUARES, _SQUARE_WEIGHTS = _NODES**2, _NODES * np.polynomial.legendre.leggauss(16)[1]
_SHORT = 1e-5  # of the capacity, moved by one step of the midpoint rule: exact to 1e-12 of the step
_PARTS = 100  # steps that a piece may be cut into; a longer one is solved by itself
_SMALL = 1e-2  # of the capacity, moved by all pieces solved at once: a few iterations converge


class OpenCircuitLaw(BatteryLaw):
    """State: ``(charge,)``."""

    def __init__(self, spec: BatterySpec) -> None:
        super().__init__(spec)
        points = [(float(point.charge), float(point.voltage_v)) for point in spec.open_circuit] or [(0.0, float(spec.nominal_v)), (1.0, float(spec.nominal_v))]
        self._knots_c = np.array([share * self.capacity_c for share, _ in points])
        self._knots_v = np.array([volts for _, volts in points])
        self._cutoff_v = 0.0 if spec.cutoff_v is None else float(spec.cutoff_v)
        # one voltage at every charge cannot show that the battery is full: it is charged without taper
        self._full_v = points[-1][1] if points[-1][1] > points[0][1] else math.inf
        self._most_a = math.inf if spec.charge_current_a is None else float(spec.charge_current_a)
        self._exponent = float(spec.peukert_exponent)
        self._rated_a = self.capacity_c / float(spec.rated_discharge_s)
        # energy at open circuit up to each point
        self._knots_j = np.concatenate([[0.0], np.cumsum(np.diff(self._knots_c) * 0.5 * (self._knots_v[1:] + self._knots_v[:-1]))])

    def charged(self, share: float) -> State:
        return (share * self.capacity_c,)

    def state_of_charge(self, state: State) -> float:
        return state[0] / self.capacity_c

    def energy_j(self, state: State) -> float:
        segment = min(max(int(np.searchsorted(self._knots_c, state[0], side="right")) - 1, 0), len(self._knots_c) - 2)
        beyond_c = state[0] - float(self._knots_c[segment])
        return float(self._knots_j[segment]) + beyond_c * 0.5 * (float(self._knots_v[segment]) + float(self.open_circuit_v(state[0])))

    def open_circuit_v(self, charge_c: float | _Array) -> _Array:
        """Open-circuit voltage at charges ``[...]``."""
        return np.asarray(np.interp(charge_c, self._knots_c, self._knots_v))

    def current_a(self, charge_c: _Array, power_w: _Array) -> _Array:
        """Current out of the terminals ``[...]`` of a battery that is not full, negative while charging; of too large a load, as of the largest."""
        volts = self.open_circuit_v(charge_c)
        if not self.resistance_ohm:
            current = power_w / volts
        else:
            current = 2.0 * power_w / (volts + np.sqrt(np.maximum(volts * volts - 4.0 * self.resistance_ohm * power_w, 0.0)))
        if np.min(power_w) >= 0:
            return np.asarray(current)
        current = np.maximum(current, -self._most_a)
        if self.resistance_ohm and self._full_v < math.inf:
            current = np.where(power_w < 0, np.maximum(current, np.minimum((volts - self._full_v) / self.resistance_ohm, 0.0)), current)
        return np.asarray(current)

    def rate_a(self, charge_c: _Array, power_w: _Array) -> _Array:
        """Rate of change of the charge ``[...]``, coulombs a second."""
        current = self.current_a(charge_c, power_w)
        if self._exponent > 1.0:
            current = current * np.maximum(current / self._rated_a, 1.0) ** (self._exponent - 1.0)
        if self.leak_a:
            current = current + np.where(np.asarray(power_w) >= 0, self.leak_a, 0.0)
        return -current

    def terminal_v(self, state: State, power_w: float) -> float:
        volts = float(self.open_circuit_v(state[0]))
        return volts - self.resistance_ohm * float(self.current_a(np.array(state[0]), np.array(power_w)))

    def needed_v(self, power_w: float) -> float:
        """The least open-circuit voltage from which a load leaves the terminals at the cut-off or above, V."""
        squared = max(power_w, 0.0) * self.resistance_ohm
        return self._cutoff_v + squared / self._cutoff_v if self._cutoff_v**2 > squared else 2.0 * math.sqrt(squared)

    def floor_c(self, power_w: float) -> float:
        """The charge at which a load ends the battery, C; infinite if even a full one cannot carry it."""
        needed_v, volts = self.needed_v(power_w), self._knots_v
        if power_w < 0 or needed_v <= volts[0]:
            return 0.0
        if needed_v > volts[-1]:
            return math.inf
        above = int(np.searchsorted(volts, needed_v, side="left"))
        low_c, high_c = float(self._knots_c[above - 1]), float(self._knots_c[above])
        return low_c + (high_c - low_c) * (needed_v - float(volts[above - 1])) / float(volts[above] - volts[above - 1])

    def end_after_s(self, state: State, power_w: float) -> float:
        return math.inf if power_w < 0 else self.life_s(state, np.ones(1), np.array([power_w]))

    def life_s(self, state: State, seconds: _Array, powers_w: _Array) -> float:
        drawn = powers_w[seconds > 0]
        low_c = max((self.floor_c(float(power)) for power in drawn), default=0.0)
        if state[0] <= low_c:
            return 0.0
        if not self.leak_a and not np.any(drawn > 0):
            return math.inf
        return self._seconds_between(low_c, state[0], drawn, seconds[seconds > 0] / seconds.sum())

    def _seconds_between(self, low_c: float, high_c: float, powers_w: _Array, shares: _Array) -> float:
        """Time from one charge to another under powers ``[n]`` in these shares (or back, if they charge)."""
        inner = self._knots_c[(self._knots_c > low_c) & (self._knots_c < high_c)]
        borders = np.concatenate([[low_c], inner, [high_c]])
        widths = np.diff(borders)
        charges = borders[:-1, None] + widths[:, None] * _SQUARES
        rates = np.tensordot(shares, self.rate_a(charges, powers_w[:, None, None]), axes=1)
        with np.errstate(over="ignore", divide="ignore"):  # next to no power: for ever
            return float(abs((widths[:, None] * _SQUARE_WEIGHTS / rates).sum()))

    def after(self, state: State, seconds: _Array, powers_w: _Array) -> Flow:
        charge_c = state[0]
        ends_c = self._ends_at_once(charge_c, seconds, powers_w) if len(seconds) > 1 else None
        if ends_c is None:
            if len(seconds) > 1:
                return self._in_halves(state, seconds, powers_w)
            ends_c = np.array([self._after_one(charge_c, float(power), float(time_s)) for time_s, power in zip(seconds, powers_w, strict=True)])
        if not len(ends_c):
            return Flow(state, 0.0, 0.0, ends_c, ends_c)
        left_c, in_c, leaking_s = float(ends_c[-1]), 0.0, float(seconds.sum())
        charging = powers_w < 0
        if charging.any():
            in_c = float(np.diff(ends_c, prepend=charge_c)[charging].sum())
            leaking_s -= float(seconds[charging].sum())
        out_c = charge_c - left_c + in_c - self.leak_a * leaking_s
        return Flow((left_c,), max(out_c, 0.0), in_c, ends_c, self.open_circuit_v(ends_c) - self.resistance_ohm * self.current_a(ends_c, powers_w))

    def _in_halves(self, state: State, seconds: _Array, powers_w: _Array) -> Flow:
        middle = len(seconds) // 2
        first = self.after(state, seconds[:middle], powers_w[:middle])
        last = self.after(first.state, seconds[middle:], powers_w[middle:])
        charges_c, volts = np.concatenate([first.charges_c, last.charges_c]), np.concatenate([first.volts, last.volts])
        return Flow(last.state, first.out_c + last.out_c, first.in_c + last.in_c, charges_c, volts)

    def _ends_at_once(self, charge_c: float, seconds: _Array, powers_w: _Array) -> _Array | None:
        """The charge after each of many short pieces, or None where they move too much or come near an end."""
        moves_c = np.abs(self.rate_a(np.array(charge_c), powers_w) * seconds)
        reach_c, most_c = float(moves_c.sum()), float(moves_c.max())
        if reach_c > _SMALL * self.capacity_c or most_c > _PARTS * _SHORT * self.capacity_c:
            return None
        near_floor = charge_c - 2.0 * reach_c <= self.floor_c(float(powers_w.max()))
        if near_floor or (charge_c + 2.0 * reach_c >= self.capacity_c and np.min(powers_w) < 0):
            return None
        if most_c <= _SHORT * self.capacity_c:
            return self._by_midpoints(charge_c, seconds, powers_w)
        parts = np.ceil(moves_c / (_SHORT * self.capacity_c)).astype(int).clip(1)
        ends_c = self._by_midpoints(charge_c, np.repeat(seconds / parts, parts), np.repeat(powers_w, parts))
        return None if ends_c is None else ends_c[np.cumsum(parts) - 1]

    def _by_midpoints(self, charge_c: float, seconds: _Array, powers_w: _Array) -> _Array | None:
        """The charge after each of many steps by the midpoint rule, iterated until it stands; None if it does not."""
        ends_c = charge_c + np.cumsum(self.rate_a(np.array(charge_c), powers_w) * seconds)
        for _ in range(20):
            middles_c = 0.5 * ends_c
            middles_c[1:] += middles_c[:-1].copy()
            middles_c[0] += 0.5 * charge_c
            better_c = charge_c + np.cumsum(seconds * self.rate_a(middles_c, powers_w))
            change_c = float(np.abs(better_c - ends_c).max())
            ends_c = better_c
            if change_c <= 1e-13 * self.capacity_c:  # the next would be far smaller
                return ends_c
        return None

    def _after_one(self, charge_c: float, power_w: float, seconds: float) -> float:
        """The charge after one piece of any length."""
        if seconds <= 0 or not (power_w or self.leak_a):
            return charge_c
        moves_c = float(self.rate_a(np.array(charge_c), np.array(power_w))) * seconds
        if abs(moves_c) < 1e-17 * self.capacity_c:  # less than rounding
            return charge_c
        if power_w < 0:
            return self._charged_after(charge_c, power_w, seconds)
        low_c = min(self.floor_c(power_w), charge_c)
        if seconds >= self.end_after_s((charge_c,), power_w):
            return low_c
        return self._moved(charge_c, low_c, power_w, seconds)

    def _moved(self, charge_c: float, limit_c: float, power_w: float, seconds: float) -> float:
        """The charge after ``seconds`` on the way from ``charge_c`` to ``limit_c``, by Newton's method."""
        power, share = np.array([power_w]), np.ones(1)
        low_c, high_c = min(charge_c, limit_c), max(charge_c, limit_c)
        found_c = charge_c + float(self.rate_a(np.array(charge_c), power)[0]) * seconds
        for _ in range(60):
            found_c = min(max(found_c, low_c), high_c)
            taken_s = self._seconds_between(min(found_c, charge_c), max(found_c, charge_c), power, share)
            step_c = (seconds - taken_s) * float(self.rate_a(np.array(found_c), power)[0])
            found_c += step_c
            if abs(step_c) <= 4e-16 * self.capacity_c:
                break
        return min(max(found_c, low_c), high_c)

    def _charged_after(self, charge_c: float, power_w: float, seconds: float) -> float:
        """The charge after charging: from kink to kink of the current, each piece exact."""
        resistance, full_v = self.resistance_ohm, self._full_v
        held_v = math.inf  # open-circuit voltage from which the terminals are held at the full voltage
        if resistance and full_v < math.inf:
            held_v = max(full_v + power_w * resistance / full_v, full_v - self._most_a * resistance)
        kinks = [held_v] if self._most_a == math.inf else [held_v, -power_w / self._most_a - self._most_a * resistance]
        inside = [float(np.interp(volts, self._knots_v, self._knots_c)) for volts in kinks if self._knots_v[0] < volts < self._knots_v[-1]]
        for border_c in sorted({*inside, *self._knots_c.tolist(), self.capacity_c}):
            if border_c <= charge_c:
                continue
            low_v, high_v = (float(volts) for volts in self.open_circuit_v(np.array([charge_c, border_c])))
            if 0.5 * (low_v + high_v) >= held_v:
                taken_s, found_c = self._tapered(charge_c, border_c, low_v, high_v, seconds)
            else:
                taken_s, found_c = self._seconds_between(charge_c, border_c, np.array([power_w]), np.ones(1)), math.nan
            if seconds < taken_s:
                return found_c if found_c == found_c else self._moved(charge_c, border_c, power_w, seconds)
            seconds -= taken_s
            charge_c = border_c
        return charge_c

    def _tapered(self, low_c: float, high_c: float, low_v: float, high_v: float, seconds: float) -> tuple[float, float]:
        """At constant terminal voltage: the time from ``low_c`` to ``high_c``, and the charge after ``seconds`` on that way."""
        short_v, slope = self._full_v - low_v, (high_v - low_v) / (high_c - low_c)
        if slope == 0.0 or short_v <= 0.0:
            rate = max(short_v, 0.0) / self.resistance_ohm
            return ((high_c - low_c) / rate if rate else math.inf), low_c + rate * seconds
        decay = slope / self.resistance_ohm
        taken_s = math.log(short_v / (self._full_v - high_v)) / decay if self._full_v > high_v else math.inf
        return taken_s, low_c - short_v / slope * math.expm1(-decay * seconds)
