"""A radio at work: transfers in turn, promotion before them unless the radio is still ready, the tail after the last.

Its power changes only between phases of :mod:`device_models.radio`, each with one event, so that energy stays exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from device_models.radio import STATES, Phase, RadioSpec, tail_phases, timed_phases
from sim.runtime.clock import ENDS, Alarm, Clock
from sim.runtime.recorder import Recorder

if TYPE_CHECKING:
    from sim.runtime.request import StageRun

Link = Callable[[float, float], tuple[float, float]]  # bytes to send and to receive -> seconds that each takes from now on


class Radio:
    """Takes transfers in the order they come. ``changed(code)`` is called when its power does; equal codes mean equal powers.

    ``link`` tells how long a transfer that begins takes; as long as the radio's own bandwidth makes it, if absent, and never less.
    """

    def __init__(self, clock: Clock, index: int, spec: RadioSpec, recorder: Recorder, changed: Callable[[int], None], link: Link | None = None) -> None:
        self._clock, self._index, self._spec, self._recorder, self._changed = clock, index, spec, recorder, changed
        self.link = link
        self.power_w = float(spec.idle_w)
        self._codes = {self.power_w: 0}
        self._queue: deque[StageRun] = deque()
        self._run: StageRun | None = None  # whose transfer is at work
        self._choosing = False
        self._ready_s = -1.0  # until then the radio needs no promotion
        self._phase: Phase | None = None
        self._ahead: list[Phase] = []  # phases that follow it, the next one last
        self._alarm: Alarm | None = None
        self.seconds, self.joules = dict.fromkeys(STATES, 0.0), dict.fromkeys(STATES, 0.0)  # in each state but idle
        self.transfers, self.sent_bytes, self.received_bytes = 0, 0.0, 0.0  # of transfers that have ended

    def submit(self, run: StageRun) -> None:
        """A stage has something to transfer."""
        self._queue.append(run)
        if self._run is None and not self._choosing:
            self._choose()

    def shortest_s(self, sent_bytes: float, received_bytes: float) -> tuple[float, float]:
        """Seconds of sending and receiving at the radio's own bandwidth."""
        return sent_bytes / float(self._spec.up_bytes_per_s), received_bytes / float(self._spec.down_bytes_per_s)

    def _choose(self) -> bool:
        """Begin the first transfer that may; whether there was one."""
        queue = self._queue
        while queue:
            run = queue.popleft()
            if run.may_be_served():
                self._begin(run)
                return True
        return False

    def _begin(self, run: StageRun) -> None:
        sent, received, now = run.plan.sent_bytes, run.plan.received_bytes, self._clock._now
        up_s, down_s = self.shortest_s(sent, received)
        if self.link is not None:
            given_up_s, given_down_s = self.link(sent, received)
            up_s, down_s = max(up_s, given_up_s), max(down_s, given_down_s)
        phases = timed_phases(self._spec, (sent, up_s), (received, down_s), now, ready=now <= self._ready_s)
        self._close()
        self._run = run
        if phases:
            self._play(phases)
        else:  # too short for the clock to tell
            self._arm(now)

    def _play(self, phases: list[Phase]) -> None:
        """From now on these phases, one after the other."""
        self._ahead = phases[::-1]
        self._next()

    def _next(self) -> None:
        if self._ahead:
            self._phase = self._ahead.pop()
            self._arm(self._phase.end_s)
            self._set(self._phase.power_w)
        elif self._run is not None:
            self._transferred(self._run)
        else:
            self._set(float(self._spec.idle_w))

    def _arm(self, time_s: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._clock.at(time_s, ENDS, self._passed)

    def _passed(self, _: Any) -> None:
        self._alarm = None
        self._close()
        self._next()

    def _transferred(self, run: StageRun) -> None:
        now = self._clock._now
        self.transfers += 1
        self.sent_bytes += run.plan.sent_bytes
        self.received_bytes += run.plan.received_bytes
        self._run, self._ready_s = None, now + self._spec.tail_s
        self._choosing = True  # what becomes ready by this waits its turn with the others
        run.run_done()
        self._choosing = False
        if not self._choose():
            self._play(tail_phases(self._spec, now))

    def _set(self, power_w: float) -> None:
        if power_w != self.power_w:
            self.power_w = power_w
            self._changed(self._codes.setdefault(power_w, len(self._codes)))

    def _close(self) -> None:
        """Write down the phase in force, up to now."""
        phase, self._phase = self._phase, None
        now = self._clock._now
        if phase is None or now <= phase.begin_s:
            return
        joules = (now - phase.begin_s) * phase.power_w
        self.seconds[phase.state] += now - phase.begin_s
        self.joules[phase.state] += joules
        run = self._run if phase.state != "tail" else None
        if run is not None:
            run.request.energy_j += joules
        request, stage = (-1, -1) if run is None else (run.request.number, run.plan.index)
        self._recorder.radio_phase(self._index, STATES.index(phase.state), phase.begin_s, now, phase.power_w, request, stage)

    def finish(self) -> None:
        """The run is over."""
        self._close()

    def totals(self) -> dict[str, Any]:
        """Plain numbers for the trace, see :func:`sim.runtime.totals.totals`."""
        states = [state for state in STATES if state != "idle"]
        return {
            "transfers": self.transfers,
            "sent_bytes": self.sent_bytes,
            "received_bytes": self.received_bytes,
            "seconds": {state: self.seconds[state] for state in states},
            "joules": {state: self.joules[state] for state in states},
        }
