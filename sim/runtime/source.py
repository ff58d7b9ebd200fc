"""A workload at work: its arrivals, its queue, and what becomes of its requests."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import EdgesimError, Problem
from sim.policies.admission import Decision
from sim.runtime.admission import WorkloadArrival, admission_policy
from sim.runtime.clock import ARRIVALS, Clock
from sim.runtime.memory import Residency
from sim.runtime.queries import Queries
from sim.runtime.recorder import Recorder
from sim.runtime.request import Request, Route, StagePlan, route
from sim.scenario.loadgen import Server
from sim.scenario.model import Closed, Periodic, Poisson, Workload
from sim.streaming.query_log import QueryLog
from sim.trace import Status
from sim.workload.arrivals import ClosedLoop, arrival_times
from sim.workload.streams import stream

_DRAWS = 1024
_AT_ONCE = 100_000  # answers of a closed loop within an instant, after which it is taken to be endless
_INSTANT_S = 1e-9


class Source:
    """Creates the requests of one workload and writes them down when they end."""

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        index: int,
        name: str,
        workload: Workload,
        plans: list[StagePlan],
        residency: Residency,
        number: Callable[[], int],
    ) -> None:
        self.index, self.name, self.workload, self.plans, self.residency = index, name, workload, plans, residency
        self.priority = workload.priority
        self.period_s = _period_s(workload)
        self.clock, self._recorder, self._number = clock, recorder, number
        self._deadline_s = math.inf if workload.deadline_s is None else float(workload.deadline_s)
        self._limit = workload.queue.limit
        self._drops_oldest = workload.queue.when_full == "drop_oldest"
        self._drop_late = workload.drop_late
        self._admission = admission_policy(workload.admission)
        self._chances: Callable[[], Route]
        self._in_system: dict[int, Request] = {}
        self._unstarted: deque[Request] = deque()
        self._times: Iterator[float] = iter(())
        self._loop: ClosedLoop | None = None
        self._queries: Queries | None = None
        self._instant_s, self._at_once = 0.0, 0
        self._turns = 0
        self.listener: Callable[[Request], None] | None = None  # told of every request that ends

    def start(self, seed: int, duration_s: float, directory: Path) -> None:
        """Schedule the first arrivals."""
        self._chances = self._routes(seed)
        workload, start_s = self.workload, float(self.workload.start_s)
        if self._queries is not None:
            self._queries.start(seed, start_s, duration_s)
            return
        assert workload.arrival is not None  # the scenario has one of the two
        if isinstance(workload.arrival, Closed):
            self._loop = ClosedLoop(workload.arrival, duration_s, start_s, workload.count)
            for time_s in self._loop.first_times():
                self.clock.at(time_s, ARRIVALS, self._arrived)
            return
        self._times = arrival_times(workload.arrival, duration_s, start_s, workload.count, stream(seed, f"arrival/{self.name}"), directory)
        self._schedule_next()

    def drive(self, log: QueryLog, complete: Callable[[], None]) -> None:
        """Let the workload's load generator send the requests. ``complete``: called when its last query is answered."""
        assert self.workload.loadgen is not None
        self._queries = Queries(self.clock, self.name, self, self.workload.loadgen, log, complete)

    def _routes(self, seed: int) -> Callable[[], Route]:
        """Draws the route of each request; each uncertain stage has its own random stream."""
        stages, dependencies = self.workload.pipeline, self.workload.stage_dependencies()
        uncertain = [position for position, stage in enumerate(stages) if stage.probability < 1]
        always = route(dependencies, [True] * len(stages))
        if not uncertain:
            return lambda: always
        names = self.workload.stage_names()
        draws = [_Draws(stream(seed, f"stage/{self.name}/{names[position]}"), float(stages[position].probability)) for position in uncertain]
        known: dict[tuple[bool, ...], Route] = {}

        def draw() -> Route:
            drawn = tuple(chance.draw() for chance in draws)
            if drawn not in known:
                taken = [True] * len(stages)
                for position, entered in zip(uncertain, drawn, strict=True):
                    taken[position] = entered
                known[drawn] = route(dependencies, taken)
            return known[drawn]

        return draw

    def _schedule_next(self) -> None:
        time_s = next(self._times, None)
        if time_s is not None:
            self.clock.at(time_s, ARRIVALS, self._arrived_next)

    def _arrived_next(self, event: Any) -> None:
        self._schedule_next()
        self._arrived(event)

    def _arrived(self, _: Any) -> None:
        self.arrive()

    def arrive(self) -> Request:
        """A request comes in now."""
        now = self.clock._now
        request = Request(self._number(), self, now, now + self._deadline_s, self._chances())
        request.turn = self._turns
        self._turns += 1
        if (self._admission is not None and not self._admits(request)) or (self._limit is not None and not self._make_room(self._limit)):
            self._end(request, Status.DROPPED)
            return request
        self._in_system[request.number] = request
        if self._drops_oldest:
            self._queue_up(request)
        if request.unfinished:
            request.begin()
        else:  # chance skipped every stage
            request.start_s = now
            self.answered(request)
        return request

    def _queue_up(self, request: Request) -> None:
        """Remember it as one that waits, and forget those before it that wait no more."""
        waiting = self._unstarted
        while waiting and (waiting[0].ended or waiting[0].start_s == waiting[0].start_s):
            waiting.popleft()
        waiting.append(request)

    def _admits(self, request: Request) -> bool:
        """Whether the workload's admission policy lets it in; in a queue of one priority nobody is displaced."""
        assert self._admission is not None
        return self._admission.decide(WorkloadArrival(request, len(self._in_system))) is Decision.ADMIT

    def _make_room(self, limit: int) -> bool:
        """Whether one more request may come in, after discarding the oldest that waits if the scenario says so."""
        if len(self._in_system) < limit:
            return True
        while self._unstarted:
            oldest = self._unstarted.popleft()
            if not oldest.ended and oldest.start_s != oldest.start_s:
                self._end(oldest, Status.DROPPED)
                return True
        return False

    def gives_up(self, request: Request) -> bool:
        """Whether a request about to begin is too late to be worth it; it ends then."""
        if not (self._drop_late and request.deadline_s < self.clock._now):
            return False
        self._end(request, Status.EXPIRED)
        return True

    def refuse(self, request: Request) -> None:
        """A queue does not take it."""
        self._end(request, Status.DROPPED)

    def answered(self, request: Request) -> None:
        """All its stages have ended."""
        self._end(request, Status.LATE if self.clock._now > request.deadline_s else Status.DONE)

    def _end(self, request: Request, status: Status) -> None:
        now = self.clock._now
        request.ended = True
        self._in_system.pop(request.number, None)
        self._recorder.request(request.number, self.index, request.arrival_s, request.start_s, now, request.deadline_s, status, request.energy_j)
        if self.listener is not None:
            self.listener(request)
        if self._queries is not None:
            self._queries.ended(request.arrival_s, status <= Status.LATE)
        if self._loop is not None:
            time_s = self._loop.after_answer(now)
            if time_s is not None:
                self.refuse_endless(time_s)
                self.clock.at(time_s, ARRIVALS, self._arrived)

    def refuse_endless(self, next_s: float) -> None:
        """Raise EdgesimError where answers bring requests and time does not pass: the run would never end."""
        if next_s - self._instant_s > _INSTANT_S:
            self._instant_s, self._at_once = next_s, 0
        self._at_once += 1
        if self._at_once > _AT_ONCE:
            key = "arrival" if self._queries is None else "loadgen"
            mend = "give its stages work, the arrival a think time or a count, or the queue room for every client"
            if self._queries is not None:
                mend = "give its stages work, or the queue room for every sample of a query"
            what = f"{_AT_ONCE} requests of this closed loop ended at {next_s:g} s without time passing; {mend}"
            raise EdgesimError(Problem(path=f"workloads.{self.name}.{key}", what=what))

    @property
    def in_system(self) -> int:
        """Requests that wait or run."""
        return len(self._in_system)

    def stop(self, now: float) -> None:
        """The run is over: what has not ended is unfinished."""
        for request in self._in_system.values():
            self._recorder.request(request.number, self.index, request.arrival_s, request.start_s, now, request.deadline_s, Status.UNFINISHED, request.energy_j)
        self._in_system.clear()
        if self._queries is not None:
            self._queries.finish()


def _period_s(workload: Workload) -> float:
    """Mean time between arrivals; infinite where answers bring them, or a file does."""
    if isinstance(workload.loadgen, Server):
        return 1.0 / float(workload.loadgen.target_qps)
    return 1.0 / workload.arrival.rate_hz if isinstance(workload.arrival, Periodic | Poisson) else math.inf


class _Draws:
    """Yes or no with a probability, drawn in blocks."""

    def __init__(self, rng: np.random.Generator, probability: float) -> None:
        self._rng, self._probability = rng, probability
        self._block: list[bool] = []

    def draw(self) -> bool:
        if not self._block:
            self._block = (self._rng.random(_DRAWS) < self._probability).tolist()[::-1]
        return self._block.pop()
