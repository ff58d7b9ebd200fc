"""``edgesim calibrate thermal``: a fit on the terminal and as a section of a device file, and every bad trace with its line."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.thermal_fit import Parameters, PowerProfile, Trace, ladder, temperatures
from sim.scenario.loading import load_scenario

POWER = ("--power-idle", "3 W", "--power-load", "6 W")
SHAPE = ladder(("soc", "board"), {"soc": ("load",), "board": ("idle",)})
TRUE = Parameters(SHAPE, np.array([3.0, 5.0]), np.array([4.0, 30.0]), 22.0)
TIMES = np.arange(0.0, 600.0, 2.0)


def celsius() -> np.ndarray:
    """150 s idle, 300 s of load, 150 s idle on a network that is known."""
    profile = PowerProfile(np.array([0.0, 150.0, 450.0]), {"load": np.array([0.0, 3.0, 0.0]), "idle": np.full(3, 3.0)})
    return temperatures(TRUE, profile, Trace(TIMES, np.zeros(len(TIMES))))


def table(head: str, rows: list[tuple[object, ...]]) -> str:
    return "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(table("t_s,soc_temp_C", [(time, f"{value:.3f}") for time, value in zip(TIMES, celsius(), strict=True)]))
    return path


def test_a_fit_is_printed_with_its_plot(edgesim: Callable[..., Any], trace: Path) -> None:
    done = edgesim("calibrate", "thermal", trace, *POWER, "--ambient", "22 degC")
    assert done.code == 0, done.err
    assert "300 samples" in done.out and "soc - board" in done.out and "time constants" in done.out and "rms error" in done.out
    assert "o measured" in done.out and "*" in done.out
    assert "\x1b" not in done.out
    assert all(len(line) <= 100 for line in done.out.splitlines())


@pytest.mark.parametrize("columns", [80, 120])
def test_the_plot_is_as_wide_as_the_terminal(edgesim: Callable[..., Any], trace: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = edgesim("calibrate", "thermal", trace, *POWER)
    assert max(len(line) for line in done.out.splitlines()) == columns


def test_json_holds_what_was_put_in(edgesim: Callable[..., Any], trace: Path) -> None:
    fit = json.loads(edgesim("calibrate", "thermal", trace, *POWER, "--ambient", "22", "--json").out)
    assert fit["resistances_k_per_w"] == pytest.approx({"soc-board": 3.0, "board-ambient": 5.0}, rel=0.03)
    assert fit["heat_capacities_j_per_k"] == pytest.approx({"soc": 4.0, "board": 30.0}, rel=0.1)
    assert fit["rms_k"] < 0.2 and fit["samples"] == 300


def test_the_output_is_a_section_the_loader_takes(edgesim: Callable[..., Any], trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "thermal.yaml"
    done = edgesim("calibrate", "thermal", trace, *POWER, "--ambient", "22 degC", "--device", "raspberry_pi_4", "-o", out)
    assert done.code == 0, done.err
    scenario = tmp_path / "scenario.yaml"
    section = "".join(f"  {line}\n" for line in out.read_text().splitlines())
    work = "workloads: {w: {arrival: {kind: periodic, rate: 1 Hz}, pipeline: [{name: x, unit: cpu, work: {operations: 1 M, bytes: 1 kB}}]}}"
    scenario.write_text(f"name: fitted\ndevice:\n  base: raspberry_pi_4\n{section}duration: 1 s\n{work}\n")
    device = load_scenario(scenario).device
    die = next(link for link in device.thermal.links if set(link.between) == {"soc", "board"})
    assert float(die.resistance_k_per_w) == pytest.approx(3.0, rel=0.05)
    assert (die.resistance_k_per_w.source, die.resistance_k_per_w.kind) == ("trace.csv", "derived") and "rms error" in die.resistance_k_per_w.note
    assert device.thermal.trips and device.thermal.nodes["soc"].heated_by == ("cpu",)


def test_without_a_device_the_section_stands_alone(edgesim: Callable[..., Any], trace: Path, tmp_path: Path) -> None:
    from device_models.spec import ThermalSpec
    from sim.scenario.yaml_source import parse_yaml

    out = tmp_path / "thermal.yaml"
    assert edgesim("calibrate", "thermal", trace, *POWER, "--nodes", "3", "-o", out).code == 0
    spec = ThermalSpec.model_validate(parse_yaml(out.read_text(), "thermal.yaml").data["thermal"])
    assert list(spec.nodes) == ["soc", "board", "case"] and spec.nodes["board"].heated_by == ("base", "memory", "storage")


def test_the_catalogue_tells_the_power_of_a_device(edgesim: Callable[..., Any], trace: Path) -> None:
    done = edgesim("calibrate", "thermal", trace, "--device", "raspberry_pi_4")
    assert done.code == 0 and "catalogue: raspberry_pi_4" in done.out


def test_a_phase_column_tells_when_the_load_is_on(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    rows = [(time, value, "load" if 150 <= time < 450 else "idle") for time, value in zip(TIMES, celsius(), strict=True)]
    path = tmp_path / "phases.csv"
    path.write_text(table("elapsed,die temperature [degC],phase", rows))
    fit = json.loads(edgesim("calibrate", "thermal", path, *POWER, "--ambient", "22", "--json").out)
    assert fit["resistances_k_per_w"] == pytest.approx({"soc-board": 3.0, "board-ambient": 5.0}, rel=0.01)
    assert fit["rms_k"] < 0.01


def test_a_power_column_and_other_units(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    shape = ladder(("soc", "board"), {"soc": ("load",)})
    watts = np.where((TIMES // 100) % 2 == 0, 1.0, 5.0)
    true = Parameters(shape, TRUE.resistance_k_per_w, TRUE.heat_capacity_j_per_k, 22.0)
    values = temperatures(true, PowerProfile(TIMES, {"load": watts}), Trace(TIMES, np.full(300, 22.0), False))
    path = tmp_path / "power.csv"
    path.write_text(table("time_ms,temp_K,power_mW", [(1e3 * t + 5e6, v + 273.15, 1e3 * w) for t, v, w in zip(TIMES, values, watts, strict=True)]))
    done = edgesim("calibrate", "thermal", path, "--ambient", "22", "--json")
    fit = json.loads(done.out)
    assert fit["heat_capacities_j_per_k"] == pytest.approx({"soc": 4.0, "board": 30.0}, rel=0.03)


def test_one_run_of_a_file_with_several(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [(run, time, value) for run in ("bare", "fan") for time, value in zip(TIMES, celsius(), strict=True)]
    path.write_text(table("run,t,temp", rows))
    mixed, one = edgesim("calibrate", "thermal", path, *POWER), edgesim("calibrate", "thermal", path, *POWER, "--where", "run=fan")
    assert mixed.code == 2 and f"{path}:302: " in mixed.err and "--where run=" in mixed.err and "bare, fan" in mixed.err
    assert one.code == 0 and "300 samples" in one.out


def broken(change: Callable[[list[list[str]]], None]) -> str:
    rows = [[f"{time:g}", f"{value:.2f}"] for time, value in zip(TIMES, celsius(), strict=True)]
    change(rows)
    return table("t_s,soc_temp_C", [tuple(row) for row in rows])


def put(line: int, column: int, text: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        rows[line - 2][column] = text

    return change


def every(formula: Callable[[float], float]) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        for row in rows:
            row[1] = f"{formula(float(row[1])):.2f}"

    return change


BAD = {
    "time goes backwards": (broken(put(20, 0, "1")), ":20: time 1 is before"),
    "time stands still": (broken(put(20, 0, "34")), ":20: time 34 is the same"),
    "nan": (broken(put(7, 1, "nan")), ":7: soc_temp_C: 'nan' is not a finite number"),
    "words": (broken(put(7, 1, "hot")), ":7: soc_temp_C: 'hot' is not a number"),
    "empty cell": (broken(put(9, 1, "")), ":9: soc_temp_C: is empty"),
    "constant": (broken(every(lambda value: 40.0)), ":2: soc_temp_C: changes by 0 K only"),
    "kelvin": (broken(every(lambda value: value + 273.15)), "looks like kelvin; say --temperature-unit K"),
    "fahrenheit": (broken(every(lambda value: 32 + 1.8 * (value + 15))), "looks like degrees Fahrenheit"),
    "thousandths": (broken(every(lambda value: 1000 * value)), "looks like thousandths of a degree"),
    "too few rows": ("t,temp\n0,1\n1,30\n", ":3: 2 rows; a fit needs at least 10"),
    "no temperature": ("t,speed\n0,1\n", ":1: no column looks like a temperature"),
    "no time": ("temp,speed\n0,1\n", ":1: no column looks like a time"),
    "empty file": ("", ":1: the file is empty"),
    "milliseconds": (table("time,temp", [(1e3 * t, v) for t, v in zip(TIMES, celsius(), strict=True)]), "if these are milliseconds, name the column time_ms"),
    "colder than anything": (broken(every(lambda value: -value - 100)), "is colder than any device"),
    "beyond all numbers": (broken(put(5, 1, "1e300")), ":5: soc_temp_C: '1e300' is out of any range"),
    "constant power": (table("t,temp,power", [(t, 20 + t, 3) for t in range(20)]), "the power never changes"),
    "no step": (table("t,temp", [(t, 20 + 0.1 * t) for t in range(300)]), "no step of the load is seen"),
    "no idle phase": (table("t,temp,phase", [(t, 20 + t, "load") for t in range(20)]), ":1: phase: no phase of idling"),
    "negative power": (table("t,temp,power", [(t, 20 + t, -1 if t == 4 else 1) for t in range(20)]), ":6: power: power -1 is negative"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_trace_is_an_error_at_its_line(edgesim: Callable[..., Any], tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = edgesim("calibrate", "thermal", path, *(POWER if name != "constant power" else ()))
    assert done.code == 2 and message in done.err and str(path) in done.err, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no power column; say --power-idle and --power-load"),
        (("--power-idle", "3 W"), "go together"),
        (("--power-idle", "6 W", "--power-load", "3 W"), "must be above the idle power"),
        (("--power-idle", "3 Hz", "--power-load", "6 W"), "--power-idle: "),
        ((*POWER, "--device", "raspbery_pi_4"), "raspberry_pi_4"),
        ((*POWER, "--device", "raspberry_pi_4", "--nodes", "2"), "contradict"),
        ((*POWER, "--device", "raspberry_pi_4", "--node", "lid"), "no thermal node 'lid'"),
        ((*POWER, "--node", "soc"), "add --device"),
        ((*POWER, "--where", "run"), "expected COLUMN=VALUE"),
        ((*POWER, "--where", "runs=3"), "no column 'runs'"),
        ((*POWER, "--temperature-column", "temp"), "no column 'temp'"),
        ((*POWER, "-o", "/nowhere/at/all.yaml"), "cannot write"),
    ],
)
def test_wrong_options_are_told(edgesim: Callable[..., Any], trace: Path, arguments: tuple[str, ...], message: str) -> None:
    done = edgesim("calibrate", "thermal", trace, *arguments)
    assert done.code == 2 and message in done.err, done.err


def test_a_missing_file_and_a_folder(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        done = edgesim("calibrate", "thermal", path, *POWER)
        assert done.code == 2 and "cannot be read" in done.err


def test_a_picture_needs_matplotlib(edgesim: Callable[..., Any], trace: Path, tmp_path: Path) -> None:
    done = edgesim("calibrate", "thermal", trace, *POWER, "--plot", tmp_path / "fit.png")
    if importlib.util.find_spec("matplotlib") is None:
        assert done.code == 2 and "needs matplotlib" in done.err
    else:
        assert done.code == 0 and (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_without_scipy_the_error_names_the_extra(edgesim: Callable[..., Any], trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    done = edgesim("calibrate", "thermal", trace, *POWER)
    assert done.code == 2 and "edgesim[calibrate]" in done.err


def test_a_published_trace(edgesim: Callable[..., Any], shared: Path) -> None:
    """A bare Raspberry Pi 4: 47 degC idle and 72 degC loaded in a room."""
    arguments = (shared / "measurements" / "rpi_thermal_traces.csv", "--where", "run=rpi4b-stock", "--device", "raspberry_pi_4", "--json")
    fit = json.loads(edgesim("calibrate", "thermal", *arguments).out)
    assert fit["rms_k"] < 1.0
