"""Files a report writes: complete or not at all, with units, the same every time."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.report.atomic_file import atomic_file
from sim.report.budgets import judge
from sim.report.metrics import measure
from sim.report.metrics_json import SCHEMA, result_data, result_text
from sim.report.quantities import described, flattened
from sim.report.scenario_yaml import moved_paths, scenario_text
from sim.report.tables_csv import write_tables
from sim.scenario.model import Scenario
from sim.scenario.yaml_source import parse_yaml


def test_atomic_file_replaces_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with atomic_file(path) as stream:
        stream.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and [file.name for file in tmp_path.iterdir()] == ["x"]


def test_atomic_file_follows_a_link_and_keeps_the_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)
    with atomic_file(link) as stream:
        stream.write("new")
    assert link.is_symlink() and path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_atomic_file_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_file(tmp_path / "x") as stream:
        stream.write("half")
        raise error
    assert not list(tmp_path.iterdir())


def test_atomic_file_where_it_cannot_be(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent" / "x", Path("/dev/null")):
        with pytest.raises(EdgesimError, match=str(path)), atomic_file(path):
            pass


def test_result_is_self_describing(run: Any) -> None:
    metrics = measure(run)
    data = result_data(run, metrics, judge(metrics, run.scenario, run.device))
    assert data["schema"] == SCHEMA and data["valid"] is False
    numbers = {path: (value, unit) for path, value, unit in flattened(data["metrics"])}
    assert numbers["workloads.camera.latency.p99"] == (pytest.approx(0.053), "s")
    assert numbers["energy.components.npu"] == (6.0, "J")
    assert numbers["inferences_per_j"] == (5.25, "1/J")
    assert data["budgets"][0]["limit"] == {"value": 0.033, "unit": "s"}
    assert json.loads(result_text(data)) == data


def test_numbers_without_a_unit_are_refused() -> None:
    @dataclass
    class Bare:
        latency: float = 1.0

    @dataclass
    class Twice:
        energy_j: float = 1.0
        energy_ratio: float = 0.5

    with pytest.raises(ValueError, match="'latency' has no unit"):
        described(Bare())
    with pytest.raises(ValueError, match="differ only in their unit"):
        described(Twice())


def test_not_finite_is_null() -> None:
    assert described(float("nan"), "x_s") == {"value": None, "unit": "s"} == described(float("inf"), "x_s")


def test_tables(run: Any, tmp_path: Path) -> None:
    run.trace.workloads[1] = "=cmd()"
    write_tables(run.trace, tmp_path)
    rows = list(csv.DictReader((tmp_path / "requests.csv").open()))
    assert len(rows) == 105 and rows[9]["status"] == "late" and rows[0]["deadline_s"] == "0.05"
    assert rows[-1]["workload"] == "'=cmd()" and rows[-1]["deadline_s"] == ""
    spans = list(csv.DictReader((tmp_path / "spans.csv").open()))
    total = sum(float(row["end_s"]) - float(row["start_s"]) for row in spans if row["unit"] == "npu")
    assert len(spans) == 405 and total == pytest.approx(3.0)
    assert len(list(csv.DictReader((tmp_path / "counters.csv").open()))) == len(run.trace.counter_rows)


def test_scenario_is_written_as_it_was_read(scenario_data: dict[str, Any], tmp_path: Path) -> None:
    scenario_data["workloads"]["camera"]["pipeline"][0]["work"] = {"operations": "2 M", "bytes": "64 kB"}
    scenario_data["scheduler"] = {"npu": "edf", "default": "fifo"}
    scenario_data["warmup"] = "1.5 min"
    scenario = Scenario.model_validate(scenario_data)
    document = parse_yaml(scenario_text(scenario, tmp_path, tmp_path))
    assert not document.problems and Scenario.model_validate(document.data) == scenario


def test_paths_of_a_written_scenario_lead_to_the_same_files(scenario_data: dict[str, Any], tmp_path: Path) -> None:
    scenario_data["models"]["detector"]["source"] = "models/net.onnx"
    scenario_data["device"] = "boards/mine.yaml"
    scenario_data["workloads"]["voice"]["arrival"] = {"kind": "trace", "file": "times.csv"}
    folder = tmp_path / "out"
    data = parse_yaml(scenario_text(Scenario.model_validate(scenario_data), tmp_path / "here", folder)).data
    assert data["device"] == "../here/boards/mine.yaml"
    assert data["models"]["detector"]["source"] == "../here/models/net.onnx"
    assert data["workloads"]["voice"]["arrival"]["file"] == "../here/times.csv"


def test_what_moves_with_a_scenario(scenario_data: dict[str, Any], tmp_path: Path) -> None:
    scenario_data["models"]["detector"] = {
        "source": "net.onnx",
        "compress": [{"prune": {"sparsity": "50 %"}}, {"quantize": {"calibration": "samples.npz"}}],
        "accuracy": {"dataset": str(tmp_path / "data.npz")},
    }
    scenario_data["models"]["spikes"] = {"source": "mobilenet_v2", "compress": [{"to_spiking": {"timesteps": 8, "calibration": "samples.npz"}}]}
    scenario_data["optimize"] = {"techniques": [{"compress": {"quantize": {"calibration": "samples.npz"}}}, {"compress": [{"cluster": {"bits": 4}}]}]}
    scenario_data["workloads"]["voice"]["pipeline"] = [{"generate": "talk", "prompt": {"kind": "trace", "file": "tokens.csv"}, "output": 8}]
    scenario = Scenario.model_validate(scenario_data)
    assert moved_paths(scenario, tmp_path, tmp_path / "out") == {
        ("models", "detector", "source"): "../net.onnx",
        ("models", "detector", "compress", 1, "quantize", "calibration"): "../samples.npz",
        ("models", "spikes", "compress", 0, "to_spiking", "calibration"): "../samples.npz",
        ("optimize", "techniques", 0, "compress", "quantize", "calibration"): "../samples.npz",
        ("workloads", "voice", "pipeline", 0, "prompt", "file"): "../tokens.csv",
    }
    assert moved_paths(scenario, tmp_path, tmp_path) == {}
