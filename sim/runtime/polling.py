"""Watching a node's temperature: polled on a grid of its own, but only while something could happen."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from sim.runtime.clock import OBSERVERS, Clock
from sim.runtime.heat import Heat


class Watch(ABC):
    """Polls a node. Polls that cannot change anything are left out, so that the result is that of polling always.

    While the device idles and would never get warm enough, polling stops until power rises. While it runs, no node can warm
    faster than the hottest at full power: up to the last poll before that could matter, polls are skipped.
    """

    def __init__(self, clock: Clock, heat: Heat, node: str, polling_s: float, is_idle: Callable[[], bool], power_w: Callable[[], dict[str, float]]) -> None:
        self._clock, self._heat, self._is_idle, self._power_w = clock, heat, is_idle, power_w
        self._node = heat.names.index(node)
        self._polling_s = max(polling_s, 1e-3)

    def start(self) -> None:
        self._poll_at(self._polling_s)

    @abstractmethod
    def look(self, temperature_c: float) -> float:
        """Act on the temperature. Returns that below which the next poll will do nothing; minus infinity if any may."""

    def _poll_at(self, time_s: float) -> None:
        """At the first moment of the grid at or after ``time_s``."""
        steps = math.ceil(time_s / self._polling_s - 1e-9)
        self._clock.at(steps * self._polling_s, OBSERVERS, self._poll)

    def _poll(self, _: Any) -> None:
        temperature_c = self._heat.temperatures_c()[self._node]
        self._poll_next(temperature_c, self.look(temperature_c))

    def _poll_next(self, temperature_c: float, begins_c: float) -> None:
        now = self._clock._now
        if temperature_c < begins_c:
            if self._is_idle() and self._heat.time_to_reach(self._node, begins_c, self._power_w()) is None:
                self._heat.sleepers.append(self._wake)
                return
            steps = math.floor((now + self._heat.safe_s(begins_c)) / self._polling_s)
            if steps * self._polling_s > now + 1.5 * self._polling_s:
                self._clock.at(steps * self._polling_s, OBSERVERS, self._poll)
                return
        self._poll_at(now + self._polling_s)

    def _wake(self) -> None:
        self._poll_at(self._clock._now)
