"""The Dask engine on a real cluster of two local workers: nothing lost whoever dies, and clusters that are not there."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from exploring import Burn, outcome, points
from sweeping import acknowledged, csv_of, driver, finish

from sim.errors import EdgesimError
from sim.exploration.engines import dask as module
from sim.exploration.engines import open_engine
from sim.exploration.outcome import Outcome
from sim.exploration.run_points import run_points

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1", silence_logs=50) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def engine_text(cluster: Any) -> str:
    return f"dask:{cluster.scheduler_address}"


def workers(cluster: Any) -> dict[str, int]:
    """Addresses of workers and their process numbers."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        return dict(client.run(os.getpid))


def test_points_by_way_of_a_cluster_are_the_same(engine_text: str) -> None:
    outcomes: list[Outcome] = []
    with open_engine(engine_text) as engine:
        for _ in range(2):  # the same evaluator again, as a search asks generation by generation
            outcomes.clear()
            totals = run_points(points(40), Burn(0.001, wrong=frozenset({7})), engine, outcomes.append)
            assert totals.points == 40 and totals.mistakes == 1
    assert {one.point.position: one.key for one in outcomes} == {point.position: outcome(point).key if point.position != 7 else "" for point in points(40)}


def test_killed_worker_and_killed_driver_lose_nothing(cluster: Any, engine_text: str, tmp_path: Path, undisturbed: str) -> None:
    db = tmp_path / "sweep.db"
    with driver(db, engine_text) as process:
        acknowledged(process, 30)
        os.kill(next(iter(workers(cluster).values())), signal.SIGKILL)
        kept, _ = acknowledged(process, 30)
        process.kill()
        process.wait()
    finish(db, engine_text)
    assert csv_of(db) == undisturbed and kept


def test_point_that_kills_is_given_up_and_the_rest_have_results(engine_text: str) -> None:
    outcomes: list[Outcome] = []
    with open_engine(engine_text) as engine:
        totals = run_points(points(30), Burn(0.001, deadly=frozenset({11})), engine, outcomes.append)
    assert sorted(one.point.position for one in outcomes) == list(range(30))
    assert [one.point.position for one in outcomes if one.status == "failed"] == [11] and totals.lost_workers >= 3


def test_scheduler_that_goes_ends_the_sweep_with_what_to_do(tmp_path: Path) -> None:
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50) as doomed:
        engine = open_engine(f"dask:{doomed.scheduler_address}")
        seen: list[Outcome] = []

        def done(one: Outcome) -> None:
            seen.append(one)
            if len(seen) == 5:
                doomed.close()

        with pytest.raises(EdgesimError, match="--resume goes on"), engine:
            run_points(points(10_000), Burn(0.001), engine, done, most_batch=1)
    assert 5 <= len(seen) < 10_000


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    with socket.socket() as listening:  # takes the connection and says nothing
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        for address in (f"127.0.0.1:{listening.getsockname()[1]}", "127.0.0.1:1"):
            began_s = time.monotonic()
            with pytest.raises(EdgesimError, match=f"no Dask scheduler answers at {address}"):
                open_engine(f"dask:{address}")
            assert time.monotonic() - began_s < 60


def test_cluster_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 2.0)
    nobody = distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0", silence_logs=50)
    with nobody, pytest.raises(EdgesimError, match=r"has no workers; start some: dask worker"):
        open_engine(f"dask:{nobody.scheduler_address}")


@pytest.mark.parametrize("address", ["nonsense://x", "127.0.0.1", "tcp://", ":", "tcp://[::1", "http://127.0.0.1:8786"])
def test_text_that_is_no_address(address: str) -> None:
    with pytest.raises(EdgesimError, match=r"is not the address of a Dask scheduler .*for example dask:tcp://"):
        open_engine(f"dask:{address}")


def test_a_result_that_is_lost_on_its_way_is_fetched_anew(engine_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a worker dies between ending a batch and handing its result over: the future never ends, or ends with what is no error of the batch."""
    monkeypatch.setattr(module, "_STRANDED_S", 0.1)
    real = module.DaskLane.submit
    lost: list[str] = []

    def submit(lane: Any, *arguments: Any) -> Any:
        if len(lost) >= 2:
            return real(lane, *arguments)
        future: Any = Future()
        lost.append("never" if not lost else "wrong")
        if lost[-1] == "wrong":
            future.set_exception(TypeError("cannot unpack non-iterable BatchDone object"))
        else:
            lane._under_way.add(future)
        return future

    monkeypatch.setattr(module.DaskLane, "submit", submit)
    outcomes: list[Outcome] = []
    with open_engine(engine_text) as engine:
        totals = run_points(points(20), Burn(0.001), engine, outcomes.append)
    assert sorted(one.point.position for one in outcomes) == list(range(20))
    assert totals.lost_workers == 0
    assert lost == ["never", "wrong"]
