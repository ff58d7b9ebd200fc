"""``--set PATH=VALUE``: changes to a scenario, and mistakes in them reported as the override's."""

from __future__ import annotations

import pytest


def test_a_value_a_list_entry_and_a_key_that_was_absent(load):
    changes = ["workloads.camera.deadline=20 ms", "workloads.camera.pipeline.2.unit=tpu"]
    loaded = load(overrides=[*changes, "memory.when_full=evict", "budgets.per.visitors.latency_p50=1 s"])
    camera = loaded.scenario.workloads["camera"]
    assert camera.deadline_s == pytest.approx(0.02)
    assert camera.pipeline[2].unit == "tpu"
    assert loaded.scenario.memory.when_full == "evict"
    assert loaded.scenario.budgets.per["visitors"].latency_p50_s == 1
    assert loaded.scenario.budgets.per["camera"].latency_p99_s == pytest.approx(0.033)


def test_values_are_yaml(load):
    loaded = load(overrides=["models.detector.placement={prefer: [npu, cpu]}", "preemption=true", "seed=7", "description='a: b'"])
    assert loaded.scenario.models["detector"].placement.prefer == ("npu", "cpu")
    assert loaded.scenario.preemption is True
    assert loaded.scenario.seed == 7
    assert loaded.scenario.description == "a: b"


def test_an_override_changes_the_device_although_only_its_name_is_given(load):
    changes = ["device.memory.bandwidth=30 GB/s", "device.units.tpu.macs_per_cycle.int8=2048"]
    loaded = load(overrides=[*changes, "device.domains.cpu_clock.operating_points.1.frequency=3 GHz"])
    assert loaded.device.memory.bandwidth_bytes_per_s == 30e9
    assert loaded.device.memory.bandwidth_bytes_per_s.kind == "given"
    assert loaded.device.units["tpu"].macs_per_cycle["int8"] == 2048
    assert [point.frequency_hz for point in loaded.device.domains["cpu_clock"].operating_points] == [1e9, 3e9]


def test_a_short_form_grows(load):
    assert load(overrides=["scheduler.tpu=edf"]).scenario.scheduler == {"default": "fifo", "tpu": "edf"}


def test_later_overrides_win_and_null_takes_the_default_back(load):
    assert load(overrides=["duration=20 s", "duration=30 s"]).scenario.duration_s == 30
    assert load(overrides=["workloads.camera.deadline=null"]).scenario.workloads["camera"].deadline_s is None


def test_names_with_dots_are_found(load, scenario_text):
    text = scenario_text.replace("detector", "llama3.2_1b")
    assert load(text, overrides=["models.llama3.2_1b.precision=float16"]).scenario.models["llama3.2_1b"].precision == "float16"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("workloads.camera.deadline=20", "--set workloads.camera.deadline: 20 has no unit"),
        ("workloads.camera.dedline=20 ms", "--set workloads.camera.dedline: unknown key 'dedline'; did you mean 'deadline'"),
        ("workloads.camra.deadline=20 ms", "--set workloads.camra.deadline: no key 'camra' in workloads; did you mean 'camera'?"),
        ("workload.camera.deadline=20 ms", "--set workload.camera.deadline: no key 'workload' in the scenario; did you mean 'workloads'?"),
        ("workloads.camera.pipeline.3.unit=tpu", "'workloads.camera.pipeline' is a list; '3' is not one of its positions (0 to 2)"),
        ("workloads.camera.pipeline.post.unit=tpu", "'post' is not one of its positions"),
        ("workloads.camera.pipeline[1].unit=tpu", "counted after a dot: write workloads.camera.pipeline.1"),
        ("workloads.camera.deadline.max=3", "'workloads.camera.deadline' is '33 ms', it has no key 'max'"),
        ("workloads.camera.pipeline.2.unit=gpu", "--set workloads.camera.pipeline.2.unit: tiny_board has no unit 'gpu'"),
        ("workloads.camera.arrival={kind: poisson, rate: 3 W}", "--set workloads.camera.arrival: rate: unit 'W' is not a unit of frequency"),
        ("workloads.camera.arrival={kind: poisson}", "--set workloads.camera.arrival: missing key 'rate'"),
        ("budgets.per.camra.latency_p99=3 ms", "--set budgets.per.camra.latency_p99: unknown workload 'camra'; did you mean 'camera'?"),
        ("device.memory.bandwidth=30 GHz", "--set device.memory.bandwidth: unit 'GHz' is not a unit of bandwidth"),
        ("device.memory.bandwith=30 GB/s", "--set device.memory.bandwith: unknown key 'bandwith'; did you mean 'bandwidth'?"),
        ("device.units.npu.cores=2", "--set device.units.npu.cores: the device has no unit 'npu'; did you mean 'tpu'"),
        ("device.domains.cpu_clock.operating_points.5.frequency=3 GHz", "--set device.domains.cpu_clock.operating_points.5.frequency: no entry 5"),
        ("device.domains.cpu_clock.operating_points.0.frequency=3 GHz", "frequency: operating_points must be in ascending frequency"),
        ("device.units.cpu.domain=cpu_clok", "--set device.units.cpu.domain: no domain 'cpu_clok'"),
        ("device.units.cpu.cost_class=cpu_armv82", "--set device.units.cpu.cost_class: unknown cost class 'cpu_armv82'; did you mean"),
        ("device.domains.cpu_clock.governor=ondemnd", "--set device.domains.cpu_clock.governor: unknown governor 'ondemnd'"),
        ("device.thermal.nodes.dye.heat_capacity=1 W", "--set device.thermal.nodes.dye.heat_capacity: unit 'W' is not a unit of heat capacity"),
        ("device=no_such_device", "--set device: unknown device 'no_such_device'"),
        ("duration=[1, 2", "--set duration:1:6: "),
        ("duration={a: 1, a: 2}", "key 'a' is already given"),
        ("duration", "--set duration: expected PATH=VALUE"),
        ("=3", "--set =3: expected PATH=VALUE"),
    ],
)
def test_a_mistake_is_reported_as_the_overrides(mistakes, override, said):
    found = mistakes(overrides=[override])
    assert any(said in line for line in found), found
    assert all(line.startswith("--set ") for line in found), found


def test_all_overrides_are_judged_at_once(mistakes):
    found = mistakes(overrides=["duration=3", "workloads.camra.deadline=1 s", "seed=-1"])
    assert len(found) == 3


def test_the_seed_option_wins_and_is_judged(load, mistakes):
    assert load(seed=5, overrides=["seed=3"]).scenario.seed == 5
    assert mistakes(seed=-2) == ["--seed: must be at least 0, got the number -2"]
