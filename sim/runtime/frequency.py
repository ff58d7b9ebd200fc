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
        self.sampled = governor.sampling_s is not None and len(self.frequencies_hz) > 1  # a single point leaves nothing to decide
        self._banded = self.sampled and not governor.uses_load
        self.position = self._start_position()
        self.frequency_hz = self.frequencies_hz[self.position]
        self._clock, self._changed, self._limited = clock, changed, limited
        self._latency_s = float(spec.transition_latency_s)
        self._target = self._wanted = self.position
        self._view = DomainView(self.frequencies_hz, self.position, 0.0, 0.0, False, self.position, self.frequency_hz)
        self._band = governor.band(self._view)
        self._goal = self.frequency_hz / self.frequencies_hz[-1]  # of the moving average while busy
        self._period_s = math.inf if governor.sampling_s is None else governor.sampling_s
        self._rate_limit_s = 1.5 * self._latency_s if governor.rate_limit is None else governor.rate_limit
        self._rested_s = 0.0  # from when on the rate limit allows another change
        self._states: dict[int, int] = {}  # cooling state by thermal zone
        self._cap = len(self.frequencies_hz) - 1
        self._switch: Alarm | None = None
        self._running = 0
        self._busy_s = self._utilisation = self._since_s = 0.0
        self._window_s = self._window_busy_s = 0.0
        self._sample_s = math.inf  # when the next sampling is due
        self._alarm: Alarm | None = None
        self._alarm_s = math.inf  # not after it

    def _start_position(self) -> int:
        """Where the governor rests when nothing has run; ``userspace`` stays at the highest point unless told otherwise."""
        if self.governor.sampling_s is not None:
            return 0
        highest = len(self.frequencies_hz) - 1
        view = DomainView(self.frequencies_hz, highest, 0.0, 0.0, False, highest, self.frequencies_hz[-1])
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
        if now > self._since_s:
            self._catch_up(now, before)
        if self._banded:
            self._sample_when_due(now)
            return
        if self._sample_s <= now + self._period_s:  # that is the next moment of the grid
            return
        upcoming_s = self._upcoming_s(now)
        before_s = upcoming_s - self._period_s
        if before_s > self._window_s:  # samplings were left out: the window began at the last of them
            self._window_s = before_s
            self._window_busy_s = self._busy_s - (now - before_s if before else 0.0)
        self._sample_at(upcoming_s)

    def _sample_when_due(self, now: float) -> None:
        """At the first moment of the grid after now at which the moving average has left its band."""
        quiet_s = self._time_in_band()
        if quiet_s == math.inf:
            self._sample_s = math.inf
        else:
            due_s = max(now + quiet_s, self._rested_s)
            self._sample_at(max(self._upcoming_s(now), math.ceil(due_s / self._period_s - 1e-9) * self._period_s))

    def _upcoming_s(self, now: float) -> float:
        """The next moment of the sampling grid after now."""
        return (math.floor(now / self._period_s + 1e-9) + 1) * self._period_s

    def _time_in_band(self) -> float:
        """How long the moving average stays where the governor decides as it did last: it moves exponentially towards its goal."""
        (low, high), now = self._band, self._utilisation
        if not low < now <= high:
            return 0.0
        goal = self._goal if self._running else 0.0
        if low < goal <= high:
            return math.inf
        crossing = low if goal <= low else high
        if crossing == goal:  # approached, never reached
            return math.inf
        return math.log((now - goal) / (crossing - goal)) / _DECAY_PER_S

    def _catch_up(self, now: float, running: int) -> None:
        """Busy time and PELT up to now: both change only in closed form while the state is constant."""
        dt_s = now - self._since_s
        if dt_s <= 0:
            return
        self._since_s = now
        if running:
            self._busy_s += dt_s
            goal = self._goal
            self._utilisation = goal + (self._utilisation - goal) * math.exp(-_DECAY_PER_S * dt_s)
        else:
            self._utilisation *= math.exp(-_DECAY_PER_S * dt_s)

    def _sample_at(self, time_s: float) -> None:
        """Sample at ``time_s``. An alarm that rings before is left alone: it sees that nothing is due and is set again."""
        self._sample_s = time_s
        if self._alarm_s > time_s:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_s = time_s
            self._alarm = Alarm(self._clock, time_s, SWITCHES, self._rings)

    def _rings(self, _: Any) -> None:
        self._alarm, self._alarm_s = None, math.inf
        if self._sample_s <= self._clock._now:
            self._sampled_now()
        elif self._sample_s < math.inf:
            self._sample_at(self._sample_s)

    def _sampled_now(self) -> None:
        now = self._clock._now
        if now < self._rested_s - 1e-12:
            self._sample_at(max(self._upcoming_s(now), math.ceil(self._rested_s / self._period_s - 1e-9) * self._period_s))
            return
        self._catch_up(now, self._running)
        view, governor = self._view, self.governor
        view.load, view.utilisation, view.busy = self._load(now), self._utilisation, self._running > 0
        self._window_s, self._window_busy_s = now, self._busy_s
        wanted_hz = governor.decide(view)
        wanted = governor.operating_point(view, wanted_hz)
        if wanted != self._wanted:
            self._wanted = view.wanted = wanted
            self._rested_s = now + self._rate_limit_s
        if self._wanted != self._target:
            self._aim()
        view.requested_hz = wanted_hz
        self._sample_s = math.inf
        if self._banded:
            self._band = governor.band(view)
        quiet_s = self._time_in_band() if self._banded else governor.quiet_s(view)
        if quiet_s < math.inf:
            steps = round(now / self._period_s) + 1
            if quiet_s > 0.0:
                steps = max(steps, math.ceil((now + quiet_s) / self._period_s - 1e-9))
            self._sample_at(steps * self._period_s)

    def _load(self, now: float) -> float:
        window_s = now - self._window_s
        load = (self._busy_s - self._window_busy_s) / window_s if window_s > 0 else 0.0
        return 1.0 if load > 1 - 1e-9 else 0.0 if load < 1e-9 else load

    def limit(self, zone: int, cooling_state: int) -> None:
        """Take the highest ``cooling_state`` operating points away on behalf of a thermal zone; of several the deepest counts."""
        if self._states.get(zone, 0) == cooling_state:
            return
        self._states[zone] = cooling_state
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
        self._goal = self.frequency_hz / self.frequencies_hz[-1]
        self._changed(self)
        if self._banded:  # the moving average heads elsewhere now
            self._sample_when_due(self._clock._now)
        elif self.sampled and self._sample_s == math.inf and self._running:
            self._resample()

    def _resample(self) -> None:
        """The frequency moved while sampling was left out under full load."""
        now = self._clock._now
        upcoming_s = self._upcoming_s(now)
        self._window_s = max(self._window_s, upcoming_s - self._period_s)
        self._window_busy_s = self._busy_s - (now - self._window_s)
        self._sample_at(upcoming_s)


