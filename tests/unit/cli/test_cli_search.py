"""``edgesim search``: what it finds is what the whole grid has, any number of workers finds the same, and mistakes are told before anything runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BASE = """\
name: little
device: pixel_6
duration: 200 ms
models: {net: {source: ds_cnn, precision: int8, runtime: tflite, placement: {prefer: [cpu]}}}
workloads: {w: {arrival: {kind: periodic, rate: 30 Hz}, pipeline: [{model: net}]}}
budgets: {miss_rate: 1 %}
"""
SPACE = """\
    device.memory.bandwidth: {from: 5 GB/s, to: 20 GB/s, step: 5 GB/s}
    models.net.precision: [int8, fp32]
    models.net.threads: {choices: [1, 2], when: {models.net.precision: fp32}}
"""
SCENARIO = f"{BASE}search:\n  trials: 12\n  generation: 4\n  objectives: {{latency_p99: minimize, energy: minimize}}\n  space:\n{SPACE}"
COMBINATIONS = 4 * (1 + 2)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "little.yaml"
    file.write_text(SCENARIO)
    return file


def found(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())
    return data


def test_the_front_of_all_combinations_runs_alone_with_the_same_numbers(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    done = edgesim("search", scenario, "--trials", 500, "--json", tmp_path / "s.json", "--write-front", tmp_path / "front", "-o", tmp_path / "best.yaml")
    assert done.code == 0, done.err
    data = found(tmp_path / "s.json")
    assert data["trials_count"] == data["combinations_count"] == COMBINATIONS
    assert data["is_exhausted"]
    assert "every combination tried" in done.out
    trials = data["trials"]
    for number in data["front"]:
        mine = list(trials[number]["objectives"].values())
        assert not any(
            list(other["objectives"].values()) < mine and all(a <= b for a, b in zip(other["objectives"].values(), mine, strict=True)) for other in trials
        )
        file = tmp_path / "front" / f"front_{number:04d}.yaml"
        assert edgesim("run", file, "--quiet", "--no-interval", "--json", tmp_path / "r.json").code == 0
        assert found(tmp_path / "r.json")["metrics"]["workloads"]["w"]["latency"]["p99"]["value"] == mine[0]
        assert "search:" not in file.read_text()
    assert len(list((tmp_path / "front").iterdir())) == len(data["front"])
    assert edgesim("validate", tmp_path / "best.yaml").code == 0
    assert edgesim("search", scenario, "--write-front", tmp_path / "front").code == 2  # what is there is not mixed with another front


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_workers_resuming_and_asking_for_more_find_what_one_undisturbed_run_finds(
    edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, sampler: str
) -> None:
    pytest.importorskip("optuna")
    whole = ("search", scenario, "--sampler", sampler, "--trials", 10)
    assert edgesim(*whole, "--workers", 1, "--json", tmp_path / "1.json").code == 0
    part = ("--out", tmp_path / "s.db")
    assert edgesim(*whole[:-1], 6, *part).code == 0
    assert edgesim(*whole, *part).code == 2  # a file that holds this search is not begun anew
    assert edgesim(*whole, *part, "--resume", "--workers", 2, "--json", tmp_path / "2.json").code == 0
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    shown = edgesim("results", tmp_path / "s.db", "--csv", "-")
    assert len(shown.out.splitlines()) == 1 + 10


def test_a_search_that_is_killed_goes_on(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    db, slow = tmp_path / "s.db", ("--set", "duration=20 s", "--workers", "1", "--trials", "10", "--sampler", "tpe")
    command = [sys.executable, "-m", "sim.cli.main", "search", str(scenario), *slow, "--out", str(db)]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until and killed.poll() is None:
        if db.exists() and " 0 of" not in (shown := edgesim("results", db, "--sweeps").out) and "search" in shown:
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    for name, how in (("resumed", ("--out", db, "--resume")), ("whole", ())):
        assert edgesim("search", scenario, *slow, *how, "--json", tmp_path / f"{name}.json").code == 0
    assert (tmp_path / "resumed.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_a_file_of_another_search_or_a_damaged_one_is_not_gone_on_with(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    db = tmp_path / "s.db"
    assert edgesim("search", scenario, "--sampler", "random", "--trials", 3, "--out", db).code == 0
    other = edgesim("search", scenario, "--sampler", "random", "--trials", 3, "--out", db, "--resume", "--set", "duration=300 ms")
    assert other.code == 2
    assert "not this one" in other.err
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    broken = edgesim("search", scenario, "--sampler", "random", "--out", tmp_path / "broken.db", "--resume")
    assert broken.code == 2
    assert "not a results file" in broken.err


def test_a_constraint_nothing_holds_is_said(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("search", scenario, "--sampler", "grid", "--set", "search.constraints=['latency_p99 <= 1 ns']")
    assert done.code == 1
    assert "no trial holds everything" in done.out
    assert f"not by {COMBINATIONS}" in done.out


def test_an_accuracy_nobody_knows_is_said(edgesim: Callable[..., Any], scenario: Path) -> None:
    unknown = ("search", scenario, "--sampler", "grid", "--set", "search.objectives={latency_p99: minimize, accuracy: maximize}")
    done = edgesim(*unknown)
    assert done.code == 1
    assert "accuracy unknown" in done.out
    accepted = edgesim(*unknown, "--set", "search.unknown_accuracy=accept")
    assert accepted.code == 0
    assert "an accuracy nobody knows" in accepted.out


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("search.objectives={}", "no objective"),
        ("search.objectives={latency_p9: minimize}", "no metric 'latency_p9'; did you mean 'latency_p99' or 'latency_p90'"),
        ("search.objectives={latency_p99: less}", "minimize"),
        ("search.objectives={energy: minimize, energy_per_inference: minimize}", "as another objective does"),
        ("search.space={}", "an empty space"),
        ("search.space={device.memory.bandwith: [5 GB/s]}", "bandwith"),
        ("search.space={device.memory.bandwidth: []}", "without values"),
        ("search.space={device.memory.bandwidth: [5 GB/s, 3 W]}", "'W' is not a unit of bandwidth"),
        ("search.space={models.net.precision: [int8, int9]}", "int9"),
        ("search.space={models.other: {architecture: once_for_all}}", "models.NAME"),
        ("search.space={models.net: {architecture: once_for_all}}", "the source is ds_cnn"),
        ("search.space={budgets.power: [1 W]}", "not part of what is searched"),
        ("search.space={seed: {choices: [1], when: {sed: 1}}}", "no other axis"),
        ("search.space={models.net.precision: [int8], models.net: [{source: ds_cnn}]}", "put 'models.net' first"),
        ("search.constraints=['power <= 1 W', 'power >= 2 W']", "contradicts power <= 1 W"),
        ("search.constraints=['powr <= 1 W']", "no metric 'powr'; did you mean 'power'"),
        ("search.constraints=['power <= 1 ms']", "'ms'"),
        ("search.constraints=['power is small']", "is no constraint"),
        ("search.trials=0", "trials"),
        ("search.sampler=nsga3", "sampler"),
    ],
)
def test_mistakes_are_told_before_anything_runs(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, change: str, what: str) -> None:
    done = edgesim("search", scenario, "--set", change, "--out", tmp_path / "s.db")
    assert done.code == 2
    assert what in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "s.db").exists()


def test_a_mistake_in_the_file_is_told_at_its_line(edgesim: Callable[..., Any], scenario: Path) -> None:
    scenario.write_text(
        SCENARIO.replace("[int8, fp32]", "[int8, int9]").replace("threads: {choices: [1, 2], when: {models.net.precision: fp32}}", "threads: [1]")
    )
    done = edgesim("search", scenario)
    line = next(number for number, text in enumerate(scenario.read_text().splitlines(), 1) if "int9" in text)
    assert f"little.yaml:{line}:" in done.err
    scenario.write_text(BASE)
    assert "no section search" in edgesim("search", scenario).err


@pytest.mark.parametrize("flags", [("--trials", 0), ("--workers", 0), ("--resume",), ("--seed", -1), ("--each", "device"), ("-o", "/no/such/folder/x.yaml")])
def test_flags_that_cannot_be_followed(edgesim: Callable[..., Any], scenario: Path, flags: tuple[object, ...]) -> None:
    done = edgesim("search", scenario, *flags)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_without_optuna_it_says_what_to_install_and_random_goes_on(
    edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = edgesim("search", scenario, "--out", tmp_path / "s.db")
    assert done.code == 2
    assert "pip install 'edgesim[search]'" in done.err
    assert not (tmp_path / "s.db").exists()
    assert edgesim("search", scenario, "--sampler", "random", "--trials", 3).code == 0


def test_a_run_does_not_look_at_the_section(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    for name, text in (("with", SCENARIO), ("without", BASE)):
        scenario.write_text(text)
        assert edgesim("run", scenario, "--quiet", "--json", tmp_path / f"{name}.json").code == 0
    assert (tmp_path / "with.json").read_bytes() == (tmp_path / "without.json").read_bytes()


def test_one_search_for_each_device_shows_how_their_best_differ(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    done = edgesim("search", scenario, "--sampler", "grid", "--each", "device=pixel_6,raspberry_pi_4", "--json", tmp_path / "e.json")
    assert done.code == 0, done.err
    assert [one["trials"] for one in found(tmp_path / "e.json")["each"]] == [COMBINATIONS] * 2
