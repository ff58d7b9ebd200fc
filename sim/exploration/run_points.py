"""Points through an engine: handed out in batches, a few ahead, run again where a worker died, and given up where they kill their workers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from operator import length_hint

from sim.errors import EdgesimError
from sim.exploration.batches import MOST_POINTS, BatchSizes
from sim.exploration.engines.engine import Engine, Lane, Recipe
from sim.exploration.engines.worker import BatchDone, failed
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point

KILLS = 3  # workers a point may end before it is given up
_AHEAD = 2  # batches in each worker's hands: the one it works on, and the one it takes next without waiting for us
_SHARES = 2  # batches for each worker that what is left is divided into, as long as they would not be too long
_LOOK_S = 1.0


@dataclass
class Totals:
    """What came of a run of points. Seconds: ``busy_s`` of wall time that workers spent evaluating, ``elapsed_s`` of wall time from the first
    worker's start to the last result; ``lost_workers``: processes that died and were replaced."""

    points: int = 0
    mistakes: int = 0
    failed: int = 0
    lost_workers: int = 0
    busy_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def done(self) -> int:
        return self.points - self.mistakes - self.failed


@dataclass
class _Batch:
    points: tuple[Point, ...]
    deaths: int = 0  # of workers while these points were the ones to blame
    alone: bool = False  # to be judged: nothing else may be under way


@dataclass
class _Flight:
    batch: _Batch
    lane: Lane
    future: Future[BatchDone]


def run_points(
    points: Iterable[Point],
    evaluate: Callable[[Point], Outcome],
    engine: Engine,
    done: Callable[[Outcome], None],
    *,
    batch_s: float = 0.0,
    most_batch: int = MOST_POINTS,
    expected: int | None = None,
) -> Totals:
    """Evaluate every point in the engine's workers and call ``done`` here, once for each, in the order in which they end.

    ``points`` is drawn from only as workers have room, so it may be without end or depend on what ``done`` has been told. ``evaluate`` is pickled once
    and sent to each worker once. ``batch_s``: seconds of work in one batch, where the engine's own least is to be more; ``most_batch``: points in one.
    ``expected``: how many points there will be, where ``points`` itself does not say; the last batches are smaller then, so that all workers end together.
    A point on which a worker dies runs again, by itself, after the others, and is given up (status "failed") when it has ended three; what else was under
    way is not blamed.
    An exception of ``done`` or of ``points``, and Ctrl-C, end the run: what ``done`` has been told of is what has been run. The engine stays open for
    the next call and is the caller's to close. Raises EdgesimError where no worker can be had.
    """
    expected = length_hint(points, 0) if expected is None else expected
    return _Run(iter(points), Recipe.of(evaluate), engine, done, BatchSizes(max(batch_s, engine.batch_s), most_batch), expected).through()


