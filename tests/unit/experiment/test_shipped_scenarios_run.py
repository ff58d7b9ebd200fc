"""Every shipped scenario runs; those about heat show what their descriptions say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from sim.experiment.names import known_names
from sim.experiment.result import Result
from sim.experiment.simulate import simulate
from sim.report.metrics import Metrics, measure
from sim.report.ranking import order
from sim.scenario.loading import load_scenario
from sim.scenario.study import study_kind
from sim.scenario.yaml_source import read_yaml

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.yaml") if not study_kind(read_yaml(path).data))
PHONES = ("snapdragon_8_elite_phone", "snapdragon_8_gen_3_phone", "pixel_6", "snapdragon_855_phone")


def run(name: str, *overrides: str) -> Result:
    return simulate(load_scenario(SCENARIOS / f"{name}.yaml", overrides=overrides, known=known_names()))


@cache
def measured(name: str, *overrides: str) -> Metrics:
    return measure(run(name, *overrides))


def p50_s(metrics: Metrics, workload: str, end: str) -> float:
    assert metrics.drift is not None
    return float(getattr(metrics.drift.workloads[workload], f"latency_p50_{end}_s"))


@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name: str) -> None:
    """Cut down to the first seconds; a language model's answer takes longer than that."""
    result = run(name, "duration=2 s", "warmup=0 s", *_short_queries(name))
    metrics = measure(result)
    assert metrics.energy.total_j > 0
    assert sum(workload.arrived_count for workload in metrics.workloads.values()) > 0
    assert sum(workload.done_count + workload.late_count + workload.unfinished_count for workload in metrics.workloads.values()) > 0


def _short_queries(name: str) -> list[str]:
    """LoadGen's rules with a minimum duration that fits into two seconds, and workloads that begin within them."""
    workloads = read_yaml(SCENARIOS / f"{name}.yaml").data["workloads"]
    begin = [f"workloads.{each}.start=0 s" for each, workload in workloads.items() if str(workload.get("start", "")).endswith("0 s")]
    return begin + [f"workloads.{each}.loadgen.min_duration=1 s" for each, workload in workloads.items() if "loadgen" in workload]


def test_batches_trade_latency_for_throughput() -> None:
    """Each load is answered at its rate, ever later; beyond capacity some are refused, and nobody is late."""
    metrics = measured("edge_box_batching")
    loads = list(metrics.workloads.values())
    medians = [load.latency.p50_s for load in loads if load.latency is not None]
    assert medians == sorted(medians) and medians[-1] > 5 * medians[0]
    assert [load.dropped_count for load in loads[:3]] == [0, 0, 0]
    assert loads[-1].drop_ratio is not None and loads[-1].drop_ratio > 0.05
    assert sum(load.late_count for load in loads) == 0
    alone_s = metrics.models["classifier"].alone_s
    assert loads[-1].done_count / 10.0 > 3 / alone_s  # three times what single images would allow


@pytest.mark.parametrize("phone", PHONES)
def test_thirty_minutes_slow_a_phone_down(phone: str) -> None:
    metrics = measured("thirty_minutes", f"device={phone}")
    assert metrics.drift is not None
    assert metrics.heat.first_throttle_s is not None
    assert 60.0 < metrics.heat.first_throttle_s < 1500.0
    assert metrics.drift.workloads["camera"].throughput_kept_ratio < 0.95


def test_the_phones_order_in_the_first_minute_is_not_that_in_the_last() -> None:
    runs = {phone: measured("thirty_minutes", f"device={phone}") for phone in PHONES}
    first, last = (order({phone: p50_s(metrics, "camera", end) for phone, metrics in runs.items()}) for end in ("first", "last"))
    assert first == list(PHONES)
    assert first.index("pixel_6") < first.index("snapdragon_855_phone")
    assert last.index("snapdragon_855_phone") < last.index("pixel_6")


def test_of_two_phones_alike_at_first_one_stays_nearly_flat() -> None:
    """The Pixel 6 takes two of five steps from its Edge TPU at 39 degC skin; the other takes one per degree from 43 degC on."""
    pixel, other = (measured("thirty_minutes", f"device={phone}") for phone in ("pixel_6", "snapdragon_855_phone"))
    assert p50_s(pixel, "camera", "last") > 1.4 * p50_s(pixel, "camera", "first")
    assert p50_s(other, "camera", "last") < 1.15 * p50_s(other, "camera", "first")