class MemoryDomain(Domain):
    """The memory's clock. Its load is not busy or idle but the share of the bandwidth in use, which changes with what runs."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._banded = False  # bands are of busy and idle units
        self._level = self._level_s = 0.0  # share in use now, and since when

    @property
    def scale(self) -> float:
        """Bandwidth now, of that at the highest operating point."""
        return self.frequency_hz / self.frequencies_hz[-1]

    def traffic(self, bytes_per_s: float, bandwidth_bytes_per_s: float) -> None:
        """From now on so much is moved, of what could be moved at the present clock."""
        now, before, level = self._clock._now, self._level, min(bytes_per_s / bandwidth_bytes_per_s, 1.0)
        if not self.sampled or level == before:
            return
        self._catch_up(now, 0)
        self._level, self._level_s = level, now
        if self._sample_s < math.inf:
            return
        upcoming_s = self._upcoming_s(now)
        if upcoming_s - self._period_s > self._window_s:  # samplings were left out while the load was constant
            self._window_s = upcoming_s - self._period_s
            self._window_busy_s = self._busy_s - (now - self._window_s) * before
        self._sample_at(upcoming_s)

    def _catch_up(self, now: float, running: int) -> None:
        dt_s = now - self._since_s
        if dt_s > 0:
            self._since_s = now
            self._busy_s += dt_s * self._level
            goal = self._level * self._goal
            self._utilisation = goal + (self._utilisation - goal) * math.exp(-_DECAY_PER_S * dt_s)

    def _sampled_now(self) -> None:
        """As any domain's, but sampling ends only when a whole period of constant load has changed nothing."""
        before, constant = (self._wanted, self._view.requested_hz, self.position), self._level_s <= self._window_s
        super()._sampled_now()
        if constant and before == (self._wanted, self._view.requested_hz, self._target):
            self._sample_s = math.inf
        else:
            self._sample_at(self._upcoming_s(self._clock._now))
