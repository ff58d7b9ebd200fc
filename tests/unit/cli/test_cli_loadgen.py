"""``edgesim loadgen`` and ``edgesim run`` of load generators: output, exit codes, mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCENARIO = """\
name: small
device: raspberry_pi_4
duration: 20 s
workloads:
  camera:
    loadgen: {scenario: Server, target_qps: 60, target_latency: 40 ms, min_duration: 10 s}
    pipeline: [{name: work, unit: cpu, work: {operations: 20 M}}]
"""
STREAM = SCENARIO.replace("{scenario: Server, target_qps: 60, target_latency: 40 ms, min_duration: 10 s}", "{scenario: SingleStream, min_duration: 2 s}")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "small.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_it_prints_a_summary_and_the_exit_code_is_the_verdict(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    done = edgesim("loadgen", file(SCENARIO))
    assert done.code == 0 and "Result is : VALID" in done.out and "SUT name : raspberry_pi_4/camera" in done.out and done.err == ""
    slow = edgesim("loadgen", file(SCENARIO), "--set", "workloads.camera.loadgen.target_latency=1 ms")
    assert slow.code == 1 and "Result is : INVALID" in slow.out and "Recommendations:" in slow.out


def test_run_says_the_same(edgesim: Callable[..., Any], file: Callable[[str], Path], tmp_path: Path) -> None:
    for trace in ("full", "summary"):
        out, result = tmp_path / trace, tmp_path / f"{trace}.json"
        done = edgesim("run", file(SCENARIO), "--out", out, "--json", result, "--trace", tmp_path / "t.json", "--set", f"trace={trace}")
        assert done.code == 0 and "MLPerf LoadGen" in done.out and "5 of 5 budgets held" in done.out
        assert (out / "requests.csv").exists() is (trace == "full")
    assert edgesim("run", file(SCENARIO), "--set", "workloads.camera.loadgen.target_latency=1 ms", "--no-interval").code == 1
    table = edgesim("compare", tmp_path / "full.json", tmp_path / "summary")
    assert table.code == 0 and "workloads.camera.latency.p99" in table.out


def test_json(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    data = json.loads(edgesim("loadgen", file(SCENARIO), "--json").out)
    assert data["camera"]["valid"] is True and data["camera"]["rules"]["early_stopping"]["ok"] is True


def test_find(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    done = edgesim("loadgen", file(SCENARIO), "--find", "--tolerance", "0.05", "--seeds", "2")
    assert done.code == 0 and "highest valid target_qps of camera: " in done.out
    assert done.err.count("queries/s") >= 4 and "too fast" in done.err
    again = edgesim("loadgen", file(SCENARIO), "--find", "--tolerance", "0.05", "--seeds", "2", "--json")
    data = json.loads(again.out)
    highest = data["highest_valid_target_qps"]["value"]
    assert f"camera: {highest:.6g} " in done.out and data["seeds"] == [0, 1]
    assert {trial["outcome"] for trial in data["trials"]} >= {"VALID", "too fast"}
    at_edge = edgesim("loadgen", file(SCENARIO), "--set", f"workloads.camera.loadgen.target_qps={highest}")
    assert at_edge.code == 0


def test_find_says_what_more_queries_would_prove(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    """A percentile within the bound that early stopping does not accept is not called too fast without a reason; a plain breach needs none."""
    given = ["--set", "workloads.camera.loadgen.min_query_count=700", "--set", "workloads.camera.loadgen.min_duration=2 s"]
    done = edgesim("loadgen", file(SCENARIO), "--find", "--tolerance", "0.02", *given)
    lines = [line for line in done.err.splitlines() if "too fast" in line]
    assert any("early stopping:" in line and "queries)" in line for line in lines) and any("early stopping" not in line for line in lines)
    assert ("with more queries a higher rate might be proven" in done.out) == ("early stopping" in min(lines, key=lambda line: float(line.split()[0])))


def test_find_on_what_has_no_rate_only_reports(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    done = edgesim("loadgen", file(STREAM), "--find")
    assert done.code == 0 and "90th percentile latency (ns) : " in done.out and "Result is : VALID" in done.out


def test_nothing_is_found(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    fast = edgesim("loadgen", file(SCENARIO), "--find", "--low", "1000", "--high", "2000")
    assert fast.code == 1 and "no valid target_qps for camera; 1000 queries/s is too fast" in fast.out
    few = edgesim("loadgen", file(SCENARIO), "--find", "--high", "20")
    assert few.code == 1 and "too few to prove it; raise min_duration" in few.out


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (
            SCENARIO.replace("loadgen: {scenario: Server, target_qps: 60, target_latency: 40 ms, min_duration: 10 s}", "arrival: {kind: closed}"),
            (),
            "no workload",
        ),
        (SCENARIO, ("--find", "--seeds", "0"), "--seeds 0"),
        (SCENARIO, ("--find", "--low", "9", "--high", "8"), "--low 9 is not below --high 8"),
        (SCENARIO, ("--find", "--tolerance", "2"), "--tolerance 2"),
        (SCENARIO, ("--find", "--workload", "camra"), "no LoadGen Server drives a workload 'camra'; there is camera"),
        (STREAM, ("--find", "--workload", "camera"), "no LoadGen Server drives a workload 'camera'"),
        (SCENARIO.replace("40 ms", "40"), (), "40 has no unit"),
    ],
)
def test_mistakes(edgesim: Callable[..., Any], file: Callable[[str], Path], text: str, arguments: tuple[str, ...], said: str) -> None:
    done = edgesim("loadgen", file(text), *arguments)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err and done.out == ""


def test_a_battery_smaller_than_one_inference_is_said_without_rows_too(edgesim: Callable[..., Any], file: Callable[[str], Path]) -> None:
    text = SCENARIO.replace("device: raspberry_pi_4", "device: pixel_6\ntrace: summary\nbattery: {capacity: 0.0000001 mAh}")
    done = edgesim("run", file(text))
    assert done.code == 2 and "one inference" in done.err
