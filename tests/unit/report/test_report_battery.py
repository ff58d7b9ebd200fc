"""The battery in metrics, verdict and on screen, over the hand-made run."""

from __future__ import annotations

from typing import Any

import pytest

from sim.report.battery_section import battery_facts, ended_lines
from sim.report.budgets import judge
from sim.report.glyphs import UNICODE
from sim.report.metrics import measure
from sim.report.page import Page
from sim.report.quantities import described

TOTALS: dict[str, Any] = {
    "initial": 0.8,
    "final": 0.25,
    "lowest_v": 3.31,
    "open_circuit_v": 3.7,
    "out_c": 1980.0,
    "in_c": 0.0,
    "life_s": 11520.0,
    "left_s": 3600.0,
    "ended": "",
}


def page(run: Any, **battery: Any) -> Page:
    run.trace.totals["battery"] = TOTALS | battery
    run.scenario = run.scenario.model_validate({**run.scenario.model_dump(by_alias=True), "budgets": {"battery_life": "3 h"}})
    metrics = measure(run)
    return Page(run, metrics, judge(metrics, run.scenario, run.device), 100, UNICODE)


def test_a_run_that_goes_on_says_how_long_it_could(run: Any) -> None:
    shown = page(run)
    assert ended_lines(shown) == []
    assert shown.metrics.battery is not None and shown.metrics.power.battery_life_s == 11520.0
    facts = battery_facts(shown.metrics.battery, 10.0)
    assert facts == ["80 % to 25 %", "lowest 3.31 V", "out 550 mAh", "lasts 3 h 12 min (extrapolated from 10 s)"]
    assert shown.verdicts[0].ok and shown.verdicts[0].value == 11520.0


@pytest.mark.parametrize(
    ("ended", "what"), [("empty", "battery empty after 10 s"), ("cut-off", "battery below its cut-off voltage (25 % charge left) after 10 s")]
)
def test_a_run_that_the_battery_ended_says_so(run: Any, ended: str, what: str) -> None:
    shown = page(run, ended=ended, life_s=10.0, left_s=0.0)
    assert what in ended_lines(shown)[0].plain
    assert not shown.verdicts[0].ok
    assert battery_facts(shown.metrics.battery, 10.0) == ["80 % to 25 %", "lowest 3.31 V", "out 550 mAh"]  # type: ignore[arg-type]


def test_charging_and_for_ever(run: Any) -> None:
    facts = battery_facts(page(run, in_c=36.0).metrics.battery, 10.0)  # type: ignore[arg-type]
    assert "in 10 mAh" in facts and "without charging" in facts[-1]
    for_ever = page(run, life_s=float("inf"), left_s=float("inf"))
    assert for_ever.metrics.battery is not None and for_ever.metrics.battery.life_s is None
    assert battery_facts(for_ever.metrics.battery, 10.0)[-1] == "nothing drains it"


def test_every_number_has_its_unit(run: Any) -> None:
    data = described(page(run).metrics.battery)
    assert data["lowest"] == {"value": 3.31, "unit": "V"} and data["out"] == {"value": 0.55, "unit": "Ah"}
    assert data["end"] == {"value": 0.25, "unit": "1"} and data["ended"] == ""
