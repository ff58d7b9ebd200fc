"""``edgesim run``: screen, files, exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_valid_run(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("run", scenario)
    assert done.code == 0, done.err
    assert " VALID " in done.out and "Raspberry Pi 4" in done.out and "seed 0" in done.out
    assert all(len(line) <= 100 for line in done.out.splitlines())
    assert "\x1b" not in done.out  # not a terminal: no colours


def test_budget_that_is_not_held(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("run", scenario, "--set", "budgets.latency_p99=1 us", "--quiet")
    assert done.code == 1 and "INVALID" in done.out and "FAIL" in done.out
    assert len(done.out.splitlines()) < 8


def test_seed_and_overrides(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("run", scenario, "--seed", "7", "--set", "ambient=40 degC")
    assert done.code == 0 and "seed 7" in done.out and "40 degC" in done.out


def test_window(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("run", scenario, "--window", "0.5 s..0.8 s")
    assert done.code == 0 and "the chosen window" in done.out and "0.80 s" in done.out


def test_out_folder(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert edgesim("run", scenario, "--out", out).code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "counters.csv",
        "metrics.json",
        "requests.csv",
        "run.edgesim",
        "scenario.yaml",
        "spans.csv",
        "summary.txt",
        "trace.json",
    ]
    requests = list(csv.DictReader((out / "requests.csv").open()))
    assert len(requests) == 40 and requests[0]["workload"] == "microphone" and requests[0]["status"] == "done"
    data = json.loads((out / "metrics.json").read_text())
    assert data["valid"] and data["metrics"]["workloads"]["microphone"]["arrived"] == {"value": 40, "unit": "1"}
    latencies = sorted(float(row["end_s"]) - float(row["arrival_s"]) for row in requests)
    assert data["metrics"]["workloads"]["microphone"]["latency"]["max"]["value"] == pytest.approx(latencies[-1])


def test_written_scenario_runs_again_to_the_same_result(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("run", scenario, "--set", "ambient=40 degC", "--seed", 3, "--out", tmp_path / "one").code == 0
    assert edgesim("run", tmp_path / "one" / "scenario.yaml", "--out", tmp_path / "two").code == 0
    for name in ("metrics.json", "trace.json", "spans.csv", "requests.csv", "counters.csv", "summary.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_same_bytes_in_another_process(scenario: Path, tmp_path: Path) -> None:
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "sim.cli.main", "run", str(scenario), "--quiet", "--out", str(tmp_path / hash_seed)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes(), path.name


def test_every_number_has_a_unit(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("run", scenario, "--json", tmp_path / "r.json").code == 0
    data = json.loads((tmp_path / "r.json").read_text())

    def check(part: Any, path: str) -> None:
        if isinstance(part, dict) and set(part) in ({"value", "unit"}, {"value", "unit", "low", "high"}):
            assert part["unit"]
        elif isinstance(part, dict):
            for key, value in part.items():
                check(value, f"{path}.{key}")
        elif isinstance(part, list):
            for value in part:
                check(value, path)
        else:
            assert part is None or isinstance(part, str | bool), path

    check({key: value for key, value in data.items() if key != "seed"}, "")


def test_interrupted_run_leaves_nothing(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.experiment.simulate.Experiment.run", interrupted)
    done = edgesim("run", scenario, "--json", tmp_path / "r.json", "--out", tmp_path / "out", "--trace", tmp_path / "t.json")
    assert done.code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_compare_two_results(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    for name, setting in (("a", "ambient=25 degC"), ("b", "device=raspberry_pi_5")):
        assert edgesim("run", scenario, "--set", setting, "--json", tmp_path / f"{name}.json", "--quiet").code == 0
    done = edgesim("compare", tmp_path / "a.json", tmp_path / "b.json")
    assert done.code == 0 and "Raspberry Pi 5" in done.out and "latency.p99" in done.out
    same = json.loads(edgesim("compare", tmp_path / "a.json", scenario, "--json", "--all").out)
    assert same and all(row["a"] == row["b"] for row in same)


def test_interrupt_while_files_are_written_leaves_nothing(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.report.export.write_chrome_trace", interrupted)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "metrics.json").write_text("before")
    for folder in ("deep/new", "old"):
        assert edgesim("run", scenario, "--out", tmp_path / folder).code == 130
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["metrics.json", "old", "small.yaml"]
    assert (tmp_path / "old" / "metrics.json").read_text() == "before"
