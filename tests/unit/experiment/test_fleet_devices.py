"""Devices simulated in full, early exits before a server, servers' own runtimes, and mistakes that only a fleet can have."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim.cli.main import main
from sim.errors import EdgesimError
from sim.experiment.fleet.study import FleetExperiment, prepare_fleet
from sim.experiment.names import known_names
from sim.report.fleet_metrics import measure_fleet
from sim.scenario.study import load_study

FLEET = """
name: pair
fleet:
  duration: 20 s
  models: {net: {source: resnet8, precision: int8, runtime: tflite_micro}}
  devices: {camera: {device: stm32h7a3, count: 2}}
  servers: {edge: {device: jetson_orin_nano}}
  links:
    wifi: {between: [camera, gateway], up: 40 Mbit/s, latency: 2 ms}
    cable: {between: [gateway, edge], up: 1 Gbit/s, latency: 1 ms}
  tasks:
    look: {on: camera, model: net, arrival: {kind: periodic, rate: 1 Hz}, input: 50 kB, output: 1 kB, policy: local, deadline: 1 s}
"""
PI = ("fleet.models.net.runtime=tflite", "fleet.devices.camera.device=raspberry_pi_4")
EXITS = "exits: [{after: CUT1, probability: 0.3}, {after: CUT2, probability: 0.4}]"


def prepared(text: str, *overrides: str) -> FleetExperiment:
    loaded = load_study(text, overrides=overrides, known=known_names())
    assert loaded is not None
    return prepare_fleet(loaded)


def latencies(experiment: FleetExperiment) -> tuple[np.ndarray, np.ndarray]:
    columns = experiment.run().world.log.columns()
    return columns["arrival_s"], columns["end_s"] - columns["arrival_s"]


def test_an_idle_device_in_full_is_its_table_where_nothing_samples_the_load():
    table, full = prepared(FLEET), prepared(FLEET, "fleet.devices.camera.full=true")
    arrivals, taken = latencies(full)
    first = np.array([arrivals[full_index] < 1.0 for full_index in range(len(arrivals))])  # a first inference takes longer
    assert taken[~first] == pytest.approx(table.kinds[0].ways[0].near.seconds, rel=1e-9)
    powers = [measure_fleet(one.run()).groups["camera"].power_w for one in (table, full)]
    assert powers[1] == pytest.approx(powers[0], rel=1e-4)


def test_a_device_in_full_gets_slower_as_it_gets_hot_and_its_table_does_not():
    """A bare Raspberry Pi 4 under a load without pauses reaches its trip point."""
    busy = (*PI, "fleet.models.net.source=resnet50", "fleet.duration=15 min", "fleet.tasks.look.arrival.rate=20 Hz", "fleet.devices.camera.count=1")
    hot = prepared(FLEET, *busy, "fleet.devices.camera.full=true").run()
    ends = hot.world.log.columns()["end_s"]
    first, last = ((ends >= low) & (ends < low + 60.0) for low in (5.0, 840.0))
    assert last.sum() < 0.95 * first.sum()
    assert (measure_fleet(hot).groups["camera"].peak_c or 0.0) > 70.0
    even = prepared(FLEET, *busy).run().world.log.columns()["end_s"]
    assert ((even >= 840.0) & (even < 900.0)).sum() == pytest.approx(((even >= 5.0) & (even < 65.0)).sum(), abs=1)


def test_devices_in_full_and_by_table_share_links_and_servers():
    text = FLEET.replace("count: 2}", "count: 2, full: true}, other: {device: stm32h7a3, count: 3}").replace("policy: local", "policy: remote, timeout: 5 ms")
    text = text.replace("links:\n", "links:\n    second: {between: [other, gateway], up: 40 Mbit/s}\n")
    text += "    more: {on: other, model: net, arrival: {kind: periodic, rate: 1 Hz}, input: 50 kB, policy: remote}\n"
    metrics = measure_fleet(prepared(text).run())
    assert metrics.tasks["look"].fell_back_count > 30 and metrics.tasks["more"].answered_count > 50
    assert metrics.groups["camera"].peak_c is not None and metrics.groups["other"].peak_c is None


@pytest.fixture(scope="module")
def with_exits() -> str:
    from pathlib import Path

    from sim.frontends.load import load_model

    adds = [op.name for op in load_model("resnet8", directory=Path()).ops if op.type == "Add"]
    exits = EXITS.replace("CUT1", adds[0]).replace("CUT2", adds[1])
    return FLEET.replace("runtime: tflite_micro}", f"runtime: tflite_micro, {exits}}}").replace("policy: local", "policy: best_cut")


def test_a_model_with_exits_is_finished_on_the_server_only_where_it_is_not_sure(with_exits):
    experiment = prepared(with_exits, "fleet.duration=400 s", "fleet.tasks.look.cuts={bits: 8}", "fleet.tasks.look.input=400 kB")
    ways = {way.name: way for way in experiment.kinds[0].ways}
    assert list(ways) == ["local", "edge", "edge after exit_1", "edge after exit_2"]
    local, divided = ways["local"], ways["edge after exit_2"]
    assert [exit.until for exit in local.exits] == pytest.approx([0.3, 0.7]) and local.goes_on == pytest.approx(0.3)
    assert 0 < local.exits[0].near.seconds < local.exits[1].near.seconds < local.near.seconds
    assert divided.near == local.exits[1].near and divided.work is not None and ways["edge"].work is not None
    assert divided.work.batch_s[0] < ways["edge"].work.batch_s[0]
    columns = experiment.run().world.log.columns()
    chosen = experiment.kinds[0].ways[int(columns["way"][0])]
    assert chosen.exits and chosen.server and set(columns["way"]) == {int(columns["way"][0])}
    mean_s = chosen.expected_near().seconds
    assert chosen.work is not None
    mean_s += chosen.goes_on * (chosen.up_bytes / 5e6 + 0.006 + chosen.work.batch_s[0] + chosen.down_bytes / 5e6)
    assert (columns["end_s"] - columns["arrival_s"]).mean() == pytest.approx(mean_s, rel=0.08)


def test_exits_run_in_full_take_what_their_parts_take(with_exits):
    table = prepared(with_exits, "fleet.tasks.look.policy=local")
    full = prepared(with_exits, "fleet.tasks.look.policy=local", "fleet.devices.camera.full=true", "fleet.duration=60 s")
    columns = full.run().world.log.columns()
    way = table.kinds[0].ways[0]
    expected = np.array([exit.near.seconds for exit in way.exits] + [way.near.seconds])[columns["exit"]]
    warm = columns["arrival_s"] > 20
    assert (columns["end_s"] - columns["arrival_s"])[warm] == pytest.approx(expected[warm], rel=1e-6)


def test_work_scatters_about_its_mean():
    """M/M/1 on a device: the time in the system is s / (1 - load)."""
    near_s = prepared(FLEET).kinds[0].ways[0].near.seconds
    rate = 0.5 / near_s
    experiment = prepared(
        FLEET,
        f"fleet.duration={20_000 * near_s!r} s",
        f"fleet.tasks.look.arrival={{kind: poisson, rate: {rate!r} Hz}}",
        "fleet.tasks.look.spread={kind: exponential}",
    )
    _, taken = latencies(experiment)
    means = np.array([part.mean() for part in np.array_split(taken, 20)])
    assert abs(means.mean() - 2 * near_s) < 2.861 * means.std(ddof=1) / np.sqrt(20)


def test_a_server_runs_a_model_of_its_own_with_its_own_runtime_and_a_shared_one_with_its_default():
    own = "fleet.models.big={source: resnet8, precision: float16, runtime: tensorrt}"
    works = []
    for more in ((), (own, "fleet.tasks.look.remote_model=big"), ("fleet.tasks.look.remote_model=net", "fleet.models.net.runtime=tflite", PI[1])):
        way = prepared(FLEET, "fleet.tasks.look.policy=remote", *more).kinds[0].ways[1]
        assert way.work is not None
        works.append(way.work.batch_s[0])
    assert works[0] < works[2] / 2  # a runtime that is stated for the server is taken: here one of CPUs alone


def test_equal_work_of_two_kinds_of_task_shares_batches():
    text = FLEET.replace("policy: local", "policy: remote").replace(
        "{device: jetson_orin_nano}", "{device: jetson_orin_nano, batching: {max_size: 2, max_delay: 1 s}}"
    )
    text += "    more: {on: camera, model: net, arrival: {kind: periodic, rate: 1 Hz}, input: 50 kB, policy: remote}\n"
    experiment = prepared(text)
    assert experiment.kinds[0].ways[1].work is experiment.kinds[1].ways[1].work


def test_groups_of_changed_devices_have_tables_of_their_own():
    half = "{base: raspberry_pi_4, memory: {bandwidth: 1 GB/s}}"
    quick, slow = (prepared(FLEET, PI[0], f"fleet.devices.camera.device={device}").kinds[0].ways[0].near.seconds for device in ("raspberry_pi_4", half))
    both = FLEET.replace("count: 2}", f"count: 2}}, slow: {{device: {half}}}")
    both += "    more: {on: slow, model: net, arrival: {kind: periodic, rate: 1 Hz}, input: 50 kB}\n"
    kinds = prepared(both, *PI).kinds
    assert [kind.ways[0].near.seconds for kind in kinds] == [quick, slow] and slow > quick


def test_the_traffic_of_several_hops_crosses_every_link():
    text = FLEET.replace("between: [gateway, edge]", "between: [gateway, mast]").replace("  tasks:", "    far: {between: [mast, edge], up: 2 Mbit/s}\n  tasks:")
    result = prepared(text, "fleet.tasks.look.policy=remote").run()
    metrics = measure_fleet(result)
    assert metrics.groups["camera"].hops_count == {"edge": 3}
    carried = [metrics.links[f"{name} up"].carried_bytes for name in ("wifi", "cable", "far")]
    assert carried == pytest.approx([carried[0]] * 3) and 0 <= carried[0] - 50e3 * len(result.world.log) <= 2 * 50e3


def test_a_model_that_does_not_run_in_batches_says_what_to_do():
    text = FLEET.replace("policy: local", "policy: remote").replace("{device: jetson_orin_nano}", "{device: jetson_orin_nano, batching: {max_size: 4}}")
    with pytest.raises(EdgesimError, match=r"does not run in batches.*max_size: 1"):
        prepared(text, "fleet.tasks.look.model=det", "fleet.models.det={source: ssd_mobilenet_v2, precision: int8}", *PI)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("latency: 2 ms}", "latency: 2 ms, outages: [{at: 0 s, length: 2 s, every: 1 s}]}", "nothing would ever pass"),
        ("up: 40 Mbit/s", "up_trace: {file: none.txt, format: mahimahi}", "cannot be read"),
        ("up: 40 Mbit/s", "up_trace: {file: back.txt, format: mahimahi}", "back.txt:3:1: 5 ms is before the line above (9 ms); time must not go backwards"),
        ("up: 40 Mbit/s", "up_trace: {file: zero.csv, format: csv, column: rate}", "nothing would ever pass"),
        ("count: 2}", "count: 2, hand_overs: [{at: 0 s, to: gatewya}]}", "fleet.devices.camera.hand_overs.0.to: no link leads from 'camera' to 'gatewya'"),
        ("count: 2}", "count: 2, hand_overs: [{at: 0 s, to: gateway}, {at: 5 s, to: lone}]}", "no way leads by 'lone' to server 'edge'"),
        ("count: 2}", "count: 2, hand_overs: [{at: 0 s, to: gateway, outage: 2 s, every: 1 s}]}", "nothing would ever pass"),
        (
            "count: 2}",
            "count: 2, roaming: {nodes: [gateway, gatewya], dwell: 5 s}}",
            "fleet.devices.camera.roaming.nodes.1: no link leads from 'camera' to 'gatewya'",
        ),
        ("count: 2}", "count: 2, roaming: {nodes: [gateway], dwell: 5 s}}", "fleet.devices.camera.roaming.nodes"),
        ("count: 2}", "count: 2, roaming: {nodes: [gateway, lone], dwell: 5 s}}", "no way leads by 'lone' to server 'edge'"),
        ("count: 2}", "count: 2, roaming: {nodes: [gateway, gateway], dwell: 5 s}}", "more than once"),
        ("count: 2}", "count: 2, roaming: {nodes: [gateway, lone], dwell: 5 s, outage: 5 s}}", "is not shorter than the stay"),
        ("count: 2}", "count: 2, hand_overs: [{at: 5 s, to: gateway}], roaming: {nodes: [gateway, lone], dwell: 5 s}}", "take out one of them"),
        ("count: 2}", "count: 2, ambient: 25}", "ambient"),
        ("count: 2}", "count: 2, radio: wifi_pixel}", "unknown radio 'wifi_pixel'; did you mean 'wifi_pixel_6'?"),
        (
            "count: 2}",
            "count: 2, radio: {base: wifi_pixel_6, tail: [{time: -1 s, power: 1 W}]}}",
            "fleet.devices.camera.radio.tail.0.time: must be at least 0 s",
        ),
        ("orin_nano}", "orin_nano, autoscale: {most: 3, low: 90 %, high: 10 %}}", "low (90%) is not below high (10%)"),
        ("orin_nano}", "orin_nano, replicas: 4, autoscale: {most: 3}}", "3 replicas at most, but 4 are always there"),
        ("deadline: 1 s", "cuts: {bits: 0}", "fleet.tasks.look.cuts.bits: must be at least 1, got 0"),
        ("count: 2}", "count: 2}, edge: {device: stm32h7a3}", "fleet.servers.edge: 'edge' is a group of devices already"),
        ("duration: 20 s\n", "duration: 20 s\n  warmup: 30 s\n", "30 s is not before the end of the run (20 s)"),
        ("between: [gateway, edge]", "between: [other, edge]", "no link leads from 'camera' to a server"),
        ("deadline: 1 s", "deadline: 1 s, servers: [egde]", "unknown server 'egde'; did you mean 'edge'?"),
        ("deadline: 1 s", "deadline: 1 s, spread: {kind: gamma}", "gamma needs cv"),
        ("deadline: 1 s", "cuts: {at: [nothing]}", "has no operator 'nothing'"),
        ("kind: periodic, rate: 1 Hz", "kind: trace, file: nowhere.csv", "nowhere.csv"),
    ],
)
def test_mistakes_are_at_their_line(tmp_path, capsys, old, new, said):
    assert old in FLEET
    (tmp_path / "back.txt").write_text("1\n9\n5\n")
    (tmp_path / "zero.csv").write_text("rate\n0\n0\n")
    text = FLEET.replace(old, new).replace("policy: local", "policy: remote")
    if "lone" in new:
        text = text.replace("links:\n", "links:\n    dead: {between: [camera, lone], up: 1 Mbit/s}\n")
    (tmp_path / "fleet.yaml").write_text(text, encoding="utf-8")
    for command in ("run", "validate"):
        assert main([command, str(tmp_path / "fleet.yaml")]) == 2
        error = capsys.readouterr().err
        assert said in error and "Traceback" not in error and f"{tmp_path}" in error


def test_studies_are_compared_with_studies(tmp_path, capsys):
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    assert main(["compare", str(tmp_path / "fleet.yaml"), "--each", "fleet.tasks.look.policy=local,remote"]) == 0
    shown = capsys.readouterr().out
    assert "tasks.look.latency.p99" in shown and "policy=remote" in shown
    assert main(["run", str(tmp_path / "fleet.yaml"), "--json", str(tmp_path / "a.json"), "--quiet"]) == 0
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "fleet.yaml")]) == 0
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "a.json"), "overloaded"]) == 2
    assert "compare either with their like" in capsys.readouterr().err


def test_offloading_policies_are_listed_with_their_tunables(capsys):
    assert main(["policies", "threshold"]) == 0
    shown = capsys.readouterr().out
    assert "offloading policy" in shown and "bandwidth:" in shown and "wait:" in shown


HOT = (*PI[:1], "fleet.models.net.source=resnet50", "fleet.duration=10 min", "fleet.tasks.look.arrival.rate=20 Hz", "fleet.devices.camera.full=true")
LEAKY = "fleet.devices.camera.device={base: raspberry_pi_4, units: {cpu: {power: {leakage: 3 W}}}, thermal: {trips: []}}"


def test_heat_that_runs_away_ends_the_run_and_makes_it_invalid(tmp_path, capsys):
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    changes = [part for change in (*HOT, LEAKY, "fleet.devices.camera.ambient=60 degC") for part in ("--set", change)]
    assert main(["run", str(tmp_path / "fleet.yaml"), *changes, "--json", str(tmp_path / "r.json")]) == 1
    page, data = capsys.readouterr().out, json.loads((tmp_path / "r.json").read_text())
    assert "INVALID" in page and "thermal runaway of soc of a device of camera after" in page
    assert not data["valid"] and data["budgets"][0]["name"] == "thermal_runaway"
    found, metrics = data["metrics"]["runaway"], data["metrics"]
    assert found["gain"]["value"] >= 1.0 and found["time"]["value"] == metrics["simulated"]["value"] < 600.0
    assert metrics["tasks"]["look"]["answered"]["value"] > 100 and metrics["groups"]["camera"]["peak"]["value"] > 100.0


def test_the_air_around_a_group_is_that_of_its_devices():
    """In full they throttle sooner; a table, which knows no history, has the leakage alone. Other groups of the same device keep theirs."""
    throttled = {}
    for degrees in (25, 45):
        metrics = measure_fleet(prepared(FLEET, *HOT, PI[1], f"fleet.devices.camera.ambient={degrees} degC").run())
        throttled[degrees] = metrics.tasks["look"].answered_count
    assert throttled[45] < 0.95 * throttled[25]
    text = FLEET.replace("count: 2}", "count: 2, ambient: 60 degC}, other: {device: stm32h7a3}")
    groups = {group.name: group for group in prepared(text, PI[0], PI[1], "fleet.devices.other.device=raspberry_pi_4").groups}
    assert groups["camera"].idle_w > groups["other"].idle_w
    assert prepared(FLEET, *PI).groups[0].idle_w == groups["other"].idle_w


ROAMING = FLEET.replace("count: 2}", "count: 40, roaming: {nodes: [gateway, mast], dwell: 10 s, kind: even, outage: 100 ms}}").replace(
    "  tasks:", "    slow: {between: [camera, mast], up: 20 Mbit/s}\n    far: {between: [mast, edge], up: 1 Gbit/s}\n  tasks:"
)


def test_devices_move_each_by_itself():
    result = prepared(ROAMING, "fleet.tasks.look.policy=remote", "fleet.duration=200 s").run()
    group = measure_fleet(result).groups["camera"]
    assert group.hand_overs_count == pytest.approx(40 * 20, abs=40)
    columns = result.world.log.columns()
    taken, device = columns["up_s"], columns["device"]
    quick, slow = 50e3 * 8 / 40e6, 50e3 * 8 / 20e6
    alone = np.array([np.abs(taken - one).min() for one in (quick + 0.003, slow)])
    assert alone.max() < 2e-3  # some are sent by one link, some by the other
    means = np.array([taken[device == number].mean() for number in range(40)])
    assert means.std() < 0.5 * means.mean()  # over many stays every device has had both


def test_stays_by_chance_are_exponential_and_begin_anywhere():
    experiment = prepared(
        ROAMING,
        "fleet.tasks.look.policy=remote",
        "fleet.duration=2000 s",
        "fleet.tasks.look.arrival.rate=0.05 Hz",
        "fleet.devices.camera.roaming.kind=exponential",
    )
    moves = np.array([device.access.moved for device in experiment.run().world.devices["camera"]])
    assert moves.mean() == pytest.approx(200, rel=0.05) and moves.std() == pytest.approx(np.sqrt(200), rel=0.35)  # a Poisson process


def test_the_page_tells_of_tasks_that_were_never_answered(tmp_path, capsys):
    (tmp_path / "fleet.yaml").write_text(FLEET.replace("policy: local", "policy: remote"), encoding="utf-8")
    for rate, said in (("400 kbit/s", "unanswered at the end"), ("1 bit/s", "nothing was answered; 40 tasks under way at the end")):
        assert main(["run", str(tmp_path / "fleet.yaml"), "--set", f"fleet.links.wifi.up={rate}"]) == 0
        assert said in capsys.readouterr().out
