"""A fleet from its YAML to its numbers: closed forms through the whole way, the best cut, mistakes at their lines."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from sim.cli.main import main
from sim.errors import EdgesimError
from sim.experiment.fleet.study import FleetExperiment, prepare_fleet
from sim.experiment.names import known_names
from sim.experiment.simulate import simulate
from sim.report.fleet_metrics import measure_fleet
from sim.scenario.study import load_study

FLEET = """
name: pair
description: two cameras and a box
fleet:
  duration: 20 s
  models: {net: {source: mobilenet_v1, precision: int8, runtime: tflite}, big: {source: mobilenet_v1, precision: float16}}
  devices: {camera: {device: raspberry_pi_4, count: 2}}
  servers: {edge: {device: jetson_orin_nano}}
  links:
    wifi: {between: [camera, gateway], up: 40 Mbit/s, down: 80 Mbit/s, latency: 2 ms}
    cable: {between: [gateway, edge], up: 1 Gbit/s, latency: 1 ms}
  tasks:
    look: {on: camera, model: net, remote_model: big, arrival: {kind: periodic, rate: 1 Hz}, input: 50 kB, output: 1 kB, policy: remote, deadline: 1 s}
  budgets: {latency_p99: 1 s, miss_rate: 0 %}
"""


def prepared(text: str, *overrides: str) -> FleetExperiment:
    loaded = load_study(text, overrides=overrides, known=known_names())
    assert loaded is not None
    return prepare_fleet(loaded)


def test_a_task_on_an_idle_fleet_takes_the_sum_of_its_parts():
    experiment = prepared(FLEET)
    result = experiment.run()
    columns = result.world.log.columns()
    way = experiment.kinds[0].ways[1]
    assert way.work is not None
    expected = 50e3 / 5e6 + 0.003 + way.work.batch_s[0] + 1e3 / 10e6 + 0.003
    assert columns["end_s"] - columns["arrival_s"] == pytest.approx([expected] * len(columns["end_s"]), rel=1e-9)
    assert result.world.network.links[0].carried_bytes == 50e3 * len(columns["end_s"])


@pytest.mark.parametrize(("device", "runtime", "exact"), [("stm32h7a3", "tflite_micro", True), ("raspberry_pi_4", "tflite", False)])
def test_the_table_of_a_device_is_its_full_simulation_when_idle(device, runtime, exact):
    """Exact where no governor samples the load; else the mean over the moments at which a task may come in the governor's period."""
    use = {"source": "resnet8", "precision": "int8", "runtime": runtime}
    text = FLEET.replace("{source: mobilenet_v1, precision: int8, runtime: tflite}", str(use).replace("'", ""))
    experiment = prepared(text, "fleet.tasks.look.policy=local", f"fleet.devices.camera.device={device}")
    scenario = {
        "name": "alone",
        "device": device,
        "duration": "40 s",
        "models": {"net": use},
        "workloads": {"w": {"arrival": {"kind": "periodic", "rate": "0.7 Hz"}, "pipeline": [{"model": "net"}]}},
    }
    requests = simulate(scenario).trace.requests.columns()
    alone_s = (requests["end_s"] - requests["start_s"])[1:]
    table_s = experiment.kinds[0].ways[0].near.seconds
    if exact:
        assert alone_s == pytest.approx([table_s] * len(alone_s), rel=1e-9)
    else:
        assert table_s == pytest.approx(alone_s.mean(), rel=0.06) and alone_s.min() <= table_s <= alone_s.max() * (1 + 1e-9)


def test_energy_is_idle_power_and_what_was_computed():
    result = prepared(FLEET, "fleet.tasks.look.policy=local").run()
    metrics = measure_fleet(result)
    group = metrics.groups["camera"]
    assert group.power_w * 2 * 20 == pytest.approx(group.idle_j + group.compute_j)
    assert group.compute_j == pytest.approx(result.kinds[0].ways[0].near.joules * (len(result.world.log) + result.world.in_flight))
    assert 2 < group.power_w < 6


