"""Mistakes of a user: a line each, exit code 2, no traceback, nothing that moves the cursor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_every_mistake_of_a_file_is_shown(edgesim: Callable[..., Any], scenario: Path) -> None:
    scenario.write_text(scenario.read_text().replace("duration: 2 s", "duration: 2 W\nlenght: 3").replace("ds_cnn", "ds_cmm"))
    done = edgesim("run", scenario)
    assert done.code == 2 and done.out == ""
    lines = done.err.splitlines()
    assert all(line.startswith(f"{scenario}:") for line in lines)
    assert [line.split(":")[1] for line in lines] == ["3", "4", "6"]
    assert "ds_cnn" in lines[2] and "Traceback" not in done.err


def test_unknown_shipped_scenario_lists_the_near_ones(edgesim: Callable[..., Any]) -> None:
    done = edgesim("run", "phone_camra")
    assert done.code == 2 and "did you mean 'phone_camera'" in done.err


@pytest.mark.parametrize("command", ["run", "validate"])
def test_missing_file(edgesim: Callable[..., Any], tmp_path: Path, command: str) -> None:
    done = edgesim(command, tmp_path / "absent.yaml")
    assert done.code == 2 and "absent.yaml: no such file" in done.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["devices", "raspberry_pi_5x"], "raspberry_pi_5"),
        (["models", "mobilenet_v9"], "mobilenet_v"),
        (["runtimes", "tflit"], "tflite"),
        (["policies", "fif"], "fifo"),
        (["scenarios", "phone"], "phone_camera"),
        (["profile", "mobilenet_v2", "--device", "raspberry"], "raspberry_pi"),
        (["profile", "mobilenet_v2", "--device", "raspberry_pi_4", "--precision", "int9"], "int8"),
        (["profile", "mobilenet_v2", "--device", "raspberry_pi_4", "--shape", "batch"], "NAME=VALUE"),
        (["profile", "absent.onnx", "--device", "raspberry_pi_4"], "absent.onnx"),
    ],
)
def test_unknown_names_are_answered_with_near_ones(edgesim: Callable[..., Any], arguments: list[str], text: str) -> None:
    done = edgesim(*arguments)
    assert done.code == 2 and text in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("window", ["1 s", "2 s..1 s", "1 W..2 s", "0..1e9x", "-1 s..2 s", "100 s..101 s"])
def test_bad_windows(edgesim: Callable[..., Any], scenario: Path, window: str) -> None:
    done = edgesim("run", scenario, f"--window={window}")
    assert done.code == 2 and "--window" in done.err


def test_control_characters_of_a_name_are_shown_not_sent(edgesim: Callable[..., Any]) -> None:
    done = edgesim("run", "x\x1b]0;owned\x07\x1b[2J/absent.yaml")
    assert done.code == 2 and "\\x1b]0;owned\\x07" in done.err
    assert "\x1b" not in done.err and "\x07" not in done.err


def test_output_that_cannot_be_written(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for arguments in (["--json", tmp_path / "folder"], ["--json", tmp_path / "absent" / "x.json"], ["--trace", tmp_path / "absent" / "x"], ["--out", scenario]):
        done = edgesim("run", scenario, *arguments)
        assert done.code == 2 and done.err.startswith("error: "), arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "small.yaml"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "edgesim.result/1"}', "[" * 100_000])
def test_compare_refuses_what_is_no_result(edgesim: Callable[..., Any], tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    done = edgesim("compare", tmp_path / "a.json", tmp_path / "a.json")
    assert done.code == 2 and "a.json: is no" in done.err


def test_validate_prints_bare_places_of_all_that_would_keep_a_file_from_running(edgesim: Callable[..., Any], scenario: Path) -> None:
    scenario.write_text(scenario.read_text().replace("runtime: tflite, precision: int8", "runtime: ncnn, precision: w4a16"))
    done = edgesim("validate", scenario)
    assert done.code == 2 and not done.out
    assert done.err == f"{scenario}:5:3: models.keyword: ncnn makes no w4a16 models; known: as_stored, float16, float32, int8\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [["devices"], ["schema"], ["run", "camera_and_keyword", "--quiet"]])
def test_full_disk_under_standard_output(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "sim.cli.main", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: cannot write the output: No space left on device\n")
