"""Metrics of the hand-made run, computed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.report.metrics import measure
from sim.report.request_metrics import workload_metrics
from sim.report.unit_metrics import bound_seconds, covered_s
from sim.scenario.model import Scenario
from sim.trace import Status, Trace

HandMade = Any


def test_latency_and_fate(run: HandMade) -> None:
    camera = measure(run).workloads["camera"]
    assert camera.latency is not None
    assert camera.latency.p50_s == pytest.approx(0.038)
    assert camera.latency.p90_s == pytest.approx(0.038)
    assert camera.latency.p99_s == camera.latency.max_s == pytest.approx(0.053)
    assert camera.latency.mean_s == pytest.approx(0.9 * 0.038 + 0.1 * 0.053)
    assert (camera.arrived_count, camera.done_count, camera.late_count) == (100, 90, 10)
    assert camera.miss_ratio == pytest.approx(0.1) and camera.drop_ratio == 0
    assert camera.first_miss_s == pytest.approx(0.9) and camera.last_miss_s == pytest.approx(9.9)
    assert camera.throughput_hz == pytest.approx(10.0)


def test_device_numbers(run: HandMade) -> None:
    metrics = measure(run)
    assert metrics.energy.total_j == 20.0 and metrics.inferences_per_j == pytest.approx(105 / 20)
    assert metrics.power.average_w == 2.0 and metrics.power.peak_w == 2.0
    assert metrics.heat.skin_peak_c == 30.0 and metrics.heat.die_peak_c == 40.0
    assert metrics.heat.throttled_s == pytest.approx(4.0)
    assert metrics.heat.domains["npu"].first_s == 6.0 and metrics.heat.domains["npu"].lowest_hz == 0.5e9
    assert metrics.memory.peak_bytes == 100 * 2**20 and metrics.memory.available_bytes == 3 * 2**30
    assert metrics.memory.storage_bytes == 3.6e6


def test_units(run: HandMade) -> None:
    npu, cpu = measure(run).units["npu"], measure(run).units["cpu"]
    assert npu.busy_s == pytest.approx(3.0) and npu.utilisation_ratio == pytest.approx(0.3)
    # each of the three kernels is bound by something else and takes as long as the others
    assert (npu.compute_ratio, npu.memory_ratio, npu.overhead_ratio) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert cpu.busy_s == pytest.approx(100 * 0.008 + 5 * 0.02)
    assert cpu.calibration_error_ratio == pytest.approx(0.1) and npu.calibration_error_ratio is None


def test_warm_up_is_left_out(run: HandMade, scenario_data: dict[str, Any]) -> None:
    scenario = Scenario.model_validate({**scenario_data, "warmup": "5 s"})
    metrics = measure(replace(run, scenario=scenario))
    assert metrics.workloads["camera"].arrived_count == 50
    assert metrics.units["npu"].busy_s == pytest.approx(1.5) and metrics.units["npu"].utilisation_ratio == pytest.approx(0.3)
    assert metrics.power.average_w == pytest.approx((2.0 + 4 * 1.5) / 5)
    assert metrics.energy.total_j == 20.0


def test_bound_seconds_add_up_to_the_spans(run: HandMade) -> None:
    spans = run.trace.spans.columns()
    seconds = bound_seconds(run.trace, spans, run.programs)
    assert np.allclose(seconds.sum(axis=1), spans["end_s"] - spans["start_s"])


def test_covered_time_counts_overlaps_once() -> None:
    assert covered_s(np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 6.0])) == 4.0
    assert covered_s(np.array([3.0]), np.array([2.0])) == 0.0


def test_unanswered_requests() -> None:
    trace = Trace([], ["w"], [], [], end_s=10.0)
    for number, (deadline_s, status) in enumerate([(5.0, Status.UNFINISHED), (50.0, Status.UNFINISHED), (1.0, Status.EXPIRED), (1.0, Status.DROPPED)]):
        trace.requests.append(number, 0, 0.0, float("nan"), float("nan"), deadline_s, status)
    metrics = workload_metrics(trace, 0.0, {})["w"]
    assert metrics.latency is None and metrics.throughput_hz == 0.0 and metrics.mean_wait_s is None
    # the second may still be in time; of the other three the overdue and the expired missed their deadline
    assert metrics.miss_ratio == pytest.approx(2 / 3)
    assert metrics.drop_ratio == pytest.approx(2 / 4)


def test_a_run_without_requests_has_no_ratios() -> None:
    metrics = workload_metrics(Trace([], ["w"], [], [], end_s=1.0), 0.0, {})["w"]
    assert metrics.miss_ratio is None and metrics.drop_ratio is None and metrics.arrived_count == 0


def test_without_spans_the_engines_totals_serve(run: HandMade) -> None:
    run.trace.spans = Trace([], [], [], []).spans
    run.trace.totals["busy_s"] = {"cpu": 1.0, "npu": 3.0}
    run.trace.totals["bound_s"] = {"npu": {"compute": 1.0, "memory": 2.0, "overhead": 0.0}}
    npu = measure(run).units["npu"]
    assert npu.busy_s == 3.0 and npu.bound == "memory" and npu.memory_ratio == pytest.approx(2 / 3)
