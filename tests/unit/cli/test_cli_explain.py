"""``edgesim explain``: findings with what-ifs that anybody can repeat, from a scenario or from a run that was kept."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHORT = ("--set", "duration=2 s")


def test_the_flags_make_the_same_run(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    done = edgesim("explain", "phone_camera", *SHORT, "--limit", "3", "--json", tmp_path / "e.json")
    assert done.code == 0
    data = json.loads((tmp_path / "e.json").read_text())
    tried = [one for finding in data["findings"] for one in finding["what_ifs"] if one["metrics"]]
    assert tried
    for one in tried[:3]:
        flags = shlex.split(one["flags"])
        assert edgesim("run", "phone_camera", *SHORT, *flags, "--quiet", "--no-interval", "--json", tmp_path / "r.json").code in (0, 1)
        metrics = json.loads((tmp_path / "r.json").read_text())["metrics"]
        assert one["metrics"]["latency_p99_s"] == metrics["workloads"]["camera"]["latency"]["p99"]["value"]
        assert one["metrics"]["energy_j"] == metrics["energy"]["total"]["value"]


def test_a_run_that_was_kept_is_explained_alike(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    assert edgesim("run", "telemetry_radio", "--out", tmp_path / "run", "--quiet").code in (0, 1)
    said = edgesim("explain", "telemetry_radio").out
    assert edgesim("explain", tmp_path / "run").out == said
    assert edgesim("explain", tmp_path / "run" / "run.edgesim").out == said


@pytest.mark.parametrize("width", ["80", "120"])
def test_it_fits_the_terminal(edgesim: Callable[..., Any], width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    done = edgesim("explain", "phone_camera", *SHORT)
    assert all(len(line) <= int(width) for line in done.out.splitlines())


def test_rules_can_be_listed_and_chosen(edgesim: Callable[..., Any]) -> None:
    listed = edgesim("explain", "phone_camera", "--rules").out
    assert "throttling" in listed
    chosen = edgesim("explain", "phone_camera", *SHORT, "--rule", "processing").out
    assert "pre- and post-processing" in chosen
    assert "works at" not in chosen
    assert "nothing is worth a word" in edgesim("explain", "phone_camera", *SHORT, "--rule", "throttling").out


def test_a_run_without_spans_says_what_it_cannot_say(edgesim: Callable[..., Any]) -> None:
    done = edgesim("explain", "phone_camera", *SHORT, "--set", "trace=requests")
    assert done.code == 0
    assert "keeps no spans" in done.err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("phone_camera", "--rule", "throtling"), "did you mean 'throttling'"),
        (("phone_camera", "--limit", "0"), "at least 1"),
        (("phone_camra",), "did you mean"),
        (("cameras_sharing_an_uplink",), "study of many devices"),
        (("phone_camera", "--set", "duration=x"), "--set duration"),
    ],
)
def test_mistakes_are_told(edgesim: Callable[..., Any], arguments: tuple[str, ...], what: str) -> None:
    done = edgesim("explain", *arguments)
    assert done.code == 2
    assert what in done.err


def test_a_folder_and_a_result_without_a_scenario_are_told(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    assert "neither" in edgesim("explain", tmp_path).err
    (tmp_path / "run.edgesim").write_bytes(b"PK\x03\x04 cut off")
    done = edgesim("explain", tmp_path / "run.edgesim")
    assert done.code == 2
    assert "no run file" in done.err
