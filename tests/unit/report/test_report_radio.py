"""Radios in a report: metrics, timeline, summary, Chrome trace and CSV tables."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from sim.experiment.result import Result
from sim.experiment.simulate import simulate
from sim.report.budgets import judge
from sim.report.chrome_trace import chrome_trace_text
from sim.report.glyphs import ASCII, UNICODE
from sim.report.metrics import Metrics, measure
from sim.report.page import Page
from sim.report.quantities import described
from sim.report.summary import summary
from sim.report.tables_csv import write_tables
from sim.report.window import Window

SCENARIO: dict[str, Any] = {
    "name": "radio_report",
    "device": "stm32h7a3",
    "radios": {"link": "g3_huang2012", "mcu": "ble_nrf52840"},
    "workloads": {
        "w": {
            "arrival": {"kind": "periodic", "rate": "0.1 Hz"},
            "pipeline": [{"unit": "mcu", "work": {"operations": "1 M"}}, {"name": "upload", "radio": "link", "send": "20 kB", "receive": "200 B"}],
        }
    },
    "duration": "60 s",
}


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(SCENARIO)


@pytest.fixture(scope="module")
def metrics(result: Result) -> Metrics:
    return measure(result)


def lines(result: Result, metrics: Metrics, width: int, window: Window | None = None, ascii_only: bool = False) -> list[str]:
    page = Page(result, metrics, judge(metrics, result.scenario, result.device), width, ASCII if ascii_only else UNICODE)
    return [line.plain for line in summary(page, window or Window(0.0, 20.0, "window", 0.0))]


def test_states_add_up_to_the_run(result: Result, metrics: Metrics) -> None:
    radio = metrics.radios["link"]
    assert list(metrics.radios) == ["link", "mcu"]
    assert sum(state.time_s for state in radio.states.values()) == pytest.approx(60.0, rel=1e-12)
    assert sum(state.energy_j for state in radio.states.values()) == pytest.approx(radio.energy_j, rel=1e-12)
    assert radio.energy_j == result.trace.energy_j["radio.link"] == metrics.energy.components_j["radio.link"]
    assert (radio.transfers_count, radio.sent_bytes, radio.received_bytes) == (6, 120e3, 1200.0)
    assert radio.tail_ratio() == radio.states["tail"].energy_j / radio.energy_j > 0.5
    assert metrics.radios["mcu"].tail_ratio() == 0.0 and metrics.radios["mcu"].states["idle"].time_s == 60.0
    data = described(metrics)["radios"]["link"]
    assert data["states"]["tail"]["time"]["unit"] == "s" and data["sent"] == {"value": 120e3, "unit": "B"}


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_timeline_has_a_row_per_radio(result: Result, metrics: Metrics, width: int, ascii_only: bool) -> None:
    shown = lines(result, metrics, width, ascii_only=ascii_only)
    assert max(map(len, shown)) <= width
    rows = [line for line in shown if line.startswith((" link ", " radio.mcu "))]
    assert len([line for line in rows if line.startswith(" radio.mcu")]) >= 1, "a unit has the radio's name"
    timeline = next(line for line in rows if line.startswith(" link "))
    assert timeline.count("tail") >= 1 + (width > 60) and timeline.rstrip().endswith("%")
    assert any("promotion" in line and "send" in line and "tail" in line for line in shown)
    assert any("transfers 6: 20" in line or "transfers 6: 120 kB up" in line for line in shown)


def test_a_run_of_transfers_only_has_a_timeline() -> None:
    only = {**SCENARIO, "workloads": {"w": {"arrival": {"kind": "closed"}, "count": 1, "pipeline": [{"radio": "link", "send": "1 kB"}]}}}
    run = simulate(only)
    shown = lines(run, measure(run), 100)
    assert not any("no spans" in line for line in shown) and any(line.startswith(" link ") for line in shown)


def test_the_chrome_trace_has_a_thread_per_radio(result: Result) -> None:
    events = json.loads("".join(chrome_trace_text(result)))["traceEvents"]
    threads = {event["args"]["name"]: event["tid"] for event in events if event["name"] == "thread_name" and event["pid"] == 1}
    assert list(threads) == ["mcu", "radio.link", "radio.mcu"]
    mine = [event for event in events if event.get("cat") == "radio"]
    assert {event["tid"] for event in mine} == {threads["radio.link"]}
    assert {event["name"] for event in mine} == {"promotion", "send", "receive", "tail"}
    assert all("request" not in event["args"] for event in mine if event["name"] == "tail")
    assert {event["args"]["stage"] for event in mine if event["name"] == "send"} == {"w/upload"}
    spans = sorted((round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)) for event in mine)
    assert all(after[0] >= before[1] for before, after in itertools.pairwise(spans))
    assert any(event["ph"] == "C" and event["name"] == "power radio.link [W]" for event in events)


def test_the_tables_have_the_radios_phases(result: Result, tmp_path: Path) -> None:
    write_tables(result.trace, tmp_path)
    with (tmp_path / "radio_phases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows[:4]] == ["send", "receive", "tail", "tail"] or rows[0]["state"] == "promotion"
    tails = [row for row in rows if row["state"] == "tail"]
    assert {row["radio"] for row in rows} == {"link"} and {row["stage"] for row in tails} == {""}
    joules = sum((float(row["end_s"]) - float(row["start_s"])) * float(row["power_w"]) for row in rows)
    assert joules == pytest.approx(result.trace.energy_j["radio.link"], rel=1e-9), "its idle power is 0"


def test_a_device_without_radios_has_none_of_this(tmp_path: Path) -> None:
    without = {key: value for key, value in SCENARIO.items() if key != "radios"}
    without["workloads"] = {"w": {**SCENARIO["workloads"]["w"], "pipeline": SCENARIO["workloads"]["w"]["pipeline"][:1]}}
    run = simulate(without)
    write_tables(run.trace, tmp_path)
    assert not (tmp_path / "radio_phases.csv").exists() and measure(run).radios == {}
    assert not any(name.startswith("radio.") for name in run.trace.energy_j)
