"""A server of a fleet: replicas behind one queue that makes batches, started and stopped by load, failing and repaired."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.runtime.clock import ENDS, OBSERVERS, SWITCHES, Alarm, Clock
from sim.runtime.spread import draw_of
from sim.scenario.batching import Spread

Done = Callable[[bool], None]
_DRAWS = 1024


@dataclass(frozen=True)
class ServedWork:
    """What a server runs for a kind of task: seconds and joules of a batch of 1, 2, ... tasks, ``[max_batch]``. ``spread``: how both scatter."""

    batch_s: tuple[float, ...]
    batch_j: tuple[float, ...]
    spread: Spread | None = None


@dataclass(frozen=True)
class ServerPlan:
    """How a server is run. Infinite times: never; ``queue_limit`` None: no limit.

    ``max_delay_s``: how long a task may wait for others to fill a batch. ``most_replicas`` above ``replicas``: one more is started
    when more than ``high`` of those running are busy, and one stopped when less than ``low`` are, looked at every ``interval_s``.
    ``mtbf_s``, ``mttr_s``: mean times between failures of a replica, and to its repair, both exponential.
    """

    name: str
    replicas: int = 1
    max_batch: int = 1
    max_delay_s: float = 0.0
    queue_limit: int | None = None
    idle_w: float = 0.0
    cold_start_s: float = 0.0
    most_replicas: int = 0
    interval_s: float = math.inf
    high: float = 0.8
    low: float = 0.3
    mtbf_s: float = math.inf
    mttr_s: float = 0.0
    price_per_hour: float = 0.0
    price_per_gb: float = 0.0


@dataclass(slots=True, eq=False)
class _Replica:
    """``state``: cold, idle, busy, down, or gone. ``since_s``: from when it costs."""

    state: str = "idle"
    since_s: float = 0.0
    batch: list[tuple[ServedWork, Done, float]] = field(default_factory=list)
    alarm: Alarm | None = None
    begun_s: float = 0.0  # when its batch began
    factor: float = 1.0  # of this batch's length and energy
    stops: bool = False


class Server:
    """Tasks come through :meth:`submit`; ``done(served)`` is called at the end, with False where the queue had no room.

    ``moved_bytes``: that the server received and sent, which those count who bring and fetch them.
    """

    def __init__(self, clock: Clock, plan: ServerPlan, rng: np.random.Generator) -> None:
        self.clock, self.plan, self._rng = clock, plan, rng
        self._queue: deque[tuple[ServedWork, Done, float]] = deque()
        self._replicas = [_Replica() for _ in range(plan.replicas)]
        self._idle = self._replicas[::-1]  # the next one last
        self._in_state = {"idle": plan.replicas, "busy": 0, "down": 0, "cold": 0}
        self._waiting_alarm: Alarm | None = None
        self._waiting_s = 0.0
        self.served = self.refused = self.batches = self.failures = self.started = 0
        self.busy_s = self.active_j = self.wait_s = self.moved_bytes = 0.0
        self._factors: dict[int, list[float]] = {}  # drawn ahead, by the identity of the work
        self._paid_s = 0.0  # of replicas that have stopped
        self.most = plan.replicas

    def start(self) -> None:
        """The run begins."""
        for replica in self._replicas:
            self._plan_failure(replica)
        if self.plan.most_replicas > self.plan.replicas and self.plan.interval_s < math.inf:
            self.clock.at(self.clock.now + self.plan.interval_s, OBSERVERS, self._scale)

    def submit(self, work: ServedWork, done: Done) -> None:
        """A task has arrived."""
        if self.plan.queue_limit is not None and len(self._queue) >= self.plan.queue_limit:
            self.refused += 1
            done(False)
            return
        self._queue.append((work, done, self.clock._now))
        self._dispatch()

    @property
    def waiting(self) -> int:
        """Tasks in its queue."""
        return len(self._queue)

    def expected_wait_s(self, work: ServedWork) -> float:
        """For a task that comes now: the queue before it at full batches, shared by the replicas that run."""
        idle, running = self._in_state["idle"], self._in_state["idle"] + self._in_state["busy"]
        if not running:
            return self.plan.mttr_s
        if idle:
            return self.plan.max_delay_s if self.plan.max_batch > 1 else 0.0
        size = min(self.plan.max_batch, len(work.batch_s))
        batches = len(self._queue) / size + 0.5  # half of the batch under way
        return batches * work.batch_s[size - 1] / running

    def replica_s(self, now: float) -> float:
        """Replica-seconds up to now, cold ones included: what is paid for."""
        return self._paid_s + sum(now - replica.since_s for replica in self._replicas)

    def energy_j(self, now: float) -> float:
        """Idle power of its replicas and the energy of what they served, up to now."""
        return self.replica_s(now) * self.plan.idle_w + self.active_j

    def _dispatch(self) -> None:
        """Give batches to idle replicas: full ones, and those whose oldest task has waited long enough."""
        queue, plan = self._queue, self.plan
        while queue and self._idle:
            batch = self._ready_batch()
            if not batch:
                self._wait_until(queue[0][2] + plan.max_delay_s)
                return
            self._run(self._idle[-1], batch)

    def _ready_batch(self) -> list[tuple[ServedWork, Done, float]]:
        """That of the oldest task if it has waited long enough, else of the first kind of work that fills one; empty for neither. It stays in the queue."""
        oldest = self._queue[0]
        if self.plan.max_batch == 1:
            return [oldest]
        is_due = oldest[2] + self.plan.max_delay_s <= self.clock._now
        batches: dict[int, list[tuple[ServedWork, Done, float]]] = {}
        for entry in self._queue:
            if is_due and entry[0] is not oldest[0]:
                continue
            batch = batches.setdefault(id(entry[0]), [])
            batch.append(entry)
            if len(batch) == min(self.plan.max_batch, len(entry[0].batch_s)):
                return batch
        return batches[id(oldest[0])] if is_due else []

    def _wait_until(self, due_s: float) -> None:
        if self._waiting_alarm is not None:
            if self._waiting_s == due_s:
                return
            self._waiting_alarm.cancel()
        self._waiting_s = due_s
        self._waiting_alarm = Alarm(self.clock, due_s, SWITCHES, self._waited)

    def _waited(self, _: Any) -> None:
        self._waiting_alarm = None
        self._dispatch()

    def _run(self, replica: _Replica, batch: list[tuple[ServedWork, Done, float]]) -> None:
        now, work = self.clock._now, batch[0][0]
        self._take_out(batch)
        self._enter(replica, "busy")
        replica.batch, replica.begun_s = batch, now
        replica.factor = 1.0 if work.spread is None else self._factor(work, work.spread)
        seconds = work.batch_s[len(batch) - 1] * replica.factor
        for entry in batch:
            self.wait_s += now - entry[2]
        replica.alarm = Alarm(self.clock, now + seconds, ENDS, lambda _: self._ended(replica))

    def _take_out(self, batch: list[tuple[ServedWork, Done, float]]) -> None:
        """Off the queue, whose order the others keep."""
        if len(batch) == 1 and self._queue[0] is batch[0]:
            self._queue.popleft()
            return
        others = []
        for entry in batch:
            while (head := self._queue.popleft()) is not entry:
                others.append(head)
        self._queue.extendleft(reversed(others))

    def _factor(self, work: ServedWork, spread: Spread) -> float:
        drawn = self._factors.setdefault(id(work), [])
        if not drawn:
            drawn += np.maximum(draw_of(spread)(self._rng, _DRAWS), 1e-12).tolist()
        return drawn.pop()

    def _ended(self, replica: _Replica) -> None:
        batch = replica.batch
        self._account(replica, 1.0)
        self._enter(replica, "idle")
        replica.batch, replica.alarm = [], None
        self.batches += 1
        self.served += len(batch)
        if replica.stops:
            self._stop(replica)
        for _, done, _ in batch:
            done(True)
        if self._queue:
            self._dispatch()

    def _account(self, replica: _Replica, share: float) -> None:
        """So much of the batch under way has been done."""
        work, size = replica.batch[0][0], len(replica.batch)
        self.busy_s += share * work.batch_s[size - 1] * replica.factor
        self.active_j += share * work.batch_j[size - 1] * replica.factor

    def _enter(self, replica: _Replica, state: str) -> None:
        self._leave(replica)
        self._in_state[state] += 1
        replica.state = state
        if state == "idle":
            self._idle.append(replica)

    def _leave(self, replica: _Replica) -> None:
        self._in_state[replica.state] -= 1
        if replica.state != "idle":
            return
        if self._idle[-1] is replica:
            self._idle.pop()
        else:
            self._idle.remove(replica)

    def _plan_failure(self, replica: _Replica) -> None:
        if self.plan.mtbf_s < math.inf:
            at_s = self.clock.now + float(self._rng.exponential(self.plan.mtbf_s))
            self.clock.at(at_s, SWITCHES, lambda _: self._failed(replica))

    def _failed(self, replica: _Replica) -> None:
        """What it was serving goes back to the head of the queue, to be served anew."""
        if replica not in self._replicas:
            return
        self.failures += 1
        if replica.alarm is not None:
            replica.alarm.cancel()
            replica.alarm = None
            work = replica.batch[0][0]
            self._account(replica, (self.clock.now - replica.begun_s) / (work.batch_s[len(replica.batch) - 1] * replica.factor))
        self._queue.extendleft(reversed(replica.batch))
        self._enter(replica, "down")
        replica.batch = []
        self.clock.at(self.clock.now + float(self._rng.exponential(self.plan.mttr_s)), SWITCHES, lambda _: self._repaired(replica))

    def _repaired(self, replica: _Replica) -> None:
        self._enter(replica, "idle")
        if replica.stops:
            self._stop(replica)
            return
        self._plan_failure(replica)
        self._dispatch()

    def _scale(self, _: Any) -> None:
        running = [replica for replica in self._replicas if not replica.stops]
        busy = sum(replica.state == "busy" for replica in running) / max(len(running), 1)
        if (busy > self.plan.high or len(self._queue) > len(running) * self.plan.max_batch) and len(running) < self.plan.most_replicas:
            self._start_one()
        elif busy < self.plan.low and len(running) > self.plan.replicas and not self._queue:
            self._stop_one(running)
        self.clock.at(self.clock.now + self.plan.interval_s, OBSERVERS, self._scale)

    def _start_one(self) -> None:
        replica = _Replica("cold", self.clock.now)
        self._replicas.append(replica)
        self._in_state["cold"] += 1
        self.started += 1
        self.most = max(self.most, len(self._replicas))
        self.clock.at(self.clock.now + self.plan.cold_start_s, SWITCHES, lambda _: self._warm(replica))

    def _warm(self, replica: _Replica) -> None:
        if replica.state == "cold":
            self._enter(replica, "idle")
            self._plan_failure(replica)
            self._dispatch()

    def _stop_one(self, running: Sequence[_Replica]) -> None:
        replica = next((one for one in reversed(running) if one.state == "idle"), running[-1])
        replica.stops = True
        if replica.state in ("idle", "cold"):
            self._stop(replica)

    def _stop(self, replica: _Replica) -> None:
        self._paid_s += self.clock.now - replica.since_s
        self._replicas.remove(replica)
        self._leave(replica)
        replica.state = "gone"
