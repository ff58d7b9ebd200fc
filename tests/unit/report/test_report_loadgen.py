"""LoadGen's verdict in the report, in the result file, and as a summary that the reader of real ones understands."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sim.experiment.result import Result
from sim.experiment.simulate import simulate
from sim.measurements import loadgen_summary as reader
from sim.measurements.source import text_source
from sim.report.budgets import is_valid, judge
from sim.report.glyphs import UNICODE
from sim.report.loadgen_section import loadgen_lines
from sim.report.loadgen_summary import loadgen_summary
from sim.report.metrics import measure
from sim.report.metrics_json import result_data, result_text
from sim.report.page import Page
from sim.report.quantile import quantile
from sim.report.summary import summary
from sim.report.window import interesting_window

KINDS: dict[str, dict[str, Any]] = {
    "SingleStream": {"min_duration": "1 s"},
    "MultiStream": {"min_duration": "1 s", "min_query_count": 10, "samples_per_query": 4},
    "Server": {"target_qps": 60, "target_latency": "50 ms", "min_duration": "10 s"},
    "Offline": {"target_qps": 200, "min_duration": "2 s", "min_query_count": 50},
}


def run(kind: str, *, trace: str = "full", **more: Any) -> Result:
    stage = {"name": "work", "unit": "cpu", "work": {"operations": "20 M", "bytes": "100 kB"}}
    workloads = {"w": {"loadgen": {"scenario": kind, **KINDS[kind], **more}, "pipeline": [stage]}}
    return simulate({"name": "queries", "device": "raspberry_pi_4", "workloads": workloads, "duration": "20 s", "trace": trace})


def page_of(result: Result, width: int = 100) -> Page:
    metrics = measure(result)
    return Page(result, metrics, judge(metrics, result.scenario, result.device), width, UNICODE)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_section_fits_the_page_and_names_every_rule(kind: str, width: int) -> None:
    page = page_of(run(kind), width)
    lines = [line.plain for line in loadgen_lines(page)]
    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    assert kind in text and "result is " in text and "min duration satisfied: " in text and "all queries answered: yes" in text
    assert ("early stopping satisfied" in text) is (kind != "Offline")


def test_there_is_no_section_without_a_load_generator() -> None:
    stage = {"name": "work", "unit": "cpu", "work": {"operations": "20 M"}}
    workloads = {"w": {"arrival": {"kind": "periodic", "rate": "10 Hz"}, "pipeline": [stage]}}
    page = page_of(simulate({"name": "x", "device": "raspberry_pi_4", "workloads": workloads, "duration": "1 s"}))
    assert loadgen_lines(page) == [] and page.metrics.loadgen == {}


def test_rules_are_verdicts_and_decide() -> None:
    good, bad = page_of(run("Server")), page_of(run("Server", target_latency="6 ms"))
    assert is_valid(good.verdicts) and [verdict.name for verdict in good.verdicts] == [f"loadgen_{rule}" for rule in good.metrics.loadgen["w"].rules]
    failed = {verdict.name: verdict for verdict in bad.verdicts if not verdict.ok}
    assert set(failed) == {"loadgen_performance", "loadgen_early_stopping"} and not is_valid(bad.verdicts)
    assert failed["loadgen_performance"].limit_text == "6 ms" and "lower target_qps" in failed["loadgen_performance"].detail


@pytest.mark.parametrize("trace", ["full", "requests", "summary"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_whole_report_and_the_result_file(kind: str, trace: str) -> None:
    result = run(kind, trace=trace)
    page = page_of(result)
    assert all(line.cell_len <= 100 for line in summary(page, interesting_window(result.trace, page.metrics)))
    data = json.loads(result_text(result_data(result, page.metrics, page.verdicts)))
    found = data["metrics"]["loadgen"]["w"]
    assert found["scenario"] == kind and found["valid"] is data["valid"]
    assert found["rate"]["unit"] == "Hz" and found["rules"]["min_duration"]["limit"]["unit"] == "s"


def test_a_query_that_is_never_answered_is_null_in_json() -> None:
    page = page_of(run("Server", target_qps=2000))
    data = json.loads(result_text(result_data(page.result, page.metrics, page.verdicts)))
    assert data["metrics"]["loadgen"]["w"]["percentile"]["value"] is None and not data["valid"]
    assert any("unknown" in line.plain for line in summary(page, None))
    assert "no answer" in " ".join(line.plain for line in loadgen_lines(page))


@pytest.mark.parametrize("trace", ["full", "summary"])
def test_the_reader_of_real_summaries_reads_ours(trace: str) -> None:
    result = run("SingleStream", trace=trace)
    found, settings = measure(result).loadgen["w"], result.scenario.workloads["w"].loadgen
    assert settings is not None
    text = loadgen_summary("board", settings, found)
    source = text_source("mlperf_log_summary.txt", text)
    assert reader.recognises(source)
    readings = reader.read(source)
    assert not readings.problems and not readings.warnings
    assert readings.measurements[0].model == "board"
    assert readings.measurements[0].seconds == pytest.approx(found.percentiles_s["50.00"], abs=1e-9)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_summary_has_the_lines_of_a_real_one(kind: str) -> None:
    result = run(kind)
    found, settings = measure(result).loadgen["w"], result.scenario.workloads["w"].loadgen
    assert settings is not None
    lines = loadgen_summary("board", settings, found).splitlines()
    assert f"Scenario : {kind}" in lines and f"Result is : {'VALID' if found.valid else 'INVALID'}" in lines
    assert "  Min duration satisfied : Yes" in lines and ("  Performance constraints satisfied : Yes" in lines) is (kind == "Server")
    assert (f"Samples per second: {found.rate_hz:.2f}" in lines) is (kind == "Offline")


def test_more_percentiles_of_latency() -> None:
    result = run("Server")
    latency = measure(result).workloads["w"].latency
    assert latency is not None
    requests = result.trace.requests
    ordered = np.sort(requests["end_s"] - requests["arrival_s"])
    assert (latency.p95_s, latency.p999_s) == (quantile(ordered, 0.95), quantile(ordered, 0.999))


def test_budgets_of_the_new_percentiles() -> None:
    stage = {"name": "work", "unit": "cpu", "work": {"operations": "20 M"}}
    workloads = {"w": {"arrival": {"kind": "poisson", "rate": "80 Hz"}, "pipeline": [stage]}}
    budgets = {"latency_p95": "1 s", "latency_p999": "1 us", "per": {"w": {"latency_p95": "1 us"}}}
    page = page_of(simulate({"name": "x", "device": "raspberry_pi_4", "workloads": workloads, "duration": "4 s", "budgets": budgets}))
    assert [(verdict.name, verdict.ok) for verdict in page.verdicts] == [("latency_p95_s", True), ("latency_p999_s", False), ("latency_p95_s", False)]
