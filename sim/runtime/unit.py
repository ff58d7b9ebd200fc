"""A compute unit: its queue under a scheduling policy, and the segment it runs.

A unit runs one segment at a time, whatever cores the segment keeps busy: runtimes take a whole cluster for one inference, and
how two thread teams slow each other on one cluster is not known well enough to time it. ``Segment.cores`` counts for power.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Any

from sim.policies.scheduling import SchedulingPolicy
from sim.runtime.clock import ENDS, Alarm, Clock
from sim.runtime.execution import Execution
from sim.runtime.frequency import Domain
from sim.runtime.recorder import Recorder
from sim.runtime.sleep import Sleep
from sim.runtime.timing import Timing

if TYPE_CHECKING:
    from sim.runtime.board import Board


class ComputeUnit:
    """The board is told of what runs, and hands every running unit its timing through :meth:`retime`."""

    def __init__(
        self, clock: Clock, index: int, name: str, domain: Domain, policy: SchedulingPolicy, preemption: bool, recorder: Recorder, board: Board
    ) -> None:
        self.clock, self.index, self.name, self.domain = clock, index, name, domain
        self.policy, self.preemption, self.recorder, self.board = policy, preemption, recorder, board
        self.running: Execution | None = None
        self._queue: list[tuple[tuple[float, ...], int, Execution]] = []
        self._sequence = 0
        self._choosing = False
        self.sleep: Sleep | None = None  # set where the unit has idle states
        self._awake_s = 0.0  # when it has left its idle state
        self._busy = False  # as the domain knows it: going on with other work at the same moment is no change

    def submit(self, execution: Execution) -> None:
        """A segment is ready to run here."""
        execution.key = self.policy.key(execution)
        self._sequence += 1
        execution.sequence = self._sequence
        self.put_back(execution)

    def put_back(self, execution: Execution) -> None:
        """Into the queue with the key and sequence it has, and onto the unit if that is free or the running one must give way."""
        running = self.running
        if running is None and not self._queue and not self._choosing:
            if execution.run.may_run(execution):
                self._start(execution)
            return
        heappush(self._queue, (execution.key, execution.sequence, execution))
        if running is None:
            if not self._choosing:
                self.choose()
        elif execution.key < running.key and (self.preemption or running.started_s == self.clock._now):
            self._displace(running)
        elif self.policy.quantum_s is not None:
            self._yield_after(running, max(running.started_s + self.policy.quantum_s, self.clock._now))
        elif running.gives_way:
            self._yield_after(running, self.clock._now)

    @property
    def others_wait(self) -> bool:
        """Whether segments wait for the unit."""
        return bool(self._queue)

    def give_way(self, running: Execution) -> None:
        """The running segment is to be asked again at its next border."""
        self._yield_after(running, self.clock._now)

    def _displace(self, running: Execution) -> None:
        """More urgent work came: at once if nothing of the running segment has been done since it came, else at the next border."""
        now = self.clock._now
        if running.started_s == now and running.piece_s == now:
            if running.alarm is not None:
                running.alarm.cancel()
            self.leave(running)
            running.run.displaced(running)
            heappush(self._queue, (running.key, running.sequence, running))
            self.choose()
        else:
            self._yield_after(running, now)

    def _yield_after(self, running: Execution, time_s: float) -> None:
        if time_s < running.yield_s:
            running.yield_s = time_s
            self.replan(running)

    def replan(self, running: Execution) -> None:
        """``yield_s`` has changed: find the border at which it takes effect."""
        running.set_stop(running.row_at(self.clock._now))
        self.arm(running)

    def choose(self) -> None:
        """Run the most urgent segment that may run; without one the unit is idle."""
        queue = self._queue
        self._choosing = True
        while queue:
            execution = heappop(queue)[2]
            if execution.run.may_run(execution):
                self._choosing = False
                self._start(execution)
                return
        self._choosing = False
        if self._busy:
            self._busy = False
            if self.domain.sampled:
                self.domain.unit_stopped()
            if self.sleep is not None:
                self.sleep.idle()
        if self.board.stale:
            self.board.refresh()

    def _start(self, execution: Execution) -> None:
        now = self.clock._now
        self.running = execution
        execution.started_s = execution.piece_s = now
        execution.timing = None
        if self.policy.quantum_s is not None and self._queue:
            execution.yield_s = now + self.policy.quantum_s
        board = self.board
        board.codes[self.index] = execution.segment.code + self.domain.position
        board.stale = True
        if not self._busy:
            self._busy = True
            if self.domain.sampled:
                self.domain.unit_started()
            if self.sleep is not None:
                self._awake_s = now + self.sleep.wake()
        board.refresh()

    def leave(self, execution: Execution) -> None:
        """The segment goes off the unit, finished or not."""
        self.running = None
        self.board.codes[self.index] = self.domain.position
        self.board.stale = True

    def retime(self, timing: Timing) -> None:
        """The running segment goes on with another timing: close the present piece, place the rest."""
        execution = self.running
        assert execution is not None
        now = self.clock._now
        if execution.timing is None:  # comes onto the unit, at a border
            execution.timing = timing
            execution.origin_s = now - timing.ends_s[int(execution.piece_row)] * execution.scale
            if execution.yield_s == inf:
                execution.stop = execution.segment.rows
            else:
                execution.set_stop(execution.piece_row)
            if self._awake_s > now:
                self._wait_awake(execution, now)
        elif self._awake_s > now:
            execution.place(now, execution.piece_row, timing)
            self._wait_awake(execution, now)
        else:
            row = self.row_now(execution)
            self.close_piece(execution, now, row)
            execution.place(now, row, timing)
        self.arm(execution)

    def _wait_awake(self, execution: Execution, now: float) -> None:
        """The unit is still leaving its idle state: the segment begins when it is awake."""
        execution.origin_s += self._awake_s - now
        execution.piece_s = self._awake_s
        if execution.yield_s < inf:
            execution.set_stop(execution.piece_row)

    def row_now(self, execution: Execution) -> float:
        return execution.row_at(self.clock._now)

    def close_piece(self, execution: Execution, now: float, row: float) -> None:
        """Write down what ran since the last change of timing."""
        if now > execution.piece_s:
            self.recorder.piece(self.index, execution, now, row)

    def arm(self, execution: Execution) -> None:
        """One event, at which the segment ends or yields."""
        if execution.alarm is not None:
            execution.alarm.cancel()
        assert execution.timing is not None
        clock, end_s = self.clock, execution.origin_s + execution.timing.ends_s[execution.stop] * execution.scale
        execution.alarm = Alarm(clock, end_s if end_s > clock._now else clock._now, ENDS, self._stopped)

    def _stopped(self, _: Any) -> None:
        execution = self.running
        assert execution is not None
        now = self.clock._now
        if now > execution.piece_s:
            self.recorder.piece(self.index, execution, now, float(execution.stop))
        self.stopped(execution, execution.stop)

    def stopped(self, execution: Execution, row: int) -> None:
        """The running segment has reached ``row`` and leaves the unit: at its end, or because others are more urgent."""
        execution.alarm = None
        self.leave(execution)
        if row >= execution.segment.rows:
            execution.segment.completed += 1
            self._choosing = True  # what becomes ready by this waits its turn with the others
            execution.run.segment_done(execution)
            self._choosing = False
        else:
            self._set_aside(execution, row)
        if self.running is None:
            self.choose()

    @property
    def backlog(self) -> int:
        """Segments that wait or run here."""
        return len(self._queue) + (self.running is not None)

    def backlog_s(self) -> float:
        """How long they take at the present clock, alone, from where each stands."""
        frequency_hz, waiting = self.domain.frequency_hz, [execution for _, _, execution in self._queue]
        left_s = sum(_left_s(execution, max(execution.piece_row, 0.0), frequency_hz) for execution in waiting)
        return left_s + (0.0 if self.running is None else _left_s(self.running, self.row_now(self.running), frequency_hz))

    def _set_aside(self, execution: Execution, row: int) -> None:
        execution.piece_row = float(row)
        execution.yield_s = inf
        if self.policy.quantum_s is not None or execution.gives_way:
            self._sequence += 1
            execution.sequence = self._sequence
        heappush(self._queue, (execution.key, execution.sequence, execution))


def _left_s(execution: Execution, row: float, frequency_hz: float) -> float:
    """From a row of the segment to its end."""
    ends_s, whole = execution.segment.at(frequency_hz, 1.0).ends_s, int(row)
    if whole >= len(ends_s) - 1:
        return 0.0
    return ends_s[-1] - ends_s[whole] - (row - whole) * (ends_s[whole + 1] - ends_s[whole])
