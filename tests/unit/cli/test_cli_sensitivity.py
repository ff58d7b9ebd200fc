"""``edgesim sensitivity``: charts, data, pictures, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edgesim = Callable[..., Any]
FEW = ("--parameters", "cpu.frequency,cpu.speed,base_power,memory.capacity,ambient", "--workers", "1")


def test_a_chart_for_every_metric_and_the_same_as_data(edgesim: Edgesim, scenario: Path, tmp_path: Path) -> None:
    done = edgesim("sensitivity", scenario, *FEW, "--metrics", "latency_p99,power", "--json", tmp_path / "s.json")
    assert (done.code, done.err) == (0, "")
    assert "5 parameters of the device, one at a time, by 10 %: 11 runs" in done.out
    assert "latency p99:" in done.out and "power:" in done.out
    data = json.loads((tmp_path / "s.json").read_text())
    assert (data["schema"], data["runs_count"]) == ("edgesim.sensitivity/1", 11)
    latency = {row["parameter"]: row for row in data["metrics"]["latency_p99_s"]["parameters"]}
    assert latency["domains.cpu.frequency"]["elasticity"]["value"] == pytest.approx(-1.0, abs=0.1)
    assert "base_power" not in latency
    power = {row["parameter"]: row for row in data["metrics"]["power_w"]["parameters"]}
    assert power["base_power"]["change_up"]["value"] == pytest.approx(0.286, rel=0.01)
    assert (power["base_power"]["kind"], power["base_power"]["source"]) == ("derived", "rpi_power")
    assert data["move_nothing"] == ["memory.capacity"]


def test_the_same_twice_and_through_workers(edgesim: Edgesim, scenario: Path) -> None:
    plain = edgesim("sensitivity", scenario, *FEW)
    assert edgesim("sensitivity", scenario, *FEW).out == plain.out
    assert edgesim("sensitivity", scenario, *FEW[:2], "--workers", "2").out == plain.out


def test_a_screening_depends_on_its_seed_only(edgesim: Edgesim, scenario: Path) -> None:
    morris = ("sensitivity", scenario, *FEW, "--method", "morris", "--trajectories", "3", "--metrics", "power")
    plain = edgesim(*morris)
    assert plain.code == 0
    assert "Morris screening, 3 trajectories, by 10 %: 19 runs" in plain.out
    assert "mu*" in plain.out
    assert edgesim(*morris, "--seed", "0").out == plain.out
    assert edgesim(*morris, "--spread").code == 0


def test_published_uncertainty_is_how_far_a_number_goes(edgesim: Edgesim, scenario: Path) -> None:
    done = edgesim("sensitivity", scenario, *FEW, "--by", "uncertainty", "--metrics", "latency_p99")
    assert done.code == 0
    assert "over their 80 % uncertainty where it is published, else by 10 %" in " ".join(done.out.split())
    assert "x0." in next(line for line in done.out.splitlines() if line.startswith(" cpu.speed"))
    assert "x0." not in next(line for line in done.out.splitlines() if line.startswith(" cpu.frequency"))


def test_the_list_of_parameters_runs_nothing(edgesim: Edgesim, scenario: Path) -> None:
    done = edgesim("sensitivity", scenario, "--list", "--parameters", "estimated")
    assert done.code == 0
    assert "memory.capacity" in done.out and "domains.cpu.frequency" not in done.out


def test_a_number_that_cannot_be_is_told_and_the_rest_goes_on(edgesim: Edgesim, scenario: Path) -> None:
    done = edgesim("sensitivity", scenario, "--parameters", "memory.capacity,base_power", "--by", "95 %", "--workers", "1", "--metrics", "power")
    assert done.code == 0
    assert "memory.capacity: at 0.05 times what it is: device.memory" in " ".join(done.out.split())
    assert "base_power" in done.out


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(edgesim: Edgesim, scenario: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = edgesim("sensitivity", scenario, *FEW)
    assert max(map(len, done.out.splitlines())) <= width


def test_a_picture(edgesim: Edgesim, scenario: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert edgesim("sensitivity", scenario, *FEW, "--plot", tmp_path / "s.svg").code == 0
    assert "cpu.speed" in (tmp_path / "s.svg").read_text() or (tmp_path / "s.svg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--metrics", "latency_p98"), "no metric 'latency_p98'; did you mean 'latency_p99'"),
        (("--parameters", "cpu.frequencies"), "no parameter 'cpu.frequencies'; did you mean 'domains.cpu.frequency'"),
        (("--parameters", "units.cpu.calibration_error"), "may not be changed"),
        (("--by", "0"), "--by 0: a share of more than 0 % and less than 100 %"),
        (("--by", "150 %"), "less than 100 %"),
        (("--by", "much"), "or 'uncertainty'"),
        (("--trajectories", "3"), "--trajectories is for --method morris"),
        (("--method", "morris", "--levels", "3"), "an even number of at least 2"),
        (("--method", "morris", "--trajectories", "0"), "--trajectories 0: at least 1"),
        (("--workers", "0"), "--workers 0: at least 1"),
        (("--plot", "chart.jpg"), "expected a file that ends in .png, .svg, .pdf"),
        (("--json", "/no/such/folder/s.json"), "no folder /no/such/folder"),
        (("--engine", "slurm", "--workers", "2"), "unknown engine 'slurm'"),
        (("--set", "device.memory.capacity=419450000 B"), "small.yaml:4:1: models: the models need"),
    ],
)
def test_mistakes_end_with_2_and_say_what_to_do(edgesim: Edgesim, scenario: Path, flags: tuple[str, ...], message: str) -> None:
    done = edgesim("sensitivity", scenario, *(() if "--parameters" in flags else ("--parameters", "base_power")), *flags)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_a_study_of_many_devices_is_refused(edgesim: Edgesim) -> None:
    done = edgesim("sensitivity", "cameras_sharing_an_uplink")
    assert done.code == 2
    assert "sensitivity takes a scenario of one" in done.err
