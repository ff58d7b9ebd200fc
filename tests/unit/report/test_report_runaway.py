"""A run that heat ended: INVALID whatever its budgets, with what was done until then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sim.cli.main import main
from sim.experiment.result import Result
from sim.experiment.simulate import simulate
from sim.report.budgets import is_valid, judge
from sim.report.glyphs import UNICODE
from sim.report.metrics import measure
from sim.report.page import Page
from sim.report.summary import summary

SCENARIO: dict[str, Any] = {
    "name": "runaway",
    "device": {"base": "raspberry_pi_4", "units": {"cpu": {"power": {"leakage": "3 W"}}}, "thermal": {"trips": []}},
    "ambient": "60 degC",
    "duration": "10 min",
    "workloads": {"w": {"arrival": {"kind": "closed"}, "pipeline": [{"work": {"operations": "10 G"}}]}},
}


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(SCENARIO)


def test_it_is_invalid_and_says_why(result: Result) -> None:
    metrics = measure(result)
    verdicts = judge(metrics, result.scenario, result.device)
    assert not is_valid(verdicts) and verdicts[0].name == "thermal_runaway" and not verdicts[0].ok
    assert metrics.heat.runaway is not None and metrics.heat.runaway.time_s == result.trace.end_s < 600.0
    for width in (80, 120):
        shown = [line.plain for line in summary(Page(result, metrics, verdicts, width, UNICODE), None)]
        assert any(line.startswith(" INVALID ") and "no budgets" in line for line in shown)
        assert any(line.startswith(" FAIL runaway of soc") for line in shown) and any("thermal runaway of soc after" in line for line in shown)
        assert max(map(len, shown)) <= width
    assert metrics.workloads["w"].done_count > 0


def test_the_command_line_ends_with_1_and_writes_the_files(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runaway.yaml").write_text(json.dumps(SCENARIO))
    assert main(["run", str(tmp_path / "runaway.yaml"), "--out", str(tmp_path / "out"), "--quiet"]) == 1
    assert "INVALID" in capsys.readouterr().out
    data = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert not data["valid"] and data["metrics"]["heat"]["runaway"]["gain"]["value"] >= 1.0
    assert json.loads((tmp_path / "out" / "trace.json").read_text())["traceEvents"]
