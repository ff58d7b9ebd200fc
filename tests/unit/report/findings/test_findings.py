"""Findings: each rule where it fires, against numbers worked out here, and where it must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim import load_scenario, simulate
from sim.api import Result
from sim.report.budgets import judge
from sim.report.findings import RULES, findings
from sim.report.findings.finding import Finding
from sim.report.findings_section import MOST, finding_lines, findings_data
from sim.report.glyphs import ASCII, UNICODE
from sim.report.page import Page

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"
PHONE = "snapdragon_8_gen_2_phone"
NET = {"source": "mobilenet_v2", "precision": "int8", "placement": {"prefer": ["npu", "cpu"]}}
CODE = {"name": "pre", "unit": "cpu", "work": {"operations": "20 M"}}


def run(*stages: dict[str, Any], device: Any = PHONE, rate: str = "10 Hz", model: dict[str, Any] | None = None, **more: Any) -> Result:
    scenario = {
        "name": "s",
        "device": device,
        "duration": "2 s",
        "models": {"net": {**NET, **(model or {})}},
        "workloads": {"w": {"arrival": {"kind": "periodic", "rate": rate}, "pipeline": list(stages) or [{"model": "net"}]}},
        **more,
    }
    if not any("model" in stage for stage in stages or ({"model": "net"},)):
        scenario["models"] = {}
    return simulate(scenario)


def found(result: Result, rule: str = "") -> list[Finding]:
    everything = findings(result, result.metrics, judge(result.metrics, result.scenario, result.device))
    return [one for one in everything if not rule or one.rule == rule]


def test_the_table_has_every_rule_once():
    files = {path.stem for path in (SCENARIOS.parent / "sim" / "report" / "findings" / "rules").glob("*.py")} - {"__init__"}
    assert {rule.NAME for rule in RULES} == files
    assert all(rule.ABOUT for rule in RULES)


def test_processing_is_the_share_of_code():
    (one,) = found(run(CODE, {"model": "net"}), "processing")
    result = run(CODE, {"model": "net"})
    spans = result.trace.spans.columns()
    taken = spans["end_s"] - spans["start_s"]
    share = taken[spans["stage"] == 0].sum() / taken.sum()
    assert one.weight_ratio == pytest.approx(share)
    assert "pre" in one.text
    assert {what.changes for what in one.what_ifs} == {(("workloads.w.pipeline.0.unit", "gpu"),)}


def test_little_code_and_nothing_but_code_are_no_processing():
    assert not found(run({**CODE, "work": {"operations": "1 k"}}, {"model": "net"}), "processing")
    assert not found(run(CODE), "processing")


def test_a_fallback_is_what_runs_elsewhere_and_the_crossings():
    result = simulate(load_scenario(SCENARIOS / "phone_camera.yaml", overrides=["duration=2 s"]))
    (one,) = found(result, "fallback")
    model = result.metrics.models["detector"]
    assert one.evidence["kernels_count"] == 1
    assert one.evidence["elsewhere_s"] == model.units_s["cpu_gold"]
    assert one.evidence["crossings_s"] == model.entries_s
    assert "DetectionOutput is not supported" in one.text
    assert not found(run(), "fallback")


def test_throttling_tells_since_when_and_tries_coolings():
    result = simulate(load_scenario(SCENARIOS / "raspberry_pi_cooling.yaml"))
    (one,) = found(result, "throttling")
    domain = result.metrics.heat.domains["cpu"]
    assert one.weight_ratio == pytest.approx(domain.throttled_share_ratio * (1 - domain.lowest_hz / 1.8e9))
    assert one.evidence["first_s"] == domain.first_s
    titles = [what.title for what in one.what_ifs]
    assert "cooling armor_case" in titles
    assert "air 10 K cooler" in titles
    assert f"cooling {result.scenario.cooling}" not in titles
    assert not found(run(), "throttling")


def test_waiting_is_measured_against_the_latency():
    crowded = simulate(load_scenario(SCENARIOS / "queue_replications.yaml", overrides=["workloads.requests.arrival.rate=320 Hz", "duration=10 s"]))
    (one,) = found(crowded, "waiting")
    workload = crowded.metrics.workloads["requests"]
    assert workload.latency is not None
    assert workload.mean_wait_s is not None
    assert one.weight_ratio == pytest.approx(workload.mean_wait_s / workload.latency.mean_s)
    assert ("workloads.requests.arrival.rate", "240 Hz") in one.what_ifs[0].changes
    assert not found(run(), "waiting")


def test_float_on_a_unit_of_integers():
    (one,) = found(run(model={"precision": "float16"}), "number_format")
    peaks = run().device.units["npu"].macs_per_cycle
    assert one.weight_ratio == pytest.approx(1 - float(peaks["float16"]) / float(peaks["int8"]), rel=1e-6)
    assert next(dict(what.changes)["models.net.precision"] for what in one.what_ifs) == "int8"
    assert not found(run(), "number_format")


def test_kernels_that_take_longer_to_start_than_to_compute():
    tiny = run(model={"source": "ds_cnn", "runtime": "tflite", "placement": {"prefer": ["cpu"]}})
    (one,) = found(tiny, "kernel_bound")
    assert one.evidence["bound"] == "overhead"
    assert one.evidence["inference_s"] == pytest.approx(tiny.metrics.models["net"].alone_s - tiny.metrics.models["net"].entries_s)
    large = run(model={"source": "vgg16", "precision": "float32", "runtime": "ncnn", "placement": {"prefer": ["cpu"]}}, rate="1 Hz")
    assert all(one.evidence["bound"] != "overhead" for one in found(large, "kernel_bound"))


def test_memory_bound_kernels_of_a_language_model():
    decoder = {"source": "qwen2.5_0.5b", "options": {"phase": "decode", "context": 128}, "precision": "w4a16", "placement": {"prefer": ["npu", "cpu"]}}
    (one,) = [one for one in found(run(model=decoder), "kernel_bound") if one.evidence["bound"] == "memory"]
    assert one.weight_ratio > 0.3
    assert any("device.memory.bandwidth" in dict(what.changes) for what in one.what_ifs)


def test_a_slow_governor_is_told_by_the_clocks_it_chose():
    result = run({**CODE, "work": {"operations": "5 M"}}, rate="5 Hz")
    (one,) = [one for one in found(result, "slow_clock") if one.evidence["unit"] == "cpu_gold"] or [None]
    assert one is not None
    spans = result.trace.spans.columns()
    rows = spans["unit"] == result.trace.units.index("cpu_gold")
    mean_hz = np.average(spans["frequency_hz"][rows], weights=(spans["end_s"] - spans["start_s"])[rows])
    assert one.evidence["mean_hz"] == pytest.approx(mean_hz)
    fast = run({**CODE, "work": {"operations": "5 M"}}, rate="5 Hz", governors={"cpu_gold": "performance"})
    assert not [one for one in found(fast, "slow_clock") if one.evidence["unit"] == "cpu_gold"]


def test_an_idle_unit_beside_a_busy_one():
    result = run(model={"source": "resnet50", "precision": "float32", "runtime": "ncnn", "placement": {"prefer": ["cpu"]}}, rate="20 Hz")
    (one,) = found(result, "idle_unit")
    assert one.evidence["utilisation_ratio"] == result.metrics.units[one.evidence["busy_unit"]].utilisation_ratio
    assert any("gpu" in str(what.changes) for what in one.what_ifs)
    assert not found(run(rate="1 Hz"), "idle_unit")


def test_models_loaded_on_demand_are_a_cold_start():
    result = run({"model": "net"}, model={"load": "on_demand"}, rate="2 Hz")
    (one,) = found(result, "cold_start")
    assert one.evidence["loads_count"] == result.metrics.memory.loads_count
    assert dict(one.what_ifs[0].changes) == {"models.net.load": "at_start"}
    assert not found(run(), "cold_start")


def test_memory_is_worth_a_word_where_it_is_short():
    device = {"base": PHONE, "memory": {"capacity": "5.15 GiB"}}
    result = run(model={"source": "resnet50", "precision": "float32", "runtime": "ncnn", "placement": {"prefer": ["cpu"]}}, rate="1 Hz", device=device)
    assert not found(run(), "peak_memory")
    short = result.metrics.memory
    assert short.peak_bytes is not None
    assert short.peak_bytes / short.available_bytes >= 0.4
    (one,) = found(result, "peak_memory")
    assert one.evidence["peak_bytes"] == short.peak_bytes
    assert any("precision" in path for what in one.what_ifs for path, _ in what.changes)


def test_the_tail_of_a_radio():
    result = simulate(load_scenario(SCENARIOS / "telemetry_radio.yaml"))
    (one,) = found(result, "radio_tail")
    radio = result.metrics.radios["uplink"]
    assert one.weight_ratio == pytest.approx(radio.states["tail"].energy_j / result.metrics.energy.total_j)
    assert any(dict(what.changes) == {"radios.uplink": "ble_nrf52840"} for what in one.what_ifs)


def test_base_power_is_told_last_and_without_a_cure():
    (one,) = found(run(rate="1 Hz"), "base_power")
    assert not one.what_ifs
    assert one.why_none
    assert one.weight_ratio <= 0.1


def test_budgets_missed_and_held_by_little():
    result = run(budgets={"latency_p99": "1 us", "power": "100 W"})
    (missed,) = found(result, "budget_margin")
    assert "is missed" in missed.text
    latency = result.metrics.workloads["w"].latency
    assert latency is not None
    near = run(budgets={"latency_p99": f"{latency.p99_s * 1.01!r} s"})
    (barely,) = found(near, "budget_margin")
    assert "to spare" in barely.text
    assert barely.evidence["margin_ratio"] == pytest.approx(1 - 1 / 1.01, rel=1e-3)
    assert not found(run(budgets={"latency_p99": "10 s"}), "budget_margin")


def test_a_battery_that_ends_before_the_run():
    battery = {"capacity": "1 mAh"}
    result = run(battery=battery, duration="300 s", trace="requests")
    assert result.metrics.simulated_s < 300
    (one,) = found(result, "battery")
    assert one.weight_ratio == pytest.approx(1 - result.metrics.simulated_s / 300)
    assert not found(run(), "battery")


def test_poorly_filled_arrays():
    result = run(model={"source": "whisper_tiny_encoder", "precision": "float16"}, rate="1 Hz")
    (one,) = found(result, "array_fill")
    assert 0 < one.evidence["fill_ratio"] < 0.3
    assert one.weight_ratio == pytest.approx(one.evidence["lost_s"] / result.metrics.models["net"].alone_s, rel=1e-6)
    assert not found(run(model={"placement": {"prefer": ["cpu"]}, "runtime": "tflite"}), "array_fill")


@pytest.mark.parametrize("name", ["phone_camera", "voice_assistant", "driver_assistance", "telemetry_radio", "overloaded", "spiking_keyword", "wearable"])
def test_findings_of_shipped_scenarios_are_sound(name):
    result = simulate(load_scenario(SCENARIOS / f"{name}.yaml"))
    first, second = found(result), found(result)
    assert first == second
    weights = [one.weight_ratio for one in first]
    assert weights == sorted(weights, reverse=True)
    assert all(0.02 <= weight <= 1 for weight in weights)
    assert all(one.what_ifs or one.why_none for one in first if one.rule in ("base_power", "budget_margin", "battery"))
    assert len(findings_data(first)) == len(first)


@pytest.mark.parametrize("trace", ["requests", "summary"])
def test_runs_that_keep_little_have_findings_too(trace):
    found(run(CODE, {"model": "net"}, trace=trace))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_the_section_fits_the_page(width, glyphs):
    result = simulate(load_scenario(SCENARIOS / "phone_camera.yaml", overrides=["duration=2 s"]))
    lines = finding_lines(Page(result, result.metrics, judge(result.metrics, result.scenario, result.device), width, glyphs))
    assert all(line.cell_len <= width for line in lines)
    assert sum("%" in line.plain[:7] for line in lines) == MOST
    assert "edgesim explain" in lines[-1].plain
