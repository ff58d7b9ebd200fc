"""``compare --seeds``: pairs of runs, equal to runs by hand; and the timelines that compare draws over each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("scipy")

QUEUE = """\
name: queue
device: raspberry_pi_4
duration: 20 s
workloads:
  requests:
    arrival: {kind: poisson, rate: 20 Hz}
    pipeline: [{name: work, work: {operations: 40 M}}]
"""


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    file = tmp_path / "queue.yaml"
    file.write_text(QUEUE)
    return file


def test_every_value_is_that_of_a_run_by_hand(edgesim: Callable[..., Any], queue: Path, tmp_path: Path) -> None:
    rows = json.loads(edgesim("compare", queue, "--each", "workloads.requests.arrival.rate=20 Hz,30 Hz", "--seeds", "3", "--json").out)
    row = next(row for row in rows if row["metric"] == "workloads.requests.latency.p90")
    for letter, rate in (("a", "20 Hz"), ("b", "30 Hz")):
        for seed, value in enumerate(row["values"][letter]):
            change = f"workloads.requests.arrival.rate={rate}"
            assert edgesim("run", queue, "--set", change, "--seed", seed, "--json", tmp_path / "r.json", "--quiet").code == 0
            metrics = json.loads((tmp_path / "r.json").read_text())["metrics"]
            assert value == metrics["workloads"]["requests"]["latency"]["p90"]["value"]
    difference = row["differences_from_a"]["b"]
    assert difference["mean"] == pytest.approx(sum(row["values"]["b"]) / 3 - sum(row["values"]["a"]) / 3)
    assert difference["low"] < difference["mean"] < difference["high"]
    assert difference["p_value"] <= difference["p_value_corrected"] <= 1


def test_a_large_difference_is_told_from_none(edgesim: Callable[..., Any], queue: Path) -> None:
    busier = edgesim("compare", queue, "--each", "workloads.requests.arrival.rate=20 Hz,35 Hz", "--seeds", "5")
    assert "*" in next(line for line in busier.out.splitlines() if line.startswith("units.cpu.utilisation"))
    assert "of A every time" in busier.out  # what no seed changes
    same = edgesim("compare", queue, queue, "--seeds", "2")
    assert "p  " not in same.out.split("Means over")[0]
    assert "metrics of B are those of A" in same.out


@pytest.mark.parametrize("width", ["80", "120"])
def test_its_table_fits_the_terminal(edgesim: Callable[..., Any], queue: Path, width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    done = edgesim("compare", queue, "--each", "workloads.requests.arrival.rate=20 Hz,30 Hz,35 Hz", "--seeds", "3")
    table = done.out.split("Means over")[0].split("\n\n", 1)[1]
    assert all(len(line) <= int(width) for line in table.splitlines())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--seeds", "1"), "at least 2"),
        (("--seeds", "2", "--each", "seed=1,2"), "different seeds"),
    ],
)
def test_what_cannot_be_paired_is_told(edgesim: Callable[..., Any], queue: Path, arguments: tuple[str, ...], what: str) -> None:
    done = edgesim("compare", queue, *(() if "--each" in arguments else (queue,)), *arguments)
    assert done.code == 2
    assert what in done.err


def test_a_result_has_been_run_with_its_seed(edgesim: Callable[..., Any], queue: Path, tmp_path: Path) -> None:
    assert edgesim("run", queue, "--json", tmp_path / "r.json", "--quiet").code == 0
    done = edgesim("compare", queue, tmp_path / "r.json", "--seeds", "2")
    assert done.code == 2
    assert "run already" in done.err


def test_timelines_stand_over_each_other(edgesim: Callable[..., Any], queue: Path, tmp_path: Path) -> None:
    done = edgesim("compare", queue, "--each", "workloads.requests.pipeline.0.work.operations=40 M,80 M")
    head = next(at for at, line in enumerate(done.out.splitlines()) if "99th percentile of requests" in line)
    lines = done.out.splitlines()[head + 1 :]
    assert lines[0].split()[:2] == ["cpu", "A"]
    assert next(line for line in lines[1:] if line.strip()).split()[0] == "B"
    assert "99th percentile" not in edgesim("compare", queue, queue, "--no-timeline").out
    assert edgesim("run", queue, "--json", tmp_path / "r.json", "--quiet").code == 0
    assert "99th percentile" not in edgesim("compare", queue, tmp_path / "r.json").out  # a result has no spans


def test_runs_that_share_no_workload_have_no_timeline_together(edgesim: Callable[..., Any], queue: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(QUEUE.replace("requests:", "others:"))
    done = edgesim("compare", queue, other)
    assert done.code == 0
    assert "99th percentile" not in done.out


SWEPT = (
    QUEUE
    + """\
sweep:
  workloads.requests.arrival.rate: [20 Hz, 30 Hz, 40 Hz]
  seed: range(2)
"""
)


def test_sweeps_are_compared_point_by_point(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    from sim.exploration.store.store import Store

    for name, work in (("a", "40 M"), ("b", "60 M")):
        (tmp_path / f"{name}.yaml").write_text(SWEPT.replace("40 M", work))
        assert edgesim("sweep", tmp_path / f"{name}.yaml", "--workers", "1", "--out", tmp_path / f"{name}.db").code == 0
    rows = {row["metric"]: row for row in json.loads(edgesim("compare", tmp_path / "a.db", tmp_path / "b.db", "--json").out)}
    for letter in "ab":
        with Store.read(tmp_path / f"{letter}.db") as store:
            assert rows["latency_p99_s"]["values"][letter] == [record["latency_p99_s"] for record in store.table().records()]
    assert rows["latency_p50_s"]["differences_from_a"]["b"]["p_value_corrected"] < 0.05
    shown = edgesim("compare", tmp_path / "a.db", tmp_path / "b.db").out
    assert "6 of them in all" in shown
    assert "Student" in shown


def test_sweeps_with_nothing_in_common_are_told(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    for name, rates in (("a", "[20 Hz, 30 Hz]"), ("b", "[21 Hz, 31 Hz]")):
        (tmp_path / f"{name}.yaml").write_text(SWEPT.replace("[20 Hz, 30 Hz, 40 Hz]", rates))
        assert edgesim("sweep", tmp_path / f"{name}.yaml", "--workers", "1", "--out", tmp_path / f"{name}.db", "--quiet").code == 0
    assert "nothing to compare" in edgesim("compare", tmp_path / "a.db", tmp_path / "b.db").err
    assert "of its kind" in edgesim("compare", tmp_path / "a.db", tmp_path / "a.yaml").err
    assert "already" in edgesim("compare", tmp_path / "a.db", tmp_path / "b.db", "--seeds", "3").err
