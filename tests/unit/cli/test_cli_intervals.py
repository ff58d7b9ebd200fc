"""How sure predictions are, as ``run``, ``profile`` and ``compare`` say it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.cli.run import HOW_SURE
from sim.report.numbers import band, seconds
from sim.report.uncertainty import LIKELIHOODS

BRACKETS = re.compile(r"\(\d[\d.]*[^()]*-[^()]*\)")


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        ("31 ms", 0.0261, 0.0384, "(26-38)"),
        ("900 us", 0.00081, 0.00132, "(810 us-1.3 ms)"),
        ("1.2 s", 0.81, 0.97, "(810-970 ms)"),
        ("31 ms", 0.03101, 0.03104, ""),
        ("996 d", 7.2e7, 1.2e8, "(830-1400)"),
        ("2 min", 0.0, 180.0, "(0 s-3 min)"),
    ],
)
def test_bands_are_short(value: str, low: float, high: float, text: str) -> None:
    assert band(value, low, high, seconds) == text


def test_the_help_states_the_words_and_their_chances() -> None:
    for least, word in LIKELIHOODS:
        stated = f'"{word}" from {100 * least:.0f} %' if least else f'else "{word}"'
        assert stated in " ".join(HOW_SURE.replace(" on,", ",").split())


@pytest.mark.parametrize("columns", [80, 120])
def test_a_verdict_says_how_sure_it_is(edgesim: Callable[..., Any], scenario: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = edgesim("run", scenario)
    assert done.code == 0 and max(map(len, done.out.splitlines())) <= columns
    judged = " ".join(line for line in done.out.splitlines() if line.startswith(" ok "))
    assert len(BRACKETS.findall(judged)) == judged.count(": very likely") == 2
    assert "80 % band" in done.out and "80 % of measured times" in done.out


def test_without_intervals_nothing_is_claimed(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    done = edgesim("run", scenario, "--no-interval", "--json", tmp_path / "r.json")
    assert done.code == 0 and "likely" not in done.out and "band" not in done.out
    data = json.loads((tmp_path / "r.json").read_text())
    assert "uncertainty" not in data and "probability" not in data["budgets"][0]


def test_a_budget_within_the_interval_is_neither_sure_to_hold_nor_to_fail(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    edgesim("run", scenario, "--json", tmp_path / "r.json")
    budget = json.loads((tmp_path / "r.json").read_text())["budgets"][0]["value"]
    assert budget["low"] < budget["value"] < budget["high"]
    codes = []
    for limit_s in (0.98 * budget["value"], 1.02 * budget["value"]):
        done = edgesim("run", scenario, "--set", f"budgets.latency_p99='{limit_s * 1e3} ms'", "--json", tmp_path / "s.json")
        codes.append(done.code)
        found = json.loads((tmp_path / "s.json").read_text())["budgets"][0]
        assert 0.05 < found["probability"]["value"] < 0.95 and found["likelihood"] in ("unlikely", "toss-up", "likely")
    assert codes == [1, 0]  # by the predicted value


def test_metrics_with_an_interval_state_it(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    edgesim("run", scenario, "--json", tmp_path / "r.json")
    data = json.loads((tmp_path / "r.json").read_text())
    metrics, sure = data["metrics"], data["uncertainty"]
    for found in (metrics["workloads"]["microphone"]["latency"]["p99"], metrics["power"]["average"], metrics["energy"]["total"]):
        assert 0 < found["low"] <= found["value"] <= found["high"]
    assert sure["level"]["value"] == 0.8 and sure["regime"] in ("fitted", "k-shot", "zero-shot") and set(sure["units"]) == {"cpu"}


def test_a_profile_carries_its_regime(edgesim: Callable[..., Any]) -> None:
    done = edgesim("profile", "ds_cnn", "--device", "raspberry_pi_4", "--runtime", "tflite", "--precision", "int8", "--top", 1)
    assert BRACKETS.search(done.out.splitlines()[1]) and "80 % intervals" in done.out
    data = json.loads(edgesim("profile", "ds_cnn", "--device", "raspberry_pi_4", "--runtime", "tflite", "--json").out)
    span = data["profile"]["makespan"]
    assert span["low"] < span["value"] < span["high"] and data["uncertainty"]["regime"] in ("fitted", "k-shot", "zero-shot")


def test_a_comparison_shows_intervals_where_there_is_room(edgesim: Callable[..., Any], scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("compare", scenario, "--each", "device=raspberry_pi_4,raspberry_pi_5")
    assert BRACKETS.search(edgesim(*arguments).out)
    rows = {row["metric"]: row for row in json.loads(edgesim(*arguments, "--json").out)}
    row = rows["workloads.microphone.latency.p99"]
    assert row["intervals"]["a"][0] < row["a"] < row["intervals"]["a"][1] and set(row["intervals"]) == {"a", "b"}
    monkeypatch.setenv("COLUMNS", "80")
    assert not BRACKETS.search(edgesim(*arguments).out)
