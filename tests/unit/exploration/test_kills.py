"""Processes that really die: workers and drivers ended as ``kill -9`` and Ctrl-C do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from exploring import Burn, points
from sweeping import COUNT, acknowledged, csv_of, driver, finish, gone

from sim.exploration.engines.local import LocalEngine
from sim.exploration.outcome import Outcome
from sim.exploration.run_points import run_points
from sim.exploration.store.store import Store


def test_killed_driver_loses_nothing_it_acknowledged_and_leaves_no_worker(tmp_path: Path, undisturbed: str) -> None:
    db = tmp_path / "sweep.db"
    for _ in range(2):
        with driver(db) as process:
            kept, pids = acknowledged(process, 50)
            process.kill()
            process.wait()
        assert pids and gone(pids)
        with Store.read(db) as store:
            assert kept <= {row["position"] for row in store.table().records()}
    finish(db)
    assert csv_of(db) == undisturbed


def test_killed_worker_is_replaced_and_its_points_run_again(tmp_path: Path, undisturbed: str) -> None:
    db = tmp_path / "sweep.db"
    with driver(db) as process:
        for _ in range(3):
            _, pids = acknowledged(process, 30)
            os.kill(max(pids), signal.SIGKILL)
        assert process.stdout is not None
        rest = process.stdout.read().splitlines()
        assert process.wait(timeout=60) == 0
        assert len(rest) == COUNT - 90  # the others, each once
    assert csv_of(db) == undisturbed


def test_interrupt_ends_quickly_keeps_what_is_finished_and_says_nothing(tmp_path: Path, undisturbed: str) -> None:
    db = tmp_path / "sweep.db"
    with driver(db) as process:
        kept, pids = acknowledged(process, 50)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None and process.stderr is not None
        kept |= {int(line.split()[0]) for line in process.stdout.read().splitlines()}
        assert process.wait(timeout=20) == 130 and process.stderr.read() == ""
    assert gone(pids)
    with Store.read(db) as store:
        assert kept <= {row["position"] for row in store.table().records()}
    finish(db)
    assert csv_of(db) == undisturbed


def test_two_drivers_fill_one_file_at_once(tmp_path: Path, undisturbed: str) -> None:
    db = tmp_path / "sweep.db"
    with driver(db) as one, driver(db) as other:
        for process in (one, other):
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
    assert csv_of(db) == undisturbed


def test_point_that_kills_its_workers_is_given_up_after_three(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with LocalEngine(2) as engine:
        outcomes: list[Outcome] = []
        totals = run_points(points(60), Burn(0.001, deadly=frozenset({17}), log=log), engine, outcomes.append, batch_s=0.02)
    assert sorted(outcome.point.position for outcome in outcomes) == list(range(60))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert [outcome.point.position for outcome in failed] == [17] and "3 times" in failed[0].problems[0]
    assert totals.lost_workers == 3 and totals.failed == 1 and totals.done == 59
    runs = [int(line.split()[0]) for line in log.read_text().splitlines()]
    assert runs.count(17) == 3
    assert max(runs.count(position) for position in range(60) if position != 17) <= 2  # those of its first batch, once more


def test_several_points_that_kill_are_all_found(tmp_path: Path) -> None:
    deadly = frozenset({0, 1, 30, 39})
    with LocalEngine(2) as engine:
        outcomes: list[Outcome] = []
        totals = run_points(points(40), Burn(deadly=deadly), engine, outcomes.append, batch_s=0.02)
    assert {outcome.point.position for outcome in outcomes if outcome.status == "failed"} == deadly
    assert len(outcomes) == 40
    assert 2 * len(deadly) < totals.lost_workers <= 3 * len(deadly)  # those of one batch share its first death