def test_the_fastest_phone_loses_its_lead_and_a_warmer_room_slows_both_sooner() -> None:
    elite, older = (measured("thirty_minutes", f"device={phone}") for phone in PHONES[:2])
    assert p50_s(elite, "camera", "first") < p50_s(older, "camera", "first")
    assert p50_s(elite, "camera", "last") > 1.5 * p50_s(elite, "camera", "first")
    assert p50_s(elite, "camera", "last") > 1.02 * p50_s(older, "camera", "last")
    for cool, phone in zip((elite, older), PHONES[:2], strict=True):
        warm = measured("thirty_minutes", f"device={phone}", "ambient=30 degC")
        assert warm.heat.first_throttle_s is not None and cool.heat.first_throttle_s is not None
        assert warm.heat.first_throttle_s < 0.8 * cool.heat.first_throttle_s


def test_in_a_cooler_room_two_phones_never_throttle() -> None:
    for phone in PHONES[2:]:
        assert not measured("thirty_minutes", f"device={phone}", "ambient=20 degC").heat.domains


def test_only_the_bare_raspberry_pi_throttles() -> None:
    bare, sink, fan = (measured("raspberry_pi_cooling", f"cooling={cooling}") for cooling in ("bare", "armor_case", "ice_tower"))
    assert bare.heat.throttled_s > 600.0
    assert bare.heat.die_peak_c is not None and 80.0 < bare.heat.die_peak_c < 86.0
    assert bare.drift is not None and bare.drift.workloads["camera"].throughput_kept_ratio < 0.6
    for metrics in (sink, fan):
        assert not metrics.heat.domains
        assert metrics.drift is not None and metrics.drift.workloads["camera"].throughput_kept_ratio == pytest.approx(1.0, abs=1e-3)
    assert sink.heat.die_peak_c is not None and fan.heat.die_peak_c is not None
    assert fan.heat.die_peak_c < sink.heat.die_peak_c < 80.0


def test_the_language_model_slows_down_on_the_cpu_rather_than_on_the_npu() -> None:
    cpu, npu = (measured("sustained_llm", f"runtime={runtime}") for runtime in ("llama_cpp", "qnn"))
    assert cpu.drift is not None and cpu.drift.workloads["chat"].throughput_kept_ratio < 0.93
    assert npu.drift is not None and npu.drift.workloads["chat"].throughput_kept_ratio > 0.95
    assert 600.0 < cpu.heat.domains["cpu_gold"].first_s < 1200.0, "the case takes a quarter of an hour to warm up"


def test_a_hot_car_keeps_its_deadlines_and_a_hotter_one_does_not() -> None:
    cool, hot, hotter = (measured("hot_car", f"ambient={ambient} degC", "duration=10 min") for ambient in (25, 50, 85))
    assert not cool.heat.domains and not hot.heat.domains
    assert cool.heat.die_peak_c is not None and hot.heat.die_peak_c is not None
    assert hot.heat.die_peak_c - cool.heat.die_peak_c > 25.0, "leakage adds to the difference of the air"
    assert all(workload.late_count + workload.dropped_count == 0 for workload in hot.workloads.values())
    assert hotter.heat.throttled_s > 60.0
    assert any(workload.late_count + workload.dropped_count for workload in hotter.workloads.values())
    assert hot.power.average_w is not None and cool.power.average_w is not None
    assert hot.power.average_w > cool.power.average_w


def test_a_coin_cell_lasts_years() -> None:
    metrics = measured("coin_cell_node")
    assert metrics.power.battery_life_s is not None
    assert 2 * 365.25 * 86400 < metrics.power.battery_life_s < 10 * 365.25 * 86400


def test_the_tail_takes_most_of_what_a_report_by_lte_costs() -> None:
    runs = {radio: measured("telemetry_radio", f"radios.uplink={radio}") for radio in ("lte_huang2012", "wifi_huang2012", "lora_sx1272")}
    lte, wifi, lora = runs.values()
    assert lte.radios["uplink"].tail_ratio() > 0.8
    assert lte.energy.components_j["radio.uplink"] > 20 * wifi.energy.components_j["radio.uplink"] > 20 * lora.energy.components_j["radio.uplink"]
    assert lora.radios["uplink"].states["send"].time_s > 500 * lte.radios["uplink"].states["send"].time_s, "slow, and cheaper all the same"
    lives_s = [metrics.power.battery_life_s for metrics in runs.values()]
    assert lives_s[0] is not None and lives_s[2] is not None and lives_s[2] > 4 * lives_s[0]


def test_a_server_at_its_edge_fails_at_five_percent_more() -> None:
    rate = read_yaml(SCENARIOS / "server_at_the_edge.yaml").data["workloads"]["classify"]["loadgen"]["target_qps"]
    found = measured("server_at_the_edge").loadgen["classify"]
    assert found.valid and found.rate_hz == pytest.approx(rate, rel=0.01)
    over = measured("server_at_the_edge", f"workloads.classify.loadgen.target_qps={1.05 * rate}").loadgen["classify"]
    assert {name for name, rule in over.rules.items() if not rule.ok} == {"performance", "early_stopping"}
