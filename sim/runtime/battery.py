"""The battery at work: it follows every change of power exactly, and ends the run when it can no longer carry the device.

Changes of power are written down and carried out many at a time. Between them nothing is done as long as even the largest power
seen so far could be carried until an alarm; near the end every change is carried out at once and the alarm is the very moment.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from device_models.battery import battery_law
from device_models.spec import BatterySpec
from sim.runtime.clock import OBSERVERS, SWITCHES, Action, Alarm, Clock
from sim.runtime.recorder import Recorder

_AT_ONCE = 2048  # changes of power worth carrying out together
_CLOSE_S = 1.0  # so near the end every change of power is looked at
_MARGIN = 1.02  # a power so much above the largest yet is looked at; leakage creeps up by less at a time
_BINS, _PER_FACTOR_E, _LEAST_W = 3600, 100, 1e-9  # powers of the run by their logarithm, 1 % wide


class BatteryEnded(Exception):
    """The battery can no longer carry the device: the run is over at this moment."""


class RunningBattery:
    """A battery from ``initial`` (share of its capacity) on. ``supply``: times (s, ascending from 0) and powers (W) that feed the device."""

    def __init__(self, clock: Clock, spec: BatterySpec, initial: float, supply: Iterator[tuple[float, float]], recorder: Recorder, warmup_s: float) -> None:
        self.law = battery_law(spec)
        self.initial = self.state = self.law.charged(initial)
        self.out_c = self.in_c = 0.0
        self.lowest_v = math.inf
        self.ended = ""  # why, if it has
        self.charged = False  # whether anything ever fed the device
        self._clock, self._supply, self._recorder, self._warmup_s = clock, supply, recorder, warmup_s
        self._counters = recorder.counter("battery_soc"), recorder.counter("battery_voltage_v")
        self._supply_w = 0.0
        self._next_supply: tuple[float, float] | None = None
        self._times_s, self._loads_w = array("d", [0.0]), array("d", [0.0])  # changes of power not carried out yet
        self._asked: list[int] = []  # how many of them came before each observation that is still to be written down
        self._limit_w = math.inf  # a load above it is looked at when it comes
        self._peak_w = 0.0
        self._alarm: Alarm | None = None
        self._final = False  # the alarm is the end, not a time to look again
        self._seconds, self._joules = np.zeros(_BINS), np.zeros(_BINS)  # of the loads after the warm-up, by power

    def start(self, load_w: float) -> None:
        """Begin, with the load of time 0."""
        self._loads_w[-1] = load_w
        self._next_supply = next(self._supply, None)
        self._supply_changed(None)
        self._write(0.0, self.law.state_of_charge(self.state), self.law.terminal_v(self.state, load_w - self._supply_w))

    def drawn(self, load_w: float) -> None:
        """From now on the device draws this power."""
        self._times_s.append(self._clock._now)
        self._loads_w.append(load_w)
        if load_w > self._limit_w:
            self._look()

    def observe(self) -> None:
        """The state of charge and the voltage of this moment are to be written down."""
        self._asked.append(len(self._times_s))
        self._times_s.append(self._clock._now)
        self._loads_w.append(self._loads_w[-1])
        if len(self._times_s) > _AT_ONCE:
            self._catch_up()

    def _write(self, time_s: float, soc: float, volts: float) -> None:
        self._recorder.count(self._counters[0], soc, time_s)
        self._recorder.count(self._counters[1], volts, time_s)

    def _supply_changed(self, _: Any) -> None:
        now = self._clock._now
        self._catch_up()
        while self._next_supply is not None and self._next_supply[0] <= now:
            self._supply_w = self._next_supply[1]
            self._next_supply = next(self._supply, None)
        self.charged = self.charged or self._supply_w > 0
        if self._next_supply is not None:
            self._clock.at(self._next_supply[0], SWITCHES, self._supply_changed)
        self._plan()

    def _catch_up(self) -> None:
        """Carry out the changes of power up to now."""
        now, load_w = self._clock._now, self._loads_w[-1]
        if now > self._times_s[0]:
            borders, loads_w = np.append(self._times_s, now), np.array(self._loads_w)
            seconds = np.diff(borders)
            flow = self.law.after(self.state, seconds, loads_w - self._supply_w)
            self.state = flow.state
            self.out_c += flow.out_c
            self.in_c += flow.in_c
            self.lowest_v = min(self.lowest_v, float(flow.volts[seconds > 0].min()))
            self._remember(borders, loads_w)
            for row in self._asked:
                self._write(float(borders[row]), float(flow.charges_c[row - 1]) / self.law.capacity_c, float(flow.volts[row - 1]))
        self._asked.clear()
        self._times_s, self._loads_w = array("d", [now]), array("d", [load_w])

    def _remember(self, borders: np.ndarray, loads_w: np.ndarray) -> None:
        """Add to the powers of the run after its warm-up."""
        if borders[-1] <= self._warmup_s:
            return
        seconds = np.diff(np.maximum(borders, self._warmup_s))
        bins = (np.log(np.maximum(loads_w, _LEAST_W) / _LEAST_W) * _PER_FACTOR_E).astype(int)
        self._seconds += np.bincount(bins, seconds, _BINS)
        self._joules += np.bincount(bins, seconds * loads_w, _BINS)

    def _look(self, _: Any = None) -> None:
        self._catch_up()
        self._plan()

    def _plan(self) -> None:
        """Decide when to look again: not before even the largest power could end the battery; or the very end."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        now, load_w = self._clock._now, self._loads_w[-1]
        self._peak_w = max(self._peak_w, load_w)
        self._limit_w = self._peak_w * _MARGIN
        wait_s = self.law.end_after_s(self.state, self._limit_w - self._supply_w)
        action: Action = self._look
        if wait_s < _CLOSE_S:
            self._limit_w = -math.inf
            wait_s = self.law.end_after_s(self.state, load_w - self._supply_w)
            action = self._end
        if wait_s < math.inf:
            self._alarm = self._clock.at(now + wait_s, OBSERVERS, action)

    def _end(self, _: Any) -> None:
        self._catch_up()
        self.ended = self.law.end_reason(self.state)
        raise BatteryEnded

    def charge(self) -> float:
        """The state of charge now, 0..1."""
        self._catch_up()
        return self.law.state_of_charge(self.state)

    def totals(self) -> dict[str, Any]:
        """Plain numbers for the trace, see :func:`sim.runtime.totals.totals`."""
        self.observe()
        self._catch_up()
        met = self._seconds > 0
        seconds, powers_w = self._seconds[met], self._joules[met] / self._seconds[met]
        lives = [self.law.life_s(state, seconds, powers_w) if met.any() else math.inf for state in (self.initial, self.state)]
        if self.ended:
            lives = [lives[0] if self.charged else self._clock._now, 0.0]
        return {
            "initial": self.law.state_of_charge(self.initial),
            "initial_j": self.law.energy_j(self.initial),
            "final": self.law.state_of_charge(self.state),
            "lowest_v": self.lowest_v if self.lowest_v < math.inf else self.law.terminal_v(self.state, self._loads_w[-1]),
            "open_circuit_v": self.law.terminal_v(self.state, 0.0),
            "out_c": self.out_c,
            "in_c": self.in_c,
            "life_s": lives[0],
            "left_s": lives[1],
            "ended": self.ended,
        }
