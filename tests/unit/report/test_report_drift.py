"""First minute against last minute, over runs made by hand whose numbers are known."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest

from device_models.spec import DeviceSpec
from sim.report.budgets import judge
from sim.report.console import console, print_lines
from sim.report.drift_metrics import drift_metrics
from sim.report.drift_section import drift_lines
from sim.report.glyphs import ASCII, UNICODE, Glyphs
from sim.report.heat_section import has_charts, heat_lines
from sim.report.metrics import measure
from sim.report.page import Page
from sim.report.quantities import described, flattened
from sim.trace import Status, Trace
from tests.unit.report.conftest import DEVICE

LENGTH_S = 1800.0
SLOW_FROM_S = 900.0


@pytest.fixture
def long_run(run: Any) -> Any:
    """Half an hour: ten answers a second of 50 ms at 4 W, from minute 15 on four a second of 200 ms at 2 W, limited by the case's trip."""
    device = {**DEVICE, "thermal": {**DEVICE["thermal"], "trips": [{"node": "case", "temperature": "43 degC", "domains": ["npu"]}]}}
    return dataclasses.replace(run, device=DeviceSpec.model_validate(device), trace=long_trace())


def long_trace(slow_from_s: float = SLOW_FROM_S, length_s: float = LENGTH_S) -> Trace:
    trace = Trace(["cpu", "npu"], ["camera"], ["camera/detector"], ["detector"])
    trace.counters = ["frequency_hz.npu", "limit_hz.npu", "temperature_c.die", "temperature_c.case", "power_w.npu"]
    times_s = [*np.arange(0.0, min(slow_from_s, length_s), 0.1), *np.arange(slow_from_s, length_s, 0.25)]
    for number, at_s in enumerate(times_s):
        latency_s = 0.05 if at_s < slow_from_s - 1e-6 else 0.2
        trace.requests.append(number, 0, at_s, at_s, at_s + latency_s, float("inf"), Status.DONE)
    for counter, fast, slow in ((0, 1e9, 0.5e9), (1, 1e9, 0.5e9), (4, 4.0, 2.0)):
        trace.counter_rows.append(counter, 0.0, fast)
        if slow_from_s < length_s:
            trace.counter_rows.append(counter, slow_from_s, slow)
    for second in range(0, int(length_s) + 1, 10):
        share = min(second / SLOW_FROM_S, 1.0)
        trace.counter_rows.append(2, float(second), 25.0 + 45.0 * share)
        trace.counter_rows.append(3, float(second), 25.0 + 18.5 * share)
    trace.energy_j = {"npu": 4.0 * min(slow_from_s, length_s) + 2.0 * max(length_s - slow_from_s, 0.0)}
    trace.totals = {"busy_s": {"npu": 1200.0}}
    trace.end_s = length_s
    return trace


def page(run: Any, width: int = 120, glyphs: Glyphs = UNICODE) -> Page:
    metrics = measure(run)
    return Page(run, metrics, judge(metrics, run.scenario, run.device), width, glyphs)


def plain(lines: Any) -> str:
    return "\n".join(line.plain for line in lines)


def test_first_and_last_minute(long_run: Any) -> None:
    drift = measure(long_run).drift
    assert drift is not None
    assert drift.window_s == 60.0
    camera = drift.workloads["camera"]
    assert camera.throughput_first_hz == pytest.approx(10.0, abs=1 / 60)
    assert camera.throughput_last_hz == pytest.approx(4.0, abs=1 / 60)
    assert camera.throughput_kept_ratio == pytest.approx(0.4, abs=0.002)
    assert camera.latency_p50_first_s == pytest.approx(0.05)
    assert camera.latency_p50_last_s == pytest.approx(0.2)
    assert camera.latency_p50_growth_ratio == pytest.approx(4.0)
    assert drift.energy_per_inference_first_j == pytest.approx(0.4, rel=0.002)
    assert drift.energy_per_inference_last_j == pytest.approx(0.5, rel=0.005)


def test_the_first_minute_begins_after_the_warm_up() -> None:
    drift = drift_metrics(long_trace(slow_from_s=30.0), 30.0, throttled=True)
    assert drift is not None
    assert drift.workloads["camera"].throughput_kept_ratio == pytest.approx(1.0, abs=0.01)


def test_a_short_run_drifts_only_where_it_was_throttled() -> None:
    trace = long_trace(slow_from_s=45.0, length_s=90.0)
    assert drift_metrics(trace, 0.0, throttled=False) is None
    drift = drift_metrics(trace, 0.0, throttled=True)
    assert drift is not None
    assert drift.window_s == 45.0
    assert drift.workloads["camera"].throughput_kept_ratio == pytest.approx(0.4, abs=0.01)


def test_a_workload_without_answers_at_one_end_is_left_out() -> None:
    trace = long_trace()
    trace.workloads.append("rare")
    trace.requests.append(99_999, 1, 10.0, 10.0, 11.0, float("inf"), Status.DONE)
    drift = drift_metrics(trace, 0.0, throttled=True)
    assert drift is not None
    assert set(drift.workloads) == {"camera"}


