"""The event queue: simpy's environment with events at absolute times, ordered by (time, priority, sequence)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy

# At equal times: units become free before new work comes, batches are made of all that has come, and observers see what is left.
ENDS, SWITCHES, ARRIVALS, BATCHES, OBSERVERS = 1, 2, 3, 4, 5

Action = Callable[[Any], None]


class Alarm(simpy.Event):
    """Calls ``action`` at an absolute time. Initialised by hand, as simpy's own ``Timeout``, because there are so many."""

    _value = None
    _ok = True

    def __init__(self, clock: Clock, time_s: float, priority: int, action: Action) -> None:
        self.callbacks = [action]
        heappush(clock._queue, (time_s, priority, next(clock._eid), self))  # type: ignore[misc]  # simpy's own priorities are an enumeration

    def cancel(self) -> None:
        """It will pass without effect."""
        if self.callbacks is not None:
            self.callbacks = []


class Clock(simpy.Environment):
    """simpy's environment. ``at`` takes the absolute time, so that no rounding of ``now + (time - now)`` creeps in."""

    def at(self, time_s: float, priority: int, action: Action) -> Alarm:
        """Schedule ``action(event)`` at ``time_s`` (not before now)."""
        return Alarm(self, time_s, priority, action)

    def run_until(self, time_s: float) -> None:
        """Process all events before ``time_s``; then it is ``time_s``. As ``run``, with the loop over plain alarms unrolled."""
        queue = self._queue
        while queue and queue[0][0] < time_s:
            now, _, _, alarm = heappop(queue)
            self._now = now
            callbacks, alarm.callbacks = alarm.callbacks, None  # type: ignore[assignment]  # as simpy marks an event that has passed
            for callback in callbacks:
                callback(alarm)
        self._now = time_s
