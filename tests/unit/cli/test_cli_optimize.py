"""``edgesim optimize``: from a scenario to its table, its data and the winner's file."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import parser_for
from sim.cli.optimize import _optimizer
from sim.cli.optimize_winner import winner_text
from sim.experiment.names import known_names
from sim.experiment.simulate import prepare
from sim.report.optimization_metrics import measures_of
from sim.scenario.loading import load_scenario

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
SHORT = ("--set", "duration=2 s", "--set", "warmup=0 s")
DIGITS = ("digits_compression", "--model", "full", "--set", "duration=200 ms")
TECHNIQUES = "[{compress: {prune: {structured: channels, ratio: 30 %}}}, {precision: [int8, float16]}, {runtime: [ncnn, tensorrt]}, {threads: [1, 9]}]"


def args_of(*arguments: object) -> argparse.Namespace:
    return parser_for("optimize").parse_args(["optimize", *map(str, arguments)])


@pytest.fixture
def file(scenario: Path) -> Path:
    """A scenario of a float network with budgets it does not hold, with comments."""
    text = scenario.read_text().replace(", precision: int8", "").replace("models:", "# The networks.\nmodels:")
    scenario.write_text(text.replace("power: 20 W", "power: 20 W, storage: 60 kB, memory: 64 MiB"))
    return scenario


def test_the_detector_ends_with_what_is_published_and_holds_its_budgets(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    winner = tmp_path / "winner.yaml"
    done = edgesim("optimize", "optimize_detector", *SHORT, "-o", winner, "--json", tmp_path / "o.json")
    assert done.code == 0 and done.err == ""
    data = json.loads((tmp_path / "o.json").read_text())
    rows = {row["label"]: row for row in data["rows"]}
    assert data["winner"]["techniques"] == ["precision w8a16"] and data["winner"]["valid"]
    assert not next(budget["ok"] for budget in rows["baseline"]["budgets"] if budget["name"] == "storage_bytes")
    assert rows["prune channels, 30 %"]["fate"] == rows["precision int8"]["fate"] == "accuracy unknown"
    assert rows["precision w8a16"]["metrics"]["accuracy"] == {"value": 0.402, "unit": "1"}
    assert rows["precision w8a16"]["at_the_expense_of"] == ["accuracy"] and "storage" in rows["precision w8a16"]["better"]
    assert rows["placement cpu"]["fate"] == "rejected" and "breaks latency p99" in rows["placement cpu"]["reason"]
    again = edgesim("run", winner, "--json", tmp_path / "run.json", "--quiet", "--no-interval")
    assert again.code == 0
    metrics, row = json.loads((tmp_path / "run.json").read_text())["metrics"], rows["precision w8a16"]["metrics"]
    assert metrics["workloads"]["camera"]["latency"]["p99"] == row["latency_p99"]
    assert metrics["power"]["average"] == row["power"] and metrics["memory"]["storage"] == row["storage"] and metrics["memory"]["peak"] == row["memory"]
    assert metrics["heat"]["skin_peak"] == row["skin_temperature"] and metrics["throughput"] == row["throughput"]
    assert 1 / metrics["inferences_per_j"]["value"] == pytest.approx(row["energy"]["value"])
    assert metrics["models"]["detector"]["accuracy"]["value"] == row["accuracy"]


def test_with_unknown_accuracies_accepted_it_takes_more_and_says_so(edgesim: Callable[..., Any]) -> None:
    done = edgesim("optimize", "optimize_detector", *SHORT, "--accept-unknown-accuracy", "--techniques", "precision")
    assert "precision int8\n" in done.out and "accuracy of detector: 40.5 % to unknown (published only as" in done.out
    assert done.code == 1, "the budget for accuracy is not held by what nobody knows"


@pytest.mark.parametrize(
    "arguments", [("optimize_detector", *SHORT, "--techniques", "precision,runtime,set"), (*DIGITS, "--techniques", "compress,threads", "--seed", "5")]
)
def test_every_row_is_what_a_run_of_its_scenario_gives(arguments: tuple[str, ...], tmp_path: Path) -> None:
    if arguments[0].startswith("digits"):
        pytest.importorskip("onnxruntime")
    args = args_of(*arguments, "-o", tmp_path / "row.yaml")
    found, _ = _optimizer(args)
    tried = [one for one in found.run().tried if one.ran.measures is not None]
    assert len(tried) > 4
    for one in tried:
        args.output.write_text(winner_text(args, found, one.choice, ()))
        by_hand = prepare(load_scenario(args.output, known=known_names())).run()
        assert measures_of(by_hand, found.models) == one.ran.measures


def test_digits_from_full_precision_to_a_file_that_runs(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "elsewhere").mkdir()
    winner = tmp_path / "elsewhere" / "winner.yaml"
    done = edgesim("optimize", *DIGITS, "--objective", "storage", "--techniques", "compress", "-o", winner, "--json", tmp_path / "o.json")
    data = json.loads((tmp_path / "o.json").read_text())
    rows = {row["label"]: row for row in data["rows"]}
    pruned, kept = rows["prune channels, 30 %"], rows[data["winner"]["techniques"][0]]
    assert pruned["accuracies"]["full"]["value"]["value"] < 0.95 and not pruned["valid"] and pruned["fate"] == "rejected"
    assert kept["accuracies"]["full"]["kind"] == "measured" and kept["accuracies"]["full"]["value"]["value"] >= 0.95
    assert kept["metrics"]["storage"]["value"] < 0.8 * rows["baseline"]["metrics"]["storage"]["value"]
    assert done.code == 0 and "measured on 719 samples" in done.out
    text = winner.read_text()
    assert "# What compression costs in accuracy" in text and "accuracy: *held_out" in text and "/digits_mlp.onnx" in text
    assert edgesim("run", winner, "--quiet", "--no-interval").code == 0


def test_skipped_steps_say_why_and_stop_nothing(edgesim: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    done = edgesim("optimize", file, "--techniques", TECHNIQUES, "--json", tmp_path / "o.json")
    data = json.loads((tmp_path / "o.json").read_text())
    rows = {row["label"]: row for row in data["rows"]}
    assert rows["runtime tensorrt"]["fate"] == "skipped" and "does not exist for raspberry_pi_4" in rows["runtime tensorrt"]["problems"][0]
    assert "not possible: models.keyword.runtime: runtime 'tensorrt'" in " ".join(done.out.split())
    twice = edgesim("optimize", file, "--techniques", "[{compress: {quantize: {to: int8}}}, {compress: {quantize: {to: int4}}}]")
    assert "quantized already" in " ".join(twice.out.split())


@pytest.mark.parametrize("search", ["ladder", "exhaustive", "beam", "auto"])
@pytest.mark.parametrize("columns", ["60", "80", "120", "160"])
def test_lines_are_no_longer_than_the_terminal(edgesim: Callable[..., Any], file: Path, monkeypatch: pytest.MonkeyPatch, columns: str, search: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = edgesim("optimize", file, "--techniques", TECHNIQUES, "--search", search)
    assert max(map(len, done.out.splitlines())) <= int(columns)
    assert "baseline" in done.out and "winner" in done.out and "precision int8" in done.out


def test_the_same_scenario_gives_the_same_bytes(edgesim: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        done = edgesim("optimize", file, "--techniques", TECHNIQUES, "--json", tmp_path / f"{name}.json", "-o", tmp_path / f"{name}.yaml")
        runs.append((done.out.replace(f"{name}.yaml", "x"), (tmp_path / f"{name}.json").read_bytes(), (tmp_path / f"{name}.yaml").read_bytes()))
    assert runs[0] == runs[1]


def test_the_winner_keeps_comments_and_overrides(edgesim: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    done = edgesim("optimize", file, "--techniques", "[{precision: int8}]", "--set", "ambient=30 degC", "--seed", "4", "-o", tmp_path / "w.yaml")
    assert done.code == 0
    text = (tmp_path / "w.yaml").read_text()
    assert text.startswith("# By edgesim optimize small.yaml: precision int8\n") and "# The networks.\n" in text
    assert "keyword: {source: ds_cnn, runtime: tflite, precision: int8}" in text and "optimize" not in text.partition("\n")[2]
    loaded = load_scenario(tmp_path / "w.yaml", known=known_names())
    assert float(loaded.scenario.ambient_c or 0) == 30 and loaded.scenario.seed == 4


def test_the_scenario_itself_is_overwritten_only_by_force(edgesim: Callable[..., Any], file: Path) -> None:
    before = file.read_text()
    refused = edgesim("optimize", file, "--techniques", "[{precision: int8}]", "-o", file)
    assert refused.code == 2 and "would overwrite the scenario itself" in refused.err and file.read_text() == before
    link = file.parent / "link.yaml"
    link.symlink_to(file)
    assert edgesim("optimize", file, "--techniques", "[{precision: int8}]", "-o", link).code == 2
    assert edgesim("optimize", file, "--techniques", "[{precision: int8}]", "-o", file, "--force").code == 0
    assert "precision: int8" in file.read_text() and edgesim("run", file, "--quiet").code == 0


def test_nothing_is_written_where_something_is_wrong(edgesim: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    def files() -> list[str]:
        return sorted(path.name for path in tmp_path.iterdir())

    before = files()
    for arguments, what in (
        (["-o", tmp_path], "is a folder"),
        (["-o", tmp_path / "absent" / "x.yaml"], "there is no folder"),
        (["-o", tmp_path / "x", "--json", tmp_path / "x"], "the same file"),
        (["--json", file], "would overwrite the scenario itself"),
        (["-o", tmp_path / "x.yaml", "--objective", "battery_life"], "--objective: nobody knows battery_life"),
        (["-o", tmp_path / "x.yaml", "--objective", "enrgy"], "--objective: 'enrgy' is not one of"),
        (["-o", tmp_path / "x.yaml", "--model", "keywort"], "--model: 0: unknown model 'keywort'; did you mean 'keyword'"),
        (["-o", tmp_path / "x.yaml", "--techniques", "precison"], "--techniques: unknown technique 'precison'; did you mean 'precision'"),
        (["-o", tmp_path / "x.yaml", "--techniques", "[]"], "--techniques: needs at least 1 entry"),
        (["-o", tmp_path / "x.yaml", "--techniques", "[{precision: int9}]"], "--techniques: 0.precision: 'int9' is not one of"),
        (["-o", tmp_path / "x.yaml", "--accuracy-drop", "3 W"], "--accuracy-drop"),
        (["--steps", "0"], "--steps 0: at least 1"),
        (["--beam", "2"], "--beam is for --search beam"),
        (["--set", "device=none"], "device"),
        (["--set", "duration=1e-9 s"], "no"),
    ):
        done = edgesim("optimize", file, *arguments)
        assert done.code == 2 and what in done.err and "Traceback" not in done.err, (arguments, done.err)
        assert files() == before


def test_studies_and_training_are_refused(edgesim: Callable[..., Any]) -> None:
    done = edgesim("optimize", "cameras_sharing_an_uplink")
    assert done.code == 2 and "is a study of many devices (fleet)" in done.err
    done = edgesim("optimize", "on_device_training")
    assert done.code == 2 and re.search(r"on_device_training\.yaml:\d+:\d+: models\.whole\.training: nothing to optimize", done.err)


def test_a_baseline_that_cannot_run_is_an_error_at_its_place(edgesim: Callable[..., Any], file: Path) -> None:
    file.write_text(file.read_text().replace("runtime: tflite", "runtime: ncnn, precision: w4a16"))
    done = edgesim("optimize", file)
    assert done.code == 2 and f"{file}:" in done.err and "ncnn makes no w4a16 models" in done.err


def test_at_most_so_many_steps(edgesim: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    for search in ("ladder", "exhaustive"):
        edgesim("optimize", file, "--techniques", TECHNIQUES, "--steps", "1", "--search", search, "--json", tmp_path / "o.json")
        assert len(json.loads((tmp_path / "o.json").read_text())["winner"]["techniques"]) == 1


def test_a_shipped_scenario_is_a_file_beside_its_data(tmp_path: Path, edgesim: Callable[..., Any]) -> None:
    """The winner of a copy in the same folder names its files as the copy does."""
    pytest.importorskip("onnxruntime")
    for name in ("digits_compression.yaml", "digits_mlp.onnx", "digits_held_out.npz", "digits_calibration.npz"):
        shutil.copy(SCENARIOS / name, tmp_path / name)
    winner = tmp_path / "winner.yaml"
    edgesim("optimize", tmp_path / "digits_compression.yaml", *DIGITS[1:], "--techniques", "[{threads: 1}]", "-o", winner)
    assert "{dataset: digits_held_out.npz, metric: top1}" in winner.read_text()
