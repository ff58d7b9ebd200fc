"""Points through an engine: each exactly once, lazily, in batches of the right size, and blame where it belongs."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from exploring import Burn, outcome, points

from sim.errors import EdgesimError
from sim.exploration.batches import BatchSizes
from sim.exploration.engines.engine import Engine, Lane, Recipe
from sim.exploration.engines.local import LocalEngine
from sim.exploration.engines.worker import BatchDone, evaluate_sent
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.run_points import Totals, run_points


class Script(Lane):
    """A lane in this process: ``worker(points)`` gives a batch's result or raises; a death takes all batches under way along."""

    def __init__(self, worker: Callable[[Sequence[Point]], BatchDone], exact: bool, width: int = 1, workers: int = 1) -> None:
        self.exact, self._width, self._workers, self._worker = exact, width, workers, worker
        self.batches: list[tuple[int, ...]] = []
        self.most_ahead = 0
        self._waiting: list[tuple[Sequence[Point], Future[BatchDone]]] = []

    def width(self) -> int:
        return self._width

    def submit(self, recipe: Recipe, points: Sequence[Point], limit_s: float) -> Future[BatchDone]:
        future: Future[BatchDone] = Future()
        self._waiting.append((points, future))
        self.most_ahead = max(self.most_ahead, len(self._waiting))
        return future

    def work(self) -> None:
        """Run the oldest batch."""
        batch, future = self._waiting.pop(0)
        self.batches.append(tuple(point.position for point in batch))
        try:
            future.set_result(self._worker(batch))
        except BrokenProcessPool as error:
            future.set_exception(error)
            for _, other in self._waiting:
                other.set_exception(BrokenProcessPool())
            self._waiting.clear()
        except Exception as error:
            future.set_exception(error)

    def lost(self, error: BaseException) -> int | None:
        return self._workers if isinstance(error, BrokenProcessPool) else None


class Scripted(Engine):
    batch_s = 0.0

    def __init__(self, *lanes: Script) -> None:
        self._lanes = lanes

    def lanes(self) -> Sequence[Lane]:
        return self._lanes

    def close(self, at_once: bool = False) -> None:
        """Nothing runs."""


