"""DVFS domains: operating points that change in flight, by governors that are sampled only while sampling can change something."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from device_models.dvfs import OperatingTable
from device_models.spec import DvfsDomain
from sim.policies.governors import DomainView, Governor
from sim.policies.governors.governor import PELT_HALF_LIFE_S
from sim.runtime.clock import SWITCHES, Alarm, Clock

_DECAY_PER_S = math.log(2.0) / PELT_HALF_LIFE_S


class Domain:
    """Units that share a clock. It is busy while any of its units runs; a change takes the transition latency, at the old frequency.

    Sampling times lie on the grid of multiples of the governor's period. A sampling that cannot change anything is left out:
    while nothing starts or stops, load and moving average are known in closed form, so the result is that of sampling always.
    """

    def __init__(
        self, clock: Clock, name: str, spec: DvfsDomain, governor: Governor, changed: Callable[[Domain], None], limited: Callable[[Domain, float], None]
    ) -> None:
        self.name = name
        table = OperatingTable.of(spec)
        self.frequencies_hz: list[float] = table.frequency_hz.tolist()
        self.voltages_v = [table.voltage(index) for index in range(len(table))]
        self.governor = governor
        self.sampled = governor.sampling_s is not None
        self.position = self._start_position()
        self.frequency_hz = self.frequencies_hz[self.position]
        self._clock, self._changed, self._limited = clock, changed, limited
        self._latency_s = float(spec.transition_latency_s)
        self._target = self._wanted = self.position
        self._view = DomainView(self.frequencies_hz, self.position, 0.0, 0.0, False, self.frequency_hz)
        self._period_s = math.inf if governor.sampling_s is None else governor.sampling_s
        self._states: dict[int, int] = {}  # cooling state by trip point
        self._cap = len(self.frequencies_hz) - 1
        self._switch: Alarm | None = None
        self._running = 0
        self._busy_s = self._utilisation = self._since_s = 0.0
        self._window_s = self._window_busy_s = 0.0
        self._sample: Alarm | None = None
        self._sample_s = math.inf

    def _start_position(self) -> int:
        """Where the governor rests when nothing has run; ``userspace`` stays at the highest point unless told otherwise."""
        if self.governor.sampling_s is not None:
            return 0
        view = DomainView(self.frequencies_hz, len(self.frequencies_hz) - 1, 0.0, 0.0, False, self.frequencies_hz[-1])
        return self.governor.operating_point(view, self.governor.decide(view))

    @property
    def voltage_v(self) -> float | None:
        return self.voltages_v[self.position]

    def unit_started(self) -> None:
        """An idle unit of the domain begins to run (call only where ``sampled``)."""
        self._running += 1
        if self._running == 1:
            self._turned(0)

    def unit_stopped(self) -> None:
        """A unit of the domain becomes idle."""
        self._running -= 1
        if not self._running:
            self._turned(1)

    def _turned(self, before: int) -> None:
        """Idle became busy or the reverse: catch up with the state before, and sample when that can matter."""
        now = self._clock._now
        self._catch_up(now, before)
        period_s = self._period_s
        upcoming_s = (math.floor(now / period_s + 1e-9) + 1) * period_s
        if not self.governor.uses_load:
            self._sample_when_due(now, upcoming_s)
            return
        if self._sample_s <= upcoming_s:
            return
        before_s = upcoming_s - period_s
        if before_s > self._window_s:  # samplings were left out: the window began at the last of them
            self._window_s = before_s
            self._window_busy_s = self._busy_s - (now - before_s if before else 0.0)
        self._sample_at(upcoming_s)

    def _sample_when_due(self, now: float, upcoming_s: float) -> None:
        """For a governor that needs no window: the first moment of the grid at which it can decide otherwise."""
        view, governor = self._view, self.governor
        view.utilisation, view.busy = self._utilisation, self._running > 0
        quiet_s = governor.quiet_s(view) if governor.operating_point(view, governor.decide(view)) == self._wanted else 0.0
        if quiet_s == math.inf:
            due_s = math.inf
        else:
            due_s = max(upcoming_s, math.ceil((now + quiet_s) / self._period_s - 1e-9) * self._period_s)
        if due_s != self._sample_s:
            self._sample_at(due_s)

    def _catch_up(self, now: float, running: int) -> None:
        """Busy time and PELT up to now: both change only in closed form while the state is constant."""
        dt_s = now - self._since_s
        if dt_s <= 0:
            return
        self._since_s = now
        goal = 0.0
        if running:
            self._busy_s += dt_s
            goal = self.frequency_hz / self.frequencies_hz[-1]
        self._utilisation = goal + (self._utilisation - goal) * math.exp(-_DECAY_PER_S * dt_s)

    def _sample_at(self, time_s: float) -> None:
        if self._sample is not None:
            self._sample.cancel()
        self._sample_s = time_s
        self._sample = self._clock.at(time_s, SWITCHES, self._sampled_now) if time_s < math.inf else None

    def _sampled_now(self, _: Any) -> None:
        now = self._clock._now
        self._catch_up(now, self._running)
        view, governor = self._view, self.governor
        view.load, view.utilisation, view.busy = self._load(now), self._utilisation, self._running > 0
        self._window_s, self._window_busy_s = now, self._busy_s
        wanted_hz = governor.decide(view)
        self._wanted = governor.operating_point(view, wanted_hz)
        if self._wanted != self._target:
            self._aim()
        view.requested_hz = wanted_hz
        self._sample, self._sample_s = None, math.inf
        quiet_s = governor.quiet_s(view)
        if quiet_s < math.inf:
            steps = round(now / self._period_s) + 1
            if quiet_s > 0.0:
                steps = max(steps, math.ceil((now + quiet_s) / self._period_s - 1e-9))
            self._sample_at(steps * self._period_s)

    def _load(self, now: float) -> float:
        window_s = now - self._window_s
        load = (self._busy_s - self._window_busy_s) / window_s if window_s > 0 else 0.0
        return 1.0 if load > 1 - 1e-9 else 0.0 if load < 1e-9 else load

    def limit(self, trip: int, cooling_state: int) -> None:
        """Take the highest ``cooling_state`` operating points away on behalf of a trip point."""
        self._states[trip] = cooling_state
        self._cap = max(len(self.frequencies_hz) - 1 - max(self._states.values()), 0)
        self._limited(self, self.frequencies_hz[self._cap])
        self._aim()

    def _aim(self) -> None:
        target = min(self._wanted, self._cap)
        if target == self._target:
            return
        self._target = self._view.index = target
        if self._switch is not None:
            self._switch.cancel()
            self._switch = None
        if target == self.position:
            return
        if self._latency_s > 0:
            self._switch = self._clock.at(self._clock._now + self._latency_s, SWITCHES, self._arrive)
        else:
            self._arrive(None)

    def _arrive(self, _: Any) -> None:
        self._switch = None
        self._catch_up(self._clock._now, self._running)
        self.position = self._target
        self.frequency_hz = self.frequencies_hz[self.position]
        self._changed(self)
        if self.sampled and self._sample is None and self._running:
            self._resample()

    def _resample(self) -> None:
        """The frequency moved while sampling was left out: the moving average heads elsewhere now."""
        period_s, now = self._period_s, self._clock._now
        upcoming_s = (math.floor(now / period_s + 1e-9) + 1) * period_s
        self._window_s = max(self._window_s, upcoming_s - period_s)
        self._window_busy_s = self._busy_s - (now - self._window_s)
        self._sample_at(upcoming_s)
