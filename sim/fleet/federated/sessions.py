"""When clients are there and when they charge: windows that repeat, each client's at a phase of its own, so that every question has a closed form.

Arrays broadcast. A window that is as long as its period never ends; one of length 0 never opens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def is_open(now_s: Values | float, period_s: Values | float, length_s: Values | float, phase_s: Values) -> NDArray[np.bool_]:
    """Whether the window is open. It opens whenever ``now_s + phase_s`` is a multiple of ``period_s``."""
    opened: NDArray[np.bool_] = _position(now_s + phase_s, period_s) < length_s
    return opened


def remaining_s(now_s: Values | float, period_s: Values | float, length_s: Values | float, phase_s: Values) -> Values:
    """Until the open window closes; infinity for one that never does, 0 where it is not open."""
    left = np.maximum(length_s - _position(now_s + phase_s, period_s), 0.0)
    endless: Values = np.where(length_s >= period_s, np.inf, left)
    return endless


def _position(moment_s: Values, period_s: Values | float) -> Values:
    """In its period. Several times as fast as a remainder, which divides until nothing is left to round."""
    position: Values = moment_s - period_s * np.floor(moment_s / period_s)
    return position


def charge_after(charge_j: Values, begin_s: Values, end_s: Values | float, phase_s: Values, window: ChargingWindow, capacity_j: Values) -> Values:
    """State of charge after a time in which only ``window`` charges and discharges, J; exact, full and empty batteries included.

    A charge that rises and falls between 0 and ``capacity_j`` is, over a whole period, ``clip(charge + a, low, high)``; so is any
    number of periods, with values in closed form.
    """
    period_s = window.period_s
    position = np.mod(begin_s + phase_s, period_s)  # of the beginning in its period; the window opens at 0
    length_s = np.maximum(end_s - begin_s, 0.0)
    first_s = np.minimum(period_s - position, length_s)
    charge = _within(charge_j, position, position + first_s, window, capacity_j)
    rest_s = length_s - first_s
    whole = np.floor(rest_s / period_s)
    low = _within(np.zeros_like(charge), 0.0, period_s, window, capacity_j)
    high = _within(capacity_j + np.zeros_like(charge), 0.0, period_s, window, capacity_j)
    change = window.charge_w * window.length_s - window.drain_w * period_s
    more = np.maximum(whole - 1.0, 0.0) * change
    repeated = np.where(
        change >= 0,
        np.minimum(np.maximum(charge + whole * change, low + more), high),
        np.maximum(np.minimum(charge + whole * change, high + more), low),
    )
    charge = np.where(whole > 0, repeated, charge)
    return _within(charge, 0.0, rest_s - whole * period_s, window, capacity_j)


class ChargingWindow:
    """Every ``period_s`` a battery is charged with ``charge_w`` for ``length_s``; it is drained by ``drain_w`` always."""

    __slots__ = ("charge_w", "drain_w", "length_s", "period_s")

    def __init__(self, period_s: float, length_s: float, charge_w: float, drain_w: float) -> None:
        self.period_s, self.length_s, self.charge_w, self.drain_w = period_s, length_s, charge_w, drain_w


def _within(charge_j: Values, from_s: Values | float, to_s: Values | float, window: ChargingWindow, capacity_j: Values) -> Values:
    """From one position of a period to a later one: first charging, then draining."""
    charging_s = np.maximum(np.minimum(to_s, window.length_s) - np.minimum(from_s, window.length_s), 0.0)
    draining_s = np.maximum(to_s - np.maximum(from_s, window.length_s), 0.0)
    charged = np.clip(charge_j + charging_s * (window.charge_w - window.drain_w), 0.0, capacity_j)
    drained: Values = np.maximum(charged - draining_s * window.drain_w, 0.0)
    return drained