@pytest.fixture(autouse=True)
def scripted_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for scripted futures makes them run."""
    import sim.exploration.run_points as module

    real = module.wait

    def wait(futures: Sequence[Future[BatchDone]], **named: object) -> object:
        for lane in _scripts:
            if lane._waiting:
                lane.work()
                break
        return real(futures, **named)

    monkeypatch.setattr(module, "wait", wait)
    _scripts.clear()


_scripts: list[Script] = []


def scripted(worker: Callable[[Sequence[Point]], BatchDone], exact: bool = True, width: int = 1, workers: int = 1) -> Scripted:
    _scripts.append(Script(worker, exact, width, workers))
    return Scripted(*_scripts)


def quick(batch: Sequence[Point]) -> BatchDone:
    return BatchDone(tuple(outcome(point) for point in batch), 0.001 * len(batch))


def swept(engine: Engine, count: int, **options: float) -> tuple[list[Outcome], Totals]:
    outcomes: list[Outcome] = []
    totals = run_points(points(count), Burn(), engine, outcomes.append, **options)  # type: ignore[arg-type]
    assert totals.points == len(outcomes)
    return outcomes, totals


def positions(outcomes: list[Outcome]) -> list[int]:
    return sorted(one.point.position for one in outcomes)


def test_every_point_once_and_batches_that_grow_to_the_time_wanted() -> None:
    engine = scripted(quick)
    outcomes, totals = swept(engine, 500, batch_s=0.05)
    assert positions(outcomes) == list(range(500))
    sizes = [len(batch) for batch in _scripts[0].batches]
    assert sizes[0] == 1 and max(sizes) == 50 and totals.busy_s == pytest.approx(0.5)


@pytest.mark.parametrize("told", [True, False])
def test_last_batches_are_smaller_where_the_number_of_points_is_known(told: bool) -> None:
    outcomes: list[Outcome] = []
    run_points(points(100) if told else list(points(100)), Burn(), scripted(quick, width=2), outcomes.append, batch_s=10.0, expected=100 if told else None)
    sizes = [len(batch) for batch in _scripts[0].batches]
    assert positions(outcomes) == list(range(100)) and max(sizes) == 24 and sizes[-4:] == [1, 1, 1, 1]


def test_number_of_points_that_is_wrong_does_no_harm() -> None:
    for expected in (3, 1000):
        outcomes: list[Outcome] = []
        run_points(points(60), Burn(), scripted(quick), outcomes.append, batch_s=0.01, expected=expected)
        assert positions(outcomes) == list(range(60))
        _scripts.clear()


def test_most_points_of_a_batch_are_a_hard_limit() -> None:
    swept(scripted(quick), 50, batch_s=10.0, most_batch=3)
    assert max(len(batch) for batch in _scripts[0].batches) == 3


def test_points_are_drawn_only_as_there_is_room() -> None:
    drawn: list[int] = []
    told: list[int] = []

    def endless() -> Iterator[Point]:
        for point in points(10**9):
            drawn.append(point.position)
            assert len(drawn) - len(told) <= 2 * 2 + 1
            if len(told) >= 40:
                return
            yield point

    run_points(endless(), Burn(), scripted(quick, width=2), lambda one: told.append(one.point.position), most_batch=1)
    assert len(told) == len(drawn) - 1


def test_points_may_depend_on_what_has_been_told() -> None:
    """As a search asks: the next point is the best so far and one more."""
    best = [0]

    def asked() -> Iterator[Point]:
        for _ in range(30):
            yield Point(best[0] + 1, ())

    run_points(asked(), Burn(), scripted(quick), lambda one: best.append(one.point.position) or best.sort(reverse=True), most_batch=1)
    assert best[0] >= 15


def test_what_a_batch_had_no_time_for_is_handed_out_again() -> None:
    outcomes, _ = swept(scripted(lambda batch: quick(batch[:1])), 30, batch_s=0.01)
    assert positions(outcomes) == list(range(30))


def dying_on(*deadly: int) -> Callable[[Sequence[Point]], BatchDone]:
    def worker(batch: Sequence[Point]) -> BatchDone:
        if {point.position for point in batch} & set(deadly):
            raise BrokenProcessPool
        return quick(batch)

    return worker


def test_only_the_oldest_batch_of_a_dead_worker_is_blamed() -> None:
    outcomes, totals = swept(scripted(dying_on(20)), 60, batch_s=0.005)
    assert [one.point.position for one in outcomes if one.status == "failed"] == [20] and positions(outcomes) == list(range(60))
    assert totals.lost_workers == 3
    assert sum(20 in batch for batch in _scripts[0].batches) == 3
    assert max(sum(other in batch for batch in _scripts[0].batches) for other in range(60) if other != 20) <= 2


def test_where_blame_is_shared_a_point_is_judged_alone() -> None:
    """A cluster reports every batch that was on the dead worker, the innocent ones too; each report stands for four dead workers."""
    outcomes, _ = swept(scripted(dying_on(20, 21), exact=False, width=3, workers=4), 60, batch_s=0.005)
    assert sorted(one.point.position for one in outcomes if one.status == "failed") == [20, 21] and positions(outcomes) == list(range(60))


def test_where_blame_is_shared_and_a_report_is_one_death_three_are_needed() -> None:
    outcomes, totals = swept(scripted(dying_on(5), exact=False, width=2), 20, most_batch=1)
    assert [one.point.position for one in outcomes if one.status == "failed"] == [5] and totals.failed == 1
    assert sum(batch == (5,) for batch in _scripts[0].batches) == 4  # once among others, three times alone


def test_point_that_kills_twice_by_chance_has_its_result() -> None:
    deaths = iter([True, True])

    def worker(batch: Sequence[Point]) -> BatchDone:
        if batch[0].position == 3 and next(deaths, False):
            raise BrokenProcessPool
        return quick(batch)

    outcomes, totals = swept(scripted(worker), 10, most_batch=1)
    assert all(one.status == "done" for one in outcomes) and totals.lost_workers == 2


def test_fault_in_the_machinery_ends_the_run() -> None:
    def worker(batch: Sequence[Point]) -> BatchDone:
        raise pickle.UnpicklingError("no")

    with pytest.raises(pickle.UnpicklingError):
        swept(scripted(worker), 5)


def test_worker_without_edgesim_is_an_error_that_says_so() -> None:
    def worker(batch: Sequence[Point]) -> BatchDone:
        raise ModuleNotFoundError("No module named 'sim'")

    with pytest.raises(EdgesimError, match="the same edgesim has to be installed"):
        swept(scripted(worker), 5)


def test_exception_of_done_ends_the_run() -> None:
    def full(one: Outcome) -> None:
        raise EdgesimError("the disk is full")

    with pytest.raises(EdgesimError, match="full"):
        run_points(points(10), Burn(), scripted(quick), full)


def test_no_points() -> None:
    assert run_points([], Burn(), scripted(quick), print) == Totals(elapsed_s=pytest.approx(0, abs=1))


def test_fault_of_edgesim_in_a_point_is_recorded_and_the_rest_go_on() -> None:
    payload = pickle.dumps(Burn(faulty=frozenset({2})))
    result = evaluate_sent("a digest of its own", payload, tuple(points(4)), 10.0)
    assert [one.status for one in result.outcomes] == ["done", "done", "failed", "done"]
    assert result.outcomes[2].problems[0].startswith("fault of edgesim: ZeroDivisionError: faulty (exploring.py:")


def test_worker_begins_no_further_point_after_the_limit() -> None:
    result = evaluate_sent("another digest", pickle.dumps(Burn(0.01)), tuple(points(50)), 0.025)
    assert 1 <= len(result.outcomes) < 10 and result.busy_s > 0.02


def test_evaluator_that_cannot_be_pickled_is_told_before_anything_starts() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        run_points(points(1), lambda point: outcome(point), scripted(quick), print)


def test_worker_that_died_idle_is_replaced_and_keeps_its_recipes() -> None:
    with LocalEngine(1) as engine:
        for _ in range(2):
            keys = {one.key for one in swept(engine, 5)[0]}
            lane = engine.lanes()[0]
            assert lane.pid is not None
            os.kill(lane.pid, signal.SIGKILL)
            assert keys == {outcome(point).key for point in points(5)}


def test_one_engine_serves_several_evaluators() -> None:
    with LocalEngine(2) as engine:
        for wrong in (frozenset[int](), frozenset({1}), frozenset({2, 3})):
            outcomes: list[Outcome] = []
            totals = run_points(points(8), Burn(wrong=wrong), engine, outcomes.append)
            assert totals.mistakes == len(wrong) and {one.point.position for one in outcomes if one.status == "mistake"} == wrong


def test_local_workers_have_one_thread_for_numpy_and_their_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with LocalEngine(1) as engine:
        swept(engine, 1)
        environment = Path(f"/proc/{engine.lanes()[0].pid}/environ").read_bytes().split(b"\0")
    assert b"OPENBLAS_NUM_THREADS=1" in environment and "OPENBLAS_NUM_THREADS" not in os.environ


def test_sizes_follow_the_time_points_take() -> None:
    sizes = BatchSizes(0.2)
    assert sizes.size() == 1 and sizes.limit_s == pytest.approx(0.4)
    sizes.took(1, 0.010)
    assert sizes.size() == 20
    for _ in range(20):
        sizes.took(20, 20 * 2.0)
    assert sizes.size() == 1
    for _ in range(60):
        sizes.took(1, 0.0)
    assert sizes.size() == 1000