@pytest.mark.parametrize("warmup_s", [0.0, 1.0, 3.3])
@pytest.mark.parametrize("end_s", [180.0, 183.0, 186.5])
def test_a_loop_of_slow_requests_has_one_rate_wherever_the_windows_lie(warmup_s: float, end_s: float) -> None:
    trace = Trace(["npu"], ["chat"], ["chat/write"], ["model"], end_s=end_s)
    for number in range(int(end_s // 7)):
        trace.requests.append(number, 0, 7.0 * number, 7.0 * number, 7.0 * number + 7.0, float("inf"), Status.DONE)
    drift = drift_metrics(trace, warmup_s, throttled=False)
    assert drift is not None
    assert drift.workloads["chat"].throughput_first_hz == pytest.approx(1 / 7)
    assert drift.workloads["chat"].throughput_last_hz == pytest.approx(1 / 7)
    assert drift.energy_per_inference_first_j is None


def test_every_number_has_a_unit(long_run: Any) -> None:
    units = {path: unit for path, _, unit in flattened(described(measure(long_run)))}
    assert units["drift.window"] == "s"
    assert units["drift.energy_per_inference_last"] == "J"
    assert units["drift.workloads.camera.throughput_first"] == "Hz"
    assert units["drift.workloads.camera.latency_p50_last"] == "s"
    assert units["drift.workloads.camera.throughput_kept"] == "1"
    assert units["heat.first_throttle"] == "s"
    assert units["heat.domains.npu.throttled_share"] == "1"


def test_history_is_what_the_charts_draw(long_run: Any) -> None:
    data = described(measure(long_run))["history"]
    assert data["power"]["unit"] == "W"
    assert len(data["edges"]["value"]) == len(data["power"]["value"]) + 1
    assert sum(data["power"]["value"]) * LENGTH_S / 100 == pytest.approx(5400.0)
    assert data["trip_points"] == {"case": {"value": [43.0], "unit": "degC"}}
    assert data["temperatures"]["case"]["value"][-1] == pytest.approx(43.5)
    assert data["frequencies"]["npu"]["value"][-1] == data["limits"]["npu"]["value"][-1] == 0.5e9
    assert data["frequencies"]["npu"]["unit"] == "Hz"


def test_a_short_cool_run_has_no_history(long_run: Any) -> None:
    cold = long_trace(slow_from_s=2 * LENGTH_S, length_s=100.0)
    metrics = measure(dataclasses.replace(long_run, trace=cold))
    assert metrics.history is None
    assert metrics.drift is None


def test_throttling_is_timed(long_run: Any) -> None:
    heat = measure(long_run).heat
    assert heat.first_throttle_s == SLOW_FROM_S
    assert heat.domains["npu"].throttled_s == pytest.approx(900.0)
    assert heat.domains["npu"].throttled_share_ratio == pytest.approx(0.5)


def test_the_charts_show_trip_points_and_throttling(long_run: Any) -> None:
    shown = plain(heat_lines(page(long_run)))
    for part in ("case", "die", "npu", "power", "trip 43 degC", "max 70.0 degC", "end 43.5 degC", "throttled 50 %", "end 500 MHz", "30 min"):
        assert part in shown or part.replace("max", "end") in shown, part
    assert "npu 15 min (50 %), first after 15 min   down to 500 MHz" in shown


def test_the_drift_is_shown(long_run: Any) -> None:
    shown = plain(drift_lines(page(long_run)))
    for part in ("from the first minute to the last", "10/s", "4/s", "% kept", "50 ms", "200 ms", "×4", "400 mJ"):
        assert part in shown, part


def test_a_steady_run_says_so_in_a_line(long_run: Any) -> None:
    steady = dataclasses.replace(long_run, trace=long_trace(slow_from_s=2 * LENGTH_S))
    lines = drift_lines(page(steady))
    assert len(lines) == 1
    assert "within 2 % of the first" in lines[0].plain
    assert "never: case passed its trip point at 43.0 degC, but no clock was lowered" in plain(heat_lines(page(steady)))


def test_a_cool_or_short_run_has_no_charts(run: Any, long_run: Any) -> None:
    cold = long_trace(slow_from_s=2 * LENGTH_S, length_s=100.0)
    assert has_charts(page(long_run))
    assert not has_charts(page(dataclasses.replace(long_run, trace=cold)))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_no_line_is_wider_than_the_page(long_run: Any, width: int, glyphs: Glyphs) -> None:
    shown = page(long_run, width, glyphs)
    lines = [line.plain for line in [*heat_lines(shown), *drift_lines(shown)]]
    assert max(map(len, lines)) <= width
    assert glyphs is UNICODE or all(line.isascii() for line in lines)


def test_piped_output_is_plain(long_run: Any) -> None:
    stream = io.StringIO()
    print_lines(console(stream), heat_lines(page(long_run, 80, ASCII)))
    assert "\x1b" not in stream.getvalue()
