"""Idle states of a unit: which one it is in, when it goes deeper, and how long it takes to wake."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from device_models.spec import IdleState
from sim.policies.idle.policy import INTERVALS, IdlePolicy
from sim.runtime.clock import SWITCHES, Alarm, Clock


class Sleep:
    """Of one unit. ``changed(state)`` is called when the state does; 0 is plain idling."""

    def __init__(self, clock: Clock, states: tuple[IdleState, ...], policy: IdlePolicy, changed: Callable[[int], None]) -> None:
        self._clock, self._states, self._policy, self._changed = clock, states, policy, changed
        self._residencies_s = [float(state.target_residency_s) for state in states]
        self._entry_s = [float(state.entry_latency_s) for state in states]
        self._exit_s = [0.0, *(float(state.exit_latency_s) for state in states)]
        self._intervals_s: deque[float] = deque(maxlen=INTERVALS)
        self._since_s = 0.0
        self.state = self._next = 0
        self._alarm: Alarm | None = None

    def now(self) -> IdleState | None:
        """The state it is in; None in plain idling."""
        return self._states[self.state - 1] if self.state else None

    def idle(self) -> None:
        """The unit has nothing to do from now on."""
        self._since_s = self._clock._now
        self._next = self._policy.choose(self._intervals_s, self._residencies_s)
        if self._next:
            self._alarm = self._clock.at(self._since_s + self._entry_s[self._next - 1], SWITCHES, self._enter)
        else:
            self._deepen()

    def _deepen(self) -> None:
        """A deeper state follows when the stay has lasted its target residency."""
        self._next = self.state + 1
        if self._next <= len(self._states):
            begin_s = max(self._since_s + self._residencies_s[self._next - 1], self._clock._now)
            self._alarm = self._clock.at(begin_s + self._entry_s[self._next - 1], SWITCHES, self._enter)

    def _enter(self, _: Any) -> None:
        self._alarm = None
        self.state = self._next
        self._changed(self.state)
        self._deepen()

    def wake(self) -> float:
        """There is work: the unit is awake after so many seconds. What was being entered is given up at once."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        exit_s, self.state = self._exit_s[self.state], 0
        self._intervals_s.append(self._clock._now - self._since_s)
        return exit_s