def test_cuts_are_taken_where_they_are_fastest():
    text = FLEET.replace("remote_model: big, ", "").replace("policy: remote", "policy: best_cut").replace("output: 1 kB", "output: 1 kB, cuts: {bits: 8}")
    experiment = prepared(text, "fleet.links.wifi.up=200 Mbit/s", "fleet.tasks.look.input=600 kB")
    ways = experiment.kinds[0].ways
    assert any(way.cut for way in ways)
    result = experiment.run()
    chosen = ways[int(np.bincount(result.world.log.columns()["way"]).argmax())]
    rate = 200e6 / 8
    expected = {
        way.name: way.near.seconds + (0 if way.work is None else way.up_bytes / rate + way.down_bytes / 10e6 + 0.006 + way.work.batch_s[0]) for way in ways
    }
    assert expected[chosen.name] == pytest.approx(min(expected.values()), rel=1e-6)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    for name in ("a.json", "b.json"):
        assert main(["run", str(tmp_path / "fleet.yaml"), "--json", str(tmp_path / name), "--quiet"]) == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["valid"] and data["metrics"]["tasks"]["look"]["latency"]["p99"]["unit"] == "s"


@pytest.mark.parametrize("width", ["80", "120"])
def test_the_page_fits(tmp_path, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    assert main(["run", str(tmp_path / "fleet.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(width)
    assert any("edge" in line and "100 %" in line for line in lines)


def test_out_writes_a_folder(tmp_path):
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    assert main(["run", str(tmp_path / "fleet.yaml"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"result.json", "study.json", "summary.txt", "tasks.csv"}
    rows = list(csv.DictReader((tmp_path / "out" / "tasks.csv").open(encoding="utf-8")))
    first, data = rows[0], json.loads((tmp_path / "out" / "result.json").read_text())
    assert (first["task"], first["way"], first["status"], first["exit"]) == ("look", "edge", "done", "") and float(first["end_s"]) > float(first["arrival_s"])
    assert len(rows) == data["metrics"]["finished"]["value"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("model: net,", "model: nett,", "fleet.tasks.look.model: unknown model 'nett'; did you mean 'net'?"),
        ("device: jetson_orin_nano", "device: jetson_orin_nan", "jetson_orin_nan"),
        ("between: [gateway, edge]", "between: [gatewa, edge]", "policy 'remote' offloads, but no link leads from 'camera' to a server"),
        ("up: 1 Gbit/s", "up: 0 bit/s", "nothing would ever pass"),
        ("policy: remote", "policy: remot", "fleet.tasks.look.policy: unknown offloading policy 'remot'; did you mean 'remote'?"),
        ("policy: remote", "policy: {name: threshold, tunables: {bandwith: 1 MB/s}}", "unknown tunable 'bandwith'; did you mean 'bandwidth'?"),
        ("policy: remote", "policy: {name: deadline, tunables: {margin: 200 %}}", "out of range"),
        ("source: mobilenet_v1, precision: int8", "source: mobilenet_v, precision: int8", "unknown model 'mobilenet_v'"),
        ("count: 2", "count: 0", "count"),
        ("kind: periodic, rate: 1 Hz", "kind: closed", "not in a closed loop"),
        ("output: 1 kB", "output: 1 kB, cuts: {at: [nowhere]}", "has no operator 'nowhere'"),
        ("between: [camera, gateway]", "between: [camera, camera]", "two different nodes"),
        ("between: [camera, gateway]", "between: [camera]", "fleet.links.wifi.between: entry 2 of this list is missing"),
    ],
)
def test_mistakes_are_at_their_line(tmp_path, capsys, old, new, said):
    assert old in FLEET
    text = FLEET.replace("remote_model: big, ", "") if "cuts" in new else FLEET
    (tmp_path / "fleet.yaml").write_text(text.replace(old, new), encoding="utf-8")
    assert main(["run", str(tmp_path / "fleet.yaml")]) == 2
    error = capsys.readouterr().err
    assert said in error and f"{tmp_path / 'fleet.yaml'}:" in error and "Traceback" not in error


def test_a_cut_inside_a_fused_operator_is_refused():
    text = FLEET.replace("remote_model: big, ", "").replace("output: 1 kB", "output: 1 kB, cuts: {at: [CUT]}")
    experiment = prepared(text.replace("cuts: {at: [CUT]}", "cuts: {}"))
    assert experiment.kinds[0].ways
    from pathlib import Path

    from sim.frontends.load import load_model

    fused = next(op.name for op in load_model("mobilenet_v1", directory=Path()).ops if op.type == "Conv")
    with pytest.raises(EdgesimError, match="inside a fused operator"):
        prepared(text.replace("CUT", fused))
