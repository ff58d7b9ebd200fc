"""What the device draws: powers change with what runs (the mix) and with temperature (leakage); energy is integrated exactly.

A mix is a combination of running segments and operating points. Its powers are constant while leakage is, so that a change of
mix costs one addition to the time the mix was in force; energies are products of these times and powers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.runtime.clock import Clock
from sim.runtime.heat import Heat
from sim.runtime.timing import Timing

if TYPE_CHECKING:
    from sim.runtime.unit import ComputeUnit


class Mix:
    """What runs together: the timing of each unit that runs, and the power of each component."""

    __slots__ = ("bytes_per_s", "drawn_w", "epoch", "final", "leaking", "positions", "power_w", "seconds", "timings", "total_w")

    def __init__(self, timings: tuple[tuple[ComputeUnit, Timing], ...], positions: tuple[int, ...], power_w: list[float], leaking: tuple[float, ...]) -> None:
        self.timings = timings
        self.positions = positions  # operating point of each unit
        self.leaking = leaking  # share of its leakage that each unit has: less in idle states that cut the supply
        self.power_w = power_w  # by component, without leakage
        self.bytes_per_s = 0.0  # memory traffic
        self.epoch = -1  # of the leakage in what follows
        self.drawn_w = power_w  # by component
        self.total_w = 0.0
        self.final: list[float] = []  # where this power drives the thermal modes
        self.seconds = 0.0  # in force since energies were last added up


class PowerState:
    """The mix in force. ``leakage(unit, position)`` gives watts at the present temperatures."""

    def __init__(self, clock: Clock, components: list[str], heat: Heat, leakage: Callable[[int, int], float]) -> None:
        self.components = components
        self._clock, self._heat, self._leakage = clock, heat, leakage
        self._energy_j = [0.0] * len(components)
        self.measures_switching = False  # whether anybody will ask for ``switched_j``
        self._switched_j = [0.0] * len(components)
        self._touched: list[Mix] = []
        self._since_s = 0.0
        self._epoch = 0
        self.battery: Callable[[float], None] | None = None  # told of every change of the whole power, W
        self.mix = Mix((), (), [0.0] * len(components), ())
        self._value(self.mix)

    def enter(self, mix: Mix) -> None:
        """From now on this mix is in force."""
        now, old, heat = self._clock._now, self.mix, self._heat
        seconds = now - self._since_s
        if seconds > 0:
            if not old.seconds:
                self._touched.append(old)
            old.seconds += seconds
            self._since_s = now
        if mix is old:
            return
        if mix.epoch != self._epoch:
            self._value(mix)
        self.mix = mix
        heat.head_for(now, mix.final)
        if self.battery is not None:
            self.battery(mix.total_w)
        if heat.sleepers and mix.total_w > old.total_w:
            heat.wake()

    def _value(self, mix: Mix) -> None:
        """Power and heating of a mix with leakage at the present temperatures."""
        if mix.seconds:
            self._add_up()
        mix.drawn_w = list(mix.power_w)
        for unit, position in enumerate(mix.positions):
            mix.drawn_w[unit] += self._leakage(unit, position) * mix.leaking[unit]
        mix.total_w = math.fsum(mix.drawn_w)
        mix.final = self._heat.drive(mix.drawn_w)
        mix.epoch = self._epoch

    def temperatures_changed(self) -> None:
        """Leakage is to be evaluated anew, from now on."""
        now = self._clock._now
        self._add_up()
        self._epoch += 1
        self._value(self.mix)
        self._heat.head_for(now, self.mix.final)
        if self.battery is not None:
            self.battery(self.mix.total_w)

    def _add_up(self) -> None:
        """Turn the times of mixes into energies."""
        seconds = self._clock._now - self._since_s
        self._since_s = self._clock._now
        if not self.mix.seconds:
            self._touched.append(self.mix)
        self.mix.seconds += seconds
        energy_j = self._energy_j
        for mix in self._touched:
            for component, watts in enumerate(mix.drawn_w):
                energy_j[component] += watts * mix.seconds
            if self.measures_switching:
                for component, watts in enumerate(mix.power_w):
                    self._switched_j[component] += watts * mix.seconds
            mix.seconds = 0.0
        self._touched.clear()

    def energies_j(self) -> list[float]:
        """Energy drawn by each component until now."""
        self._add_up()
        return list(self._energy_j)

    def switched_j(self) -> list[float]:
        """The same without leakage."""
        self._add_up()
        return list(self._switched_j)