class _Run:
    def __init__(self, points: Iterator[Point], recipe: Recipe, engine: Engine, done: Callable[[Outcome], None], sizes: BatchSizes, expected: int) -> None:
        self._points, self._recipe, self._engine, self._done, self._sizes = points, recipe, engine, done, sizes
        self._left = expected  # to be drawn; nobody knows where it is 0 or less
        self._again: deque[_Batch] = deque()  # unfinished, and not to blame for it
        # blamed for the death of a worker: last of all, because what kills from outside (a lack of memory, somebody's kill) often comes in bursts
        self._suspects: deque[_Batch] = deque()
        self._flights: list[_Flight] = []  # oldest first
        self._totals = Totals()

    def through(self) -> Totals:
        began_s = time.perf_counter()
        self._fill()
        while self._flights:
            finished, _ = wait([flight.future for flight in self._flights], timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            if not finished:
                self._engine.check()
            for flight in [flight for flight in self._flights if flight.future in finished]:
                if flight in self._flights:  # not taken along by the death of its worker
                    self._land(flight)
            self._fill()
        self._totals.elapsed_s = time.perf_counter() - began_s
        return self._totals

    def _fill(self) -> None:
        """Hand out batches while some lane has room, the emptiest lane first."""
        lanes = self._engine.lanes()
        while not any(flight.batch.alone for flight in self._flights):
            under_way = {id(lane): 0 for lane in lanes}
            for flight in self._flights:
                under_way[id(flight.lane)] += 1
            lane = min(lanes, key=lambda lane: under_way[id(lane)] / lane.width())
            if under_way[id(lane)] >= _AHEAD * lane.width():
                return
            batch = self._next()
            if batch is None:
                return
            self._flights.append(_Flight(batch, lane, lane.submit(self._recipe, batch.points, self._sizes.limit_s)))

    def _next(self) -> _Batch | None:
        """What has been begun, new points, suspects, and suspects that have to run alone when all else has landed."""
        if self._again:
            return self._again.popleft()
        drawn = tuple(islice(self._points, self._size()))
        if drawn:
            self._left -= len(drawn)
            return _Batch(drawn)
        if self._suspects and (not self._suspects[0].alone or not self._flights):
            return self._suspects.popleft()
        return None

    def _size(self) -> int:
        """Points of the next batch: half of a fair share of what is left, at most."""
        size = self._sizes.size()
        if self._left <= 0:
            return size
        workers = sum(lane.width() for lane in self._engine.lanes())
        return min(size, -(-self._left // (_SHARES * workers)))

    def _land(self, flight: _Flight) -> None:
        error = flight.future.exception() if not flight.future.cancelled() else _cancelled()
        if error is None:
            self._flights.remove(flight)
            self._take(flight.batch, flight.future.result())
            return
        blamed = next(other for other in self._flights if other.lane is flight.lane) if flight.lane.exact else flight
        workers = flight.lane.lost(error)
        if isinstance(error, ImportError):
            raise EdgesimError(f"a worker cannot import what it needs ({error}): the same edgesim has to be installed where it runs") from error
        if workers is None:
            raise error
        self._totals.lost_workers += workers
        if flight.lane.exact:  # whatever else that worker had been handed has gone with it, without blame
            for other in [other for other in self._flights if other.lane is flight.lane]:
                self._take_back(other, workers if other is blamed else 0)
        else:
            self._take_back(flight, workers)

    def _take(self, batch: _Batch, result: BatchDone) -> None:
        """Tell of each outcome; what the batch had no time for goes back."""
        self._sizes.took(len(result.outcomes), result.busy_s)
        self._totals.busy_s += result.busy_s
        rest = batch.points[len(result.outcomes) :]
        if rest:
            self._again.appendleft(_Batch(rest, batch.deaths))
        for outcome in result.outcomes:
            self._tell(outcome)

    def _take_back(self, flight: _Flight, workers: int) -> None:
        """A batch whose worker is gone: as it was where it is not to blame, else each of its points by itself."""
        self._flights.remove(flight)
        batch = flight.batch
        if flight.future.done() and not flight.future.cancelled() and flight.future.exception() is None:
            self._take(batch, flight.future.result())  # it had ended just before
        elif not workers:
            self._again.appendleft(batch)
        elif len(batch.points) > 1:
            deaths = workers if flight.lane.exact else 0
            self._suspects.extendleft(_Batch((point,), deaths) for point in reversed(batch.points))
        elif flight.lane.exact or batch.alone:
            self._blame(batch, batch.deaths + workers, batch.alone)
        else:
            self._suspects.append(_Batch(batch.points, 0, alone=True))

    def _blame(self, batch: _Batch, deaths: int, alone: bool) -> None:
        if deaths >= KILLS:
            self._tell(failed(batch.points[0], f"ended the worker process that ran it, {deaths} times"))
        else:
            self._suspects.append(_Batch(batch.points, deaths, alone))

    def _tell(self, outcome: Outcome) -> None:
        self._totals.points += 1
        self._totals.mistakes += outcome.status == "mistake"
        self._totals.failed += outcome.status == "failed"
        self._done(outcome)


def _cancelled() -> BaseException:
    from concurrent.futures import CancelledError

    return CancelledError("the engine has dropped a batch")
