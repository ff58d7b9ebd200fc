"""``edgesim sweep``: every point is a run by hand, files are resumed, mistakes are told before anything runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCENARIO = """\
name: little
device: pixel_6
duration: 1 s
models: {net: {source: ds_cnn, precision: int8, runtime: tflite, placement: {prefer: [cpu]}}}
workloads: {w: {arrival: {kind: poisson, rate: 30 Hz}, pipeline: [{model: net}]}}
sweep:
  device.memory.bandwidth: [5 GB/s, 20 GB/s]
  models.net.precision: [int8, fp32]
"""
AXES = ("device.memory.bandwidth", "models.net.precision")


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "little.yaml"
    file.write_text(SCENARIO)
    return file


def rows(db: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(db) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM points_view ORDER BY position")]


def test_every_point_is_a_run_by_hand(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("sweep", scenario, "--workers", "1", "--out", tmp_path / "s.db").code == 0
    found = rows(tmp_path / "s.db")
    assert [(row[AXES[0]], row[AXES[1]]) for row in found] == [(a, b) for a in ("5 GB/s", "20 GB/s") for b in ("int8", "fp32")]
    for row in found:
        change = [part for axis in AXES for part in ("--set", f"{axis}={row[axis]}")]
        assert edgesim("run", scenario, *change, "--quiet", "--no-interval", "--json", tmp_path / "r.json").code == 0
        metrics = json.loads((tmp_path / "r.json").read_text())["metrics"]
        assert row["latency_p99_s"] == metrics["workloads"]["w"]["latency"]["p99"]["value"]
        assert row["energy_j"] == metrics["energy"]["total"]["value"]
        assert row["memory_bytes"] == metrics["memory"]["peak"]["value"]


def test_two_workers_find_what_one_finds(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        files = ("--out", tmp_path / f"{workers}.db", "--json", tmp_path / f"{workers}.json")
        done = edgesim("sweep", scenario, "--axis", "seed=range(3)", "--workers", workers, *files)
        assert done.code == 0
        assert edgesim("results", tmp_path / f"{workers}.db", "--csv", tmp_path / f"{workers}.csv").code == 0
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert json.loads((tmp_path / "1.json").read_text())["points_count"] == 12


def test_what_is_cut_short_goes_on(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    db = tmp_path / "s.db"
    assert "3 still to run" in edgesim("sweep", scenario, "--workers", "1", "--out", db, "--limit", "1").out
    again = edgesim("sweep", scenario, "--workers", "1", "--out", db)
    assert again.code == 2
    assert "--resume" in again.err
    assert "1 of them earlier" in edgesim("sweep", scenario, "--workers", "1", "--out", db, "--resume").out
    assert len(rows(db)) == 4
    other = edgesim("sweep", scenario, "--axis", "seed=range(2)", "--out", db, "--resume")
    assert other.code == 2
    assert "not this one" in other.err


@pytest.mark.parametrize(
    ("arguments", "place", "what"),
    [
        (("--axis", "device.units.tpuu.frequency=[1 GHz]"), "--axis device.units.tpuu.frequency", "no unit 'tpuu'"),
        (("--axis", "models.net.precision=[int8, int3]"), "--axis models.net.precision: 1", "int3"),
        (("--axis", "seed=range(0)"), "--axis seed", "without values"),
        (("--axis", "seed"), "--axis", "PATH=VALUES"),
        (("--axis", "where=['bandwidth > 1 TB/s']"), "--axis where", "rules out every combination"),
        (("--limit", "0"), "--limit", "at least 1"),
        (("--resume",), "--resume", "--out"),
        (("--engine", "loocal"), "loocal", "local"),
        (("--workers", "0"), "0 workers", "at least one"),
        (("--replications", "3", "--axis", "seed=[1]"), "--axis replications", "an axis already"),
        (("--replications", "3", "--seed", str(2**63 - 2)), "--axis replications", "the last of them has seed"),
        (("--axis", "seed=[1]", "--axis", "seed=[2]"), "--axis seed", "twice"),
        (("--axis", "seed=[1, 2]", "--axis", "duration=[1 s]", "--set", "duration=2 s", "--set", "warmup=1 s"), "--axis duration: 0", "warmup"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, arguments: tuple[str, ...], place: str, what: str
) -> None:
    done = edgesim("sweep", scenario, *arguments)
    assert done.code == 2
    assert place in done.err
    assert what in done.err
    assert not done.out


def test_a_wrong_value_is_told_at_its_line(edgesim: Callable[..., Any], scenario: Path) -> None:
    scenario.write_text(SCENARIO.replace("[int8, fp32]", "[int8, fp31]").replace("20 GB/s]", "20 GHz]"))
    done = edgesim("sweep", scenario)
    assert done.code == 2
    assert "little.yaml:7:37" in done.err
    assert "little.yaml:8:32" in done.err


def test_wrong_axes_and_wrong_values_are_told_together(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("sweep", scenario, "--axis", "seed=[]", "--axis", "device.units.tpuu.frequency=[1 GHz]", "--axis", "models.net.precision=[int3]")
    assert done.code == 2
    assert all(what in done.err for what in ("without values", "no unit 'tpuu'", "int3"))


def test_combinations_that_are_ruled_out_need_not_be_possible(edgesim: Callable[..., Any], scenario: Path) -> None:
    axes = ("--axis", "duration=[1 s, 4 s]", "--axis", "warmup=[2 s, 500 ms]", "--workers", "1")
    told = edgesim("sweep", scenario, *axes)
    assert told.code == 2
    assert "warmup" in told.err
    assert "12 done" in edgesim("sweep", scenario, *axes, "--axis", "where=['warmup < duration']").out


def test_a_scenario_without_axes_is_no_sweep(edgesim: Callable[..., Any], scenario: Path) -> None:
    scenario.write_text(SCENARIO.partition("sweep:")[0])
    assert "nothing is varied" in edgesim("sweep", scenario).err


def test_studies_of_many_devices_are_swept_too(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    axes = ("--axis", "rollout.wifi_only=[true, false]", "--axis", "seed=range(2)")
    done = edgesim("sweep", "model_rollout", *axes, "--workers", "1", "--out", tmp_path / "s.db")
    assert done.code == 0
    assert "99 % updated" in done.out
    assert [row["rollout.wifi_only"] for row in rows(tmp_path / "s.db")] == [1, 1, 0, 0]
    wrong = edgesim("sweep", "model_rollout", "--axis", "rollout.wify_only=[true]")
    assert wrong.code == 2
    assert "did you mean 'wifi_only'" in wrong.err


def test_points_that_cannot_be_are_counted(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("sweep", scenario, "--axis", "models.net.runtime=[tflite, onnxruntime]", "--axis", "device.storage.capacity=[1 kB, 1 GB]", "--workers", "1")
    assert done.code == 0
    assert "points without a result" in done.out
    assert "storage" in done.out


@pytest.mark.parametrize("width", ["80", "120"])
def test_it_fits_the_terminal(edgesim: Callable[..., Any], scenario: Path, width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    done = edgesim("sweep", scenario, "--workers", "1", "--replications", "2")
    assert all(len(line) <= int(width) for line in done.out.splitlines())
    assert "2 seeds each" in done.out


@pytest.mark.parametrize(("name", "points"), [("npu_design_space", 40), ("queue_replications", 20)])
def test_shipped_sweeps_run(edgesim: Callable[..., Any], name: str, points: int, tmp_path: Path) -> None:
    short = ("--set", "duration=1 s", "--set", "warmup=100 ms", "--workers", "1")
    assert edgesim("sweep", name, *short, "--out", tmp_path / "s.db", "--json", tmp_path / "s.json").code == 0
    told = json.loads((tmp_path / "s.json").read_text())
    assert (told["points_count"], told["done_count"], told["missing_count"]) == (points, points, 0)
    assert len(rows(tmp_path / "s.db")) == points


def test_an_engine_that_is_not_there_begins_no_file(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("sweep", scenario, "--engine", "local:8", "--out", tmp_path / "s.db").code == 2
    assert not (tmp_path / "s.db").exists()
