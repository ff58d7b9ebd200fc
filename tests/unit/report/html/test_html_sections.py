"""What the page is given adds up to what the run recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.experiment.simulate import simulate
from sim.report.budgets import judge
from sim.report.glyphs import UNICODE
from sim.report.html.charts_section import charts_section
from sim.report.html.energy_section import energy_section
from sim.report.html.latency_section import latency_section
from sim.report.html.models_section import models_section
from sim.report.html.timeline_section import BINS, timeline_section
from sim.report.metrics import measure
from sim.report.page import Page

SCENARIO = Path(__file__).resolve().parents[4] / "scenarios" / "camera_and_keyword.yaml"


@pytest.fixture(scope="module")
def page() -> Page:
    result = simulate(SCENARIO)
    metrics = measure(result)
    return Page(result, metrics, judge(metrics, result.scenario, result.device), 100, UNICODE)


def test_lanes_hold_what_their_units_were_busy(page: Page) -> None:
    section = timeline_section(page)
    columns, trace = section.columns, page.result.trace
    spans = trace.spans.columns()
    for number, lane in enumerate(section.data["lanes"]):
        mine = columns["span_lane"] == number
        start, end = columns["span_start"][mine], columns["span_end"][mine]
        assert (start[1:] >= end[:-1]).all(), "spans of a lane overlap"
        if lane["kind"] == "unit":
            unit = spans["unit"] == trace.units.index(lane["unit"])
            assert (end - start).sum() * 1e-9 == pytest.approx((spans["end_s"] - spans["start_s"])[unit].sum(), rel=1e-6)


def test_a_long_run_keeps_a_stretch_and_how_busy_the_rest_was(page: Page) -> None:
    section = timeline_section(page, most=50)
    whole = timeline_section(page)
    assert section.data["spans"] == len(whole.columns["span_start"]) > 50 >= section.data["spans_kept"] > 25
    assert len(section.columns["span_start"]) == section.data["spans_kept"]
    shares = section.columns["span_occupancy"].reshape(-1, BINS).mean(axis=1) / 255
    for number in range(len(section.data["lanes"])):
        mine = whole.columns["span_lane"] == number
        busy_s = (whole.columns["span_end"] - whole.columns["span_start"])[mine].sum() * 1e-9
        assert shares[number] == pytest.approx(busy_s / page.result.trace.end_s, abs=0.003)


def test_requests_are_all_there(page: Page) -> None:
    columns, requests = timeline_section(page).columns, page.result.trace.requests.columns()
    assert sorted(columns["request_number"].tolist()) == sorted(requests["request"].tolist())
    order = np.argsort(columns["request_number"])
    assert columns["request_arrival"][order] * 1e-9 == pytest.approx(requests["arrival_s"][np.argsort(requests["request"])], abs=1e-9)


def _area(section: object, chart: str) -> float:
    found = next(one for one in section.data if one["id"] == chart)  # type: ignore[attr-defined]
    total = 0.0
    for series in found["series"]:
        if not series["dashed"]:
            times, values = (section.columns[f"{series['column']}_{end}"] for end in "tv")  # type: ignore[attr-defined]
            total += float((values[:-1] * np.diff(times)).sum())
    return total


def test_charts_integrate_to_energy_and_traffic(page: Page) -> None:
    section, trace = charts_section(page), page.result.trace
    assert _area(section, "power") == pytest.approx(sum(trace.energy_j.values()), rel=1e-6)
    assert _area(section, "bandwidth") == pytest.approx(trace.totals["memory_traffic_bytes"], rel=0.01)
    waited_s = sum((trace.requests["end_s"] - trace.requests["arrival_s"]).tolist())
    assert _area(section, "flight") == pytest.approx(waited_s, rel=1e-9)


def test_energy_adds_up_on_both_sides(page: Page) -> None:
    energy = energy_section(page).data
    assert sum(energy["components"].values()) == pytest.approx(energy["total_j"])
    assert sum(energy["workloads"].values()) + energy["standing_j"] == pytest.approx(energy["total_j"])
    assert min(energy["workloads"].values()) > 0 and energy["standing_j"] > 0


def test_latencies_are_those_of_the_metrics(page: Page) -> None:
    section = latency_section(page)
    for one in section.data:
        latency = page.metrics.workloads[one["workload"]].latency
        assert latency is not None
        values = section.columns[one["column"]]
        assert (np.diff(values) >= 0).all() and values[-1] == latency.max_s
        assert section.columns[f"{one['column']}_counts"].sum() == one["count"] == page.metrics.workloads[one["workload"]].done_count


def test_operators_stay_below_their_roof(page: Page) -> None:
    data = models_section(page).data
    peaks = {unit["name"]: max(unit["peaks_macs_per_s"].values()) for unit in data["units"]}
    rows = [row for model in data["models"] if not model["is_code"] for row in model["operators"] if row["macs"] > 0]
    assert rows and all(row["macs"] / row["time_s"] <= 1.001 * peaks[row["unit"]] for row in rows)


def test_buffers_lie_in_the_arena_and_never_on_each_other(page: Page) -> None:
    plans = [model["plan"] for model in models_section(page).data["models"] if model["plan"]["buffers"]]
    assert plans
    for plan in plans:
        for number, (_, size, first, last, offset) in enumerate(plan["buffers"]):
            assert offset >= 0 and offset + size <= plan["arena_bytes"]
            for _, other_size, other_first, other_last, other_offset in plan["buffers"][:number]:
                alive = first <= other_last and other_first <= last
                assert not (alive and offset < other_offset + other_size and other_offset < offset + size)
