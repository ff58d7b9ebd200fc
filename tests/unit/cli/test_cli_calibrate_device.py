"""``edgesim calibrate device``: the table on the terminal, the device file it writes, and mistakes with their places."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim import simulate
from sim.scenario.loading import load_scenario

Run = Callable[..., Any]
# Raspberry Pi 4, ncnn, one thread: shortest times of the benchmark tables of ncnn (Tencent/ncnn@a4d2ea1d44, benchmark/README.md), ms
ROWS = "model,threads,unit,runtime,ms\nmobilenet_v2,1,cpu,ncnn,92.98\nresnet18,1,cpu,ncnn,190.8\nvgg16,1,cpu,ncnn,1066.58\n"
SCENARIO = """\
name: calibrated
device: mine.yaml
duration: 3 s
models: {net: {source: resnet18, runtime: ncnn, threads: 1}}
workloads: {loop: {arrival: {kind: closed}, count: 3, pipeline: [{model: net}]}}
"""


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def calibrate(edgesim: Run, *arguments: object) -> Any:
    return edgesim("calibrate", "device", "raspberry_pi_4", "--measurements", *arguments)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_measured_before_after_and_left_out_stand_side_by_side(edgesim: Run, rows: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = calibrate(edgesim, rows)
    assert done.code == 0 and not done.err
    lines = done.out.splitlines()
    assert all(len(line) <= columns for line in lines) and "\x1b" not in done.out
    head = next(line for line in lines if line.startswith("model"))
    assert head.split() == ["model", "precision" if columns >= 100 else "format", "threads", "measured", "before", "after", "left", "out"]
    assert any(line.startswith("mean error") for line in lines)
    assert any(line.startswith("cpu: 3-shot, typically within") for line in lines)
    assert any(line.startswith("compute") and "->" in line for line in lines)


def test_the_device_file_is_a_device_with_its_sources(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    done = calibrate(edgesim, rows, "-o", out)
    assert done.code == 0 and f"wrote {out}" in done.err
    text = out.read_text(encoding="utf-8")
    assert "#   vgg16, as_stored, cpu, 1, ncnn: 1066.6" in text
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    device = load_scenario(tmp_path / "scenario.yaml").device
    cpu = device.units["cpu"]
    assert device.name == "mine" and device.title.endswith(", calibrated")
    assert cpu.calibration == "3-shot" and cpu.calibration_error is not None and cpu.calibration_error > 0
    figure = cpu.parameters["threads_1"]["compute"]
    assert (figure.source, figure.kind) == ("measured_by_user: rows.csv", "derived") and "vgg16" in figure.note
    assert "not measured" in cpu.parameters["threads_4"]["compute"].note


def test_a_scenario_on_the_written_device_runs_as_the_table_says(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    done = calibrate(edgesim, rows, "-o", tmp_path / "mine.yaml", "--json")
    after_s = next(row["after_s"] for row in json.loads(done.out)["measurements"] if row["model"] == "resnet18")
    (tmp_path / "scenario.yaml").write_text(SCENARIO.replace("workloads", "governors: {cpu: performance}\nworkloads"), encoding="utf-8")
    assert edgesim("validate", tmp_path / "scenario.yaml").code == 0
    assert "cpu 3-shot" in edgesim("run", tmp_path / "scenario.yaml").out
    result = simulate(load_scenario(tmp_path / "scenario.yaml"))
    requests = result.trace.requests.columns()
    assert float((requests["end_s"] - requests["start_s"]).min()) == pytest.approx(after_s, rel=1e-3)


def test_a_calibrated_device_can_be_calibrated_again(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    assert calibrate(edgesim, rows, "-o", first).code == 0
    done = edgesim("calibrate", "device", first, "--measurements", rows, "-o", second)
    assert done.code == 0
    assert "base: " in second.read_text(encoding="utf-8") and "first.yaml" in second.read_text(encoding="utf-8")
    assert edgesim("devices", "raspberry_pi_4").code == 0
    assert edgesim("profile", "resnet18", "--device", second, "--runtime", "ncnn").code == 0


def test_the_same_measurements_give_the_same_file(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    for file in files:
        assert calibrate(edgesim, rows, "-o", file).code == 0
    first, second = (file.read_text(encoding="utf-8") for file in files)
    assert first.replace("name: a", "name: b") == second


def test_an_existing_file_is_kept_unless_forced(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("precious", encoding="utf-8")
    done = calibrate(edgesim, rows, "-o", out)
    assert done.code == 2 and "--force" in done.err and out.read_text(encoding="utf-8") == "precious"
    assert calibrate(edgesim, rows, "-o", out, "--force").code == 0 and "base: raspberry_pi_4" in out.read_text(encoding="utf-8")


def test_a_device_cannot_be_its_own_base(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    assert calibrate(edgesim, rows, "-o", out).code == 0
    text = out.read_text(encoding="utf-8")
    done = edgesim("calibrate", "device", out, "--measurements", rows, "-o", out, "--force")
    assert done.code == 2 and "its own base" in done.err and out.read_text(encoding="utf-8") == text


def test_nothing_is_written_after_a_mistake(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    rows.write_text(ROWS + "resnt18,1,cpu,ncnn,5\n", encoding="utf-8")
    done = calibrate(edgesim, rows, "-o", tmp_path / "mine.yaml")
    assert done.code == 2 and not (tmp_path / "mine.yaml").exists() and not done.out
    assert f"{rows}:5:1: unknown model 'resnt18'" in done.err
    assert {path.name for path in tmp_path.iterdir()} <= {"rows.csv", "small.yaml"}


def test_json(edgesim: Run, rows: Path) -> None:
    data = json.loads(calibrate(edgesim, rows, "--json").out)
    assert data["schema"] == "edgesim.calibration/1" and data["device"] == "raspberry_pi_4"
    assert [row["line"] for row in data["measurements"]] == [2, 3, 4]
    assert data["units"]["cpu"]["parameters"]["threads_1"]["compute"].keys() == {"before", "after"}


def test_one_measurement_works_and_says_what_it_cannot_tell(edgesim: Run, rows: Path) -> None:
    rows.write_text("\n".join(ROWS.splitlines()[:2]), encoding="utf-8")
    done = calibrate(edgesim, rows)
    assert done.code == 0 and "cpu: 1-shot" in done.out
    assert done.err.startswith("warning: cpu: one network tells one number")


def test_several_files_and_formats(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    log = tmp_path / "bench.txt"
    log.write_text("num_threads = 1\npowersave = 0\ngpu_device = -1\n  alexnet  min =  139.34  max =  140.00  avg =  139.50\n", encoding="utf-8")
    done = calibrate(edgesim, rows, log)
    assert done.code == 0 and "4 configurations from rows.csv, bench.txt" in done.out and "alexnet" in done.out


def test_names_of_ones_own(edgesim: Run, rows: Path) -> None:
    rows.write_text(ROWS.replace("resnet18", "our net"), encoding="utf-8")
    done = calibrate(edgesim, rows, "--model", "our net=resnet18,resolution=224")
    assert done.code == 0 and "our net" in done.out
    assert "did you mean 'resnet18'" in calibrate(edgesim, rows, "--model", "our net=resnt18").err
    assert "expected NAME=MODEL" in calibrate(edgesim, rows, "--model", "our net").err
    done = calibrate(edgesim, rows, "--model", "our net=nowhere.onnx")
    assert done.code == 2 and "nowhere.onnx" in done.err
    done = calibrate(edgesim, rows, "--model", "our net=resnet18,resolutoin=224")
    assert done.code == 2 and "resolutoin" in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("-o", "out.txt"), "ends in .yaml"),
        (("-o", "no/such/folder/out.yaml"), "no folder"),
        (("--where", "board"), "expected COLUMN=VALUE"),
        (("--where", "board=pi"), "no column 'board'"),
        (("--runtime", "nccn"), "did you mean 'ncnn'"),
    ],
)
def test_mistakes_of_the_command_line(edgesim: Run, rows: Path, arguments: tuple[str, ...], what: str) -> None:
    done = calibrate(edgesim, rows, *arguments)
    assert done.code == 2 and what in done.err and "Traceback" not in done.err


def test_an_unknown_device_and_a_missing_file(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    done = edgesim("calibrate", "device", "raspbery_pi_4", "--measurements", rows)
    assert done.code == 2 and "did you mean 'raspberry_pi_4'" in done.err
    assert "cannot be read" in calibrate(edgesim, tmp_path / "absent.csv").err


def test_names_in_a_file_cannot_harm_the_terminal_or_the_device_file(edgesim: Run, rows: Path, tmp_path: Path) -> None:
    name = 'a\x1b[31m\u202e"} #'
    rows.write_text(ROWS.replace("resnet18", '"' + name.replace('"', '""') + '"'), encoding="utf-8")
    done = calibrate(edgesim, rows)
    assert done.code == 2 and "\x1b" not in done.err
    done = calibrate(edgesim, rows, "--model", f"{name}=resnet18", "-o", tmp_path / "mine.yaml")
    assert done.code == 0 and "\x1b" not in done.out
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    assert load_scenario(tmp_path / "scenario.yaml").device.units["cpu"].calibration == "3-shot"
