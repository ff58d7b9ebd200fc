"""Temperatures, and when the leakage that follows them is to be evaluated anew.

The network is kept in its eigenmodes, where each is one exponential: a step to the next change of power is exact, whatever its
length, and costs a few multiplications. Leakage is evaluated when a node may have moved by a quarter of a kelvin; between
evaluations it is constant, so that energy and heat stay exact for the power that was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from device_models.spec import DeviceSpec
from device_models.thermal import RcNetwork
from sim.runtime.clock import OBSERVERS, Alarm, Clock

LEAKAGE_STEP_K = 0.25  # leakage doubles in about 25 K: 0.7 % per evaluation
_SOONEST_S, _LATEST_S = 0.1, 0.5  # between evaluations while power changes: sooner while temperatures move; dies take seconds


class Heat:
    """The device's temperatures. ``observers`` are called with the time and the temperatures at each evaluation."""

    def __init__(self, clock: Clock, device: DeviceSpec, components: list[str], ambient_c: float, horizon_s: float) -> None:
        fan = device.thermal.fan
        self._networks = [RcNetwork(device.thermal.with_fan_state(state)) for state in range(1 if fan is None else 1 + len(fan.states))]
        self._components = components
        self.rise_k_per_s = math.inf  # no node warms faster than this
        self.network = self._networks[0]
        self.names = self.network.names
        self.ambient_c = ambient_c
        self.observers: list[Callable[[float, list[float]], None]] = []
        self.sleepers: list[Callable[[], None]] = []  # to be called, once, when power rises
        self._clock = clock
        self._rates, self._from_modes = self.network.rates_hz, self.network.from_modes
        self._gains = self.network.gains(components)
        self._amplitude = np.zeros(len(self._rates))
        # Powers since the last step: from each time on, the modes head for the amplitudes of the same position.
        self._times_s, self._finals = [0.0], [[0.0] * len(self._rates)]
        self._longest_s = max(1.0, horizon_s / 500.0)
        self._alarm: Alarm | None = None
        self._next_s = math.inf
        self._soon_s = _SOONEST_S
        self._steady_for: list[float] | None = None  # the power for which the steady state was computed last
        self._steady_c: list[float] = []
        self._now_c = [ambient_c] * len(self.names)  # at the last step
        self._last_c = [ambient_c] * len(self.names)

    def start(self) -> None:
        """Begin to evaluate; call once when the powers of time 0 are set."""
        self._evaluate(None)

    def use(self, fan_state: int) -> None:
        """From now on heat flows through the network of another fan state. Powers must be set anew with :meth:`head_for`."""
        temperatures = np.array(self.temperatures_c())
        self.network = self._networks[fan_state]
        self._rates, self._from_modes = self.network.rates_hz, self.network.from_modes
        self._gains = self.network.gains(self._components)
        self._amplitude = self.network.to_modes @ (temperatures - self.ambient_c)
        self._times_s, self._finals = [self._clock._now], [[0.0] * len(self._rates)]

    def safe_s(self, temperature_c: float) -> float:
        """For so long no node can reach the temperature, whatever runs: the hottest node only loses heat to the others."""
        hottest_c = max(self.ambient_c, *self.temperatures_c())
        return max(temperature_c - hottest_c, 0.0) / self.rise_k_per_s

    def drive(self, power_w: list[float]) -> list[float]:
        """Where a power by component drives the modes, ``[modes]``: the argument of :meth:`head_for`."""
        return (np.array(power_w) @ self._gains).tolist()

    def head_for(self, now: float, final: list[float]) -> None:
        """The power has changed: up to now the modes went where they were headed, from now on to ``final``."""
        self._times_s.append(now)
        self._finals.append(final)
        if self._next_s > now + self._soon_s:
            self._schedule(now + self._soon_s)

    def _step(self, now: float) -> None:
        """Carry the modes to now through all powers since the last step, each exact: what one adds decays until now."""
        ages_s = now - np.array([*self._times_s, now])
        remains = np.exp(np.multiply.outer(-ages_s, self._rates))
        self._amplitude = self._amplitude * remains[0] + (np.array(self._finals) * (remains[1:] - remains[:-1])).sum(axis=0)
        self._times_s, self._finals = [now], [self._finals[-1]]

    def temperatures_c(self) -> list[float]:
        """Of every node, now."""
        now = self._clock._now
        if now > self._times_s[0]:
            self._step(now)
            self._now_c = (self.ambient_c + self._from_modes @ self._amplitude).tolist()
        return self._now_c

    def time_to_reach(self, node: int, temperature_c: float, power_w: dict[str, float]) -> float | None:
        """Seconds until a node reaches a temperature at constant power by component (that in force); None if never.

        Most often never, which a bound shows at once: no node ends above its steady state by more than the node that starts
        farthest above its own, because differences only spread and leak away.
        """
        now_c = self.temperatures_c()
        if self._steady_for is not self._finals[-1]:
            self._steady_for = self._finals[-1]
            self._steady_c = (self.ambient_c + self._from_modes @ self._finals[-1]).tolist()
        steady_c = self._steady_c
        if steady_c[node] + max(0.0, max(now - steady for now, steady in zip(now_c, steady_c, strict=True))) < temperature_c:
            return None
        temperatures = np.array(now_c)
        return self.network.time_to_reach(self.names[node], temperature_c, temperatures, self.network.node_power(power_w), self.ambient_c)

    def wake(self) -> None:
        """Power has risen: call all sleepers."""
        sleepers, self.sleepers = self.sleepers, []
        for wake in sleepers:
            wake()

    def _evaluate(self, _: Any) -> None:
        now = self._clock._now
        self._next_s = 0.0  # changes made by the observers need not bring the next evaluation forward
        temperatures = self.temperatures_c()
        moved_k = max([abs(new - old) for new, old in zip(temperatures, self._last_c, strict=True)])
        self._last_c = temperatures
        self._soon_s = _LATEST_S if moved_k < 0.2 * LEAKAGE_STEP_K else max(0.5 * self._soon_s, _SOONEST_S)
        for observe in self.observers:
            observe(now, temperatures)
        speed = float(np.abs(self._from_modes @ (self._rates * (np.array(self._finals[-1]) - self._amplitude))).max())
        wait_s = min(max(LEAKAGE_STEP_K / speed, self._soon_s), self._longest_s) if speed > 0 else self._longest_s
        self._alarm = None
        self._schedule(now + wait_s)

    def _schedule(self, time_s: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._next_s = time_s
        self._alarm = self._clock.at(time_s, OBSERVERS, self._evaluate)
