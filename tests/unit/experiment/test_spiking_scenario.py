"""Spiking networks in a scenario: conservation of energy, reference mode, accuracy, report, and mistakes at their line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim import simulate
from sim.cli.main import main
from sim.compiler.warm_run import run_cost

SCENARIOS = Path(__file__).parents[3] / "scenarios"
TEXT = """
name: spikes
device: loihi
runtime: nxsdk
duration: 100 ms
models:
  net:
    input: {shape: [1, 64]}
    layers: [{op: dense, out: 128, activation: relu}, {op: dense, out: 64, activation: relu}, {op: dense, out: 10}, {op: softmax}]
    compress: [{to_spiking: {timesteps: 20, rate: 0.3}}]
workloads:
  w: {arrival: {kind: periodic, rate: 1 kHz}, pipeline: [{name: run, model: net}]}
"""


def test_energy_is_the_events_and_the_power_and_nothing_else() -> None:
    result = simulate(TEXT)
    trace, program = result.trace, result.programs["net"]
    runs = len(trace.requests)
    events_j = sum(float(segment.costs.events_j.sum()) for segment in program.segments)
    assert runs == 100 and events_j > 0
    busy_s = trace.totals["busy_s"]["neuromorphic"]
    power = result.device.units["neuromorphic"].power
    managed_w = float(power.dynamic_capacitance_f) * 0.75**2 * 285.714286e6 * 128
    expected_j = runs * events_j + managed_w * busy_s + float(power.leakage_w) * trace.end_s
    assert trace.energy_j["neuromorphic"] == pytest.approx(expected_j, rel=1e-3)  # leakage follows the temperature a little
    own_j = float(trace.request_energy["energy_j"].sum())  # of the requests: all but what leaks
    assert own_j == pytest.approx(runs * events_j + managed_w * busy_s + trace.energy_j["x86"] + trace.energy_j["memory"], rel=1e-9)


def test_reference_mode_gives_the_same() -> None:
    fast, slow = simulate(TEXT), simulate(TEXT, reference=True)
    assert slow.trace.energy_j["neuromorphic"] == pytest.approx(fast.trace.energy_j["neuromorphic"], rel=1e-9)
    assert slow.trace.requests["end_s"] == pytest.approx(fast.trace.requests["end_s"], rel=1e-9)


def test_metrics_of_an_inference() -> None:
    result = simulate(TEXT)
    found = result.metrics.spiking["net"]
    operations = 20 * 0.3 * (64 * 128 + 128 * 64 + 64 * 10)
    assert found.synaptic_operations_count == pytest.approx(operations)
    assert found.spikes_count == pytest.approx(20 * 0.3 * (64 + 128 + 64))
    assert (found.neurons_count, found.updates_count) == (64 + 128 + 64 + 10, pytest.approx(20 * 266))
    assert found.energy_j == pytest.approx(run_cost(result.programs["net"], result.device)[1])
    assert found.synaptic_energy_ratio == pytest.approx(operations * 23.6e-12 / found.energy_j)


def test_devices_without_such_units_say_nothing_of_spikes() -> None:
    assert simulate(TEXT.replace("loihi", "raspberry_pi_4").replace("nxsdk", "tflite")).metrics.spiking == {}


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_tells_events_and_shares(width: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    file = tmp_path / "spikes.yaml"
    file.write_text(TEXT)
    assert main(["run", str(file), "--json", str(tmp_path / "out.json")]) == 0
    told = capsys.readouterr().out
    assert "spikes" in told and "synaptic operations/s" in " ".join(told.split()) and "of 128 cores" in " ".join(told.split())
    assert all(len(line) <= width for line in told.splitlines())
    assert json.loads((tmp_path / "out.json").read_text())["metrics"]["spiking"]["net"]["timesteps"]["value"] == 20


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("timesteps: 20", "timesteps: 0", r":10:\d+: models.net.compress.0.to_spiking.timesteps"),
        ("rate: 0.3", "rate: 30", r":10:\d+: models.net.compress.0.to_spiking.rate"),
        (", rate: 0.3", "", "give rate"),
        ("out: 128, activation: relu", "out: 128, activation: sigmoid", "Sigmoid has no spiking form"),
        ("out: 128", "out: 300000", "the network needs .* cores"),
        ("{to_spiking", "{quantize: {to: int8}}, {to_spiking", "quantized already"),
        ("{name: run, model: net}", "{name: pre, unit: neuromorphic, work: {operations: 1 M}}, {name: run, model: net}", "event-driven"),
    ],
)
def test_mistakes_are_told_at_their_line(old: str, new: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import re

    assert old in TEXT
    file = tmp_path / "spikes.yaml"
    file.write_text(TEXT.replace(old, new).lstrip("\n") if ":10:" not in says else TEXT.replace(old, new))
    assert main(["run", str(file)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert re.search(says, told) and "Traceback" not in told


def test_accuracy_of_spikes_is_measured_step_by_step() -> None:
    pytest.importorskip("onnx")
    text: dict[str, Any] = {
        "source": str(SCENARIOS / "digits_mlp.onnx"),
        "compress": [{"to_spiking": {"timesteps": 16, "calibration": str(SCENARIOS / "digits_calibration.npz")}}],
        "accuracy": {"dataset": str(SCENARIOS / "digits_held_out.npz"), "metric": "top1"},
    }
    workload = {"arrival": {"kind": "periodic", "rate": "10 Hz"}, "pipeline": [{"name": "run", "model": "net"}]}
    scenario = {"name": "digits", "device": "loihi", "duration": "1 s", "models": {"net": text}, "workloads": {"w": workload}}
    result = simulate("\n" + json.dumps(scenario))
    accuracy = result.metrics.models["net"].accuracy
    assert accuracy.kind == "measured" and accuracy.value_ratio is not None and accuracy.value_ratio > 0.93
    assert "integrate-and-fire run of 16 steps" in accuracy.source
    assert result.metrics.spiking["net"].rates == "measured"
