"""The order of several runs at their beginning and at their end."""

from __future__ import annotations

from typing import Any

from sim.report.ranking import order, ranking_texts


def result(first_s: float, last_s: float) -> dict[str, Any]:
    drift = {"latency_p50_first": {"value": first_s, "unit": "s"}, "latency_p50_last": {"value": last_s, "unit": "s"}}
    return {"metrics": {"drift": {"workloads": {"camera": drift}}}}


def test_the_order_may_change() -> None:
    lines = ranking_texts({"A": result(0.196, 0.4), "B": result(0.3, 0.3), "C": result(0.35, 0.36)})
    assert lines[0] == "camera, fastest first, by median latency:"
    assert lines[1].split() == ["first", "minute", "A", "196", "ms", "B", "300", "ms", "C", "350", "ms"]
    assert lines[2].split()[:8] == ["last", "minute", "B", "300", "ms", "C", "360", "ms"]
    assert lines[2].endswith("(another order)")
    assert lines[3] == ""


def test_or_stay() -> None:
    assert ranking_texts({"A": result(0.1, 0.2), "B": result(0.3, 0.3)})[2].endswith("(the same order)")


def test_runs_without_drift_are_not_ranked() -> None:
    assert ranking_texts({"A": result(0.1, 0.2), "B": {"metrics": {"drift": None}}}) == []
    assert ranking_texts({"A": {"metrics": {}}, "B": {"metrics": {}}}) == []


def test_equals_keep_the_order_they_were_named_in() -> None:
    assert order({"A": 0.2, "B": 0.1, "C": 0.2}) == ["B", "A", "C"]
