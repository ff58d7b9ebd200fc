"""Verdicts on hand-made logs of latencies: each rule of each scenario alone kept and broken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from sim.scenario.loadgen import LoadGen, Server
from sim.streaming.query_log import QueryLog
from sim.workload.loadgen_rules import LoadGenResult, judged

_READER: TypeAdapter[Any] = TypeAdapter(LoadGen)
MS = 1e-3


def settings_of(**more: Any) -> Any:
    return _READER.validate_python(more, by_alias=True, by_name=False)


def verdict(settings: Any, latencies_s: Sequence[float], *, gap_s: float, unanswered: int = 0, samples: int = 1, keeps_all: bool = True) -> LoadGenResult:
    """One query every ``gap_s``; the last ``unanswered`` of them never answered."""
    log = QueryLog(float(settings.target_latency_s) if isinstance(settings, Server) else math.inf, keeps_all)
    for position, latency_s in enumerate(latencies_s):
        log.issued(position * gap_s, samples)
        log.answered(position * gap_s + latency_s, latency_s)
    for position in range(len(latencies_s), len(latencies_s) + unanswered):
        log.issued(position * gap_s, samples)
        log.given_up()
    return judged(settings, log)


def offline(settings: Any, latencies_s: Sequence[float], unanswered: int = 0) -> LoadGenResult:
    log = QueryLog()
    log.issued(0.0, len(latencies_s) + unanswered)
    for latency_s in latencies_s:
        log.answered(latency_s, latency_s)
    for _ in range(unanswered):
        log.given_up()
    return judged(settings, log)


STREAM: dict[str, Any] = {"scenario": "SingleStream", "min_duration": "10 s"}
MULTI: dict[str, Any] = {"scenario": "MultiStream", "min_duration": "10 s"}
SERVER: dict[str, Any] = {"scenario": "Server", "target_qps": 100, "target_latency": "15 ms", "min_duration": "10 s"}

CASES: list[tuple[str, Mapping[str, Any], Sequence[float], dict[str, Any], set[str]]] = [
    # name, settings, latencies, how they come, the rules that are broken
    ("single stream", STREAM, [10 * MS] * 1001, {"gap_s": 0.01}, set()),
    ("single stream, one query too short", STREAM, [10 * MS] * 1000, {"gap_s": 0.01}, {"min_duration"}),
    ("single stream, 99 queries", STREAM, [1.0] * 99, {"gap_s": 1.0}, {"min_queries"}),
    ("single stream, 64 queries of 64", {**STREAM, "min_query_count": 1}, [1.0] * 64, {"gap_s": 1.0}, set()),
    ("single stream, 63 queries of 64", {**STREAM, "min_query_count": 1}, [1.0] * 63, {"gap_s": 1.0}, {"early_stopping"}),
    ("single stream, an answer is missing", STREAM, [10 * MS] * 1001, {"gap_s": 0.01, "unanswered": 1}, {"answered"}),
    ("single stream has no bound", STREAM, [1e4] * 1001, {"gap_s": 0.01}, set()),
    ("multi stream", MULTI, [20 * MS] * 662, {"gap_s": 0.02, "samples": 8}, set()),
    ("multi stream, 661 queries", MULTI, [20 * MS] * 661, {"gap_s": 0.02, "samples": 8}, {"min_queries", "early_stopping"}),
    ("multi stream, 661 by its own rules", {**MULTI, "min_query_count": 1}, [20 * MS] * 661, {"gap_s": 0.02, "samples": 8}, {"early_stopping"}),
    ("multi stream, too short", MULTI, [10 * MS] * 662, {"gap_s": 0.01, "samples": 8}, {"min_duration"}),
    ("server, all within", SERVER, [15 * MS] * 1001, {"gap_s": 0.01}, set()),
    ("server, a nanosecond over at one in twenty", SERVER, [15 * MS] * 950 + [15 * MS + 1e-9] * 51, {"gap_s": 0.01}, {"performance", "early_stopping"}),
    # 3 of 1001 over: 1001 >= 1001 needed; 4 over need 1157
    ("server, three over", SERVER, [10 * MS] * 998 + [16 * MS] * 3, {"gap_s": 0.01}, set()),
    ("server, four over", SERVER, [10 * MS] * 997 + [16 * MS] * 4, {"gap_s": 0.01}, {"early_stopping"}),
    ("server, too short", SERVER, [10 * MS] * 1000, {"gap_s": 0.01}, {"min_duration"}),
    ("server, too few", {**SERVER, "min_query_count": 2000}, [10 * MS] * 1001, {"gap_s": 0.01}, {"min_queries"}),
    ("server, one never answered", SERVER, [10 * MS] * 1000, {"gap_s": 0.01, "unanswered": 1}, {"answered"}),
    ("server, half never answered", SERVER, [10 * MS] * 500, {"gap_s": 0.01, "unanswered": 501}, {"answered", "performance", "early_stopping"}),
    ("server, another percentile", {**SERVER, "percentile": 90}, [10 * MS] * 920 + [16 * MS] * 81, {"gap_s": 0.01}, {"early_stopping"}),
    ("server, fewer over than a tenth", {**SERVER, "percentile": 90}, [10 * MS] * 925 + [16 * MS] * 76, {"gap_s": 0.01}, set()),
]


@pytest.mark.parametrize("keeps_all", [True, False], ids=["all kept", "sketch"])
@pytest.mark.parametrize(("settings", "latencies_s", "how", "broken"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_rule(settings: Mapping[str, Any], latencies_s: Sequence[float], how: dict[str, Any], broken: set[str], keeps_all: bool) -> None:
    result = verdict(settings_of(**settings), latencies_s, **how, keeps_all=keeps_all)
    assert {name for name, rule in result.rules.items() if not rule.ok} == broken
    assert result.valid is not bool(broken)
    assert all(bool(rule.advice) is not rule.ok for rule in result.rules.values())
    for rule in result.rules.values():
        assert rule.ok is (rule.value >= rule.limit if rule.at_least else rule.value <= rule.limit)


@pytest.mark.parametrize(
    ("more", "latencies_s", "unanswered", "broken"),
    [
        ({}, [0.5 * n / 50 for n in range(1, 1101)], 0, set()),
        ({}, [0.5 * n / 60 for n in range(1, 1101)], 0, {"min_duration"}),
        ({"min_query_count": 1200}, [0.5 * n / 50 for n in range(1, 1101)], 0, {"min_queries"}),
        ({}, [0.5 * n / 50 for n in range(1, 1101)], 3, {"answered"}),
        ({}, [], 5000, {"answered", "min_duration"}),
    ],
)
def test_offline(more: dict[str, Any], latencies_s: list[float], unanswered: int, broken: set[str]) -> None:
    settings = settings_of(**{"scenario": "Offline", "min_duration": "10 s", "min_query_count": 1000, "target_qps": 100, **more})
    result = offline(settings, latencies_s, unanswered)
    assert {name for name, rule in result.rules.items() if not rule.ok} == broken
    if latencies_s:
        assert result.rate_hz == pytest.approx(len(latencies_s) / max(latencies_s))
    assert result.share_ratio is None and result.percentile_s is None and "early_stopping" not in result.rules


def test_figures_of_single_stream() -> None:
    """100 latencies of 1 to 100 ms: LoadGen's 90th is at position 90 from 0; early stopping leaves out what the binomial allows."""
    result = verdict(settings_of(**STREAM, min_query_count=1), [n * MS for n in range(100, 0, -1)], gap_s=1.0)
    assert result.percentile_s == pytest.approx(91 * MS)
    assert result.discarded_count == 3 - 1  # at most 3 of 100 may be slow: P(Bin(100, 0.1) <= 3) = 0.0078
    assert result.estimate_s == pytest.approx(98 * MS)
    assert result.estimate_p99_s is None  # needs 662
    assert result.percentiles_s == pytest.approx({"50.00": 51 * MS, "90.00": 91 * MS, "95.00": 96 * MS, "97.00": 98 * MS, "99.00": 100 * MS, "99.90": 100 * MS})
    assert (result.min_s, result.mean_s, result.max_s) == pytest.approx((1 * MS, 50.5 * MS, 100 * MS))


def test_figures_of_a_server() -> None:
    result = verdict(settings_of(**SERVER), [10 * MS] * 995 + [20 * MS] * 6, gap_s=0.01)
    assert result.over_latency_count == 6 and result.rate_hz == pytest.approx(1000 / 10.0)
    assert result.completed_hz == pytest.approx(1000 / 10.02)
    assert "6 queries" not in result.rules["early_stopping"].advice  # few enough for the percentile: more queries would do
    assert "more queries within target_latency would do" in result.rules["early_stopping"].advice


def test_advice_of_a_server_that_falls_behind_says_what_it_manages() -> None:
    log = QueryLog(15 * MS)
    for position in range(1001):
        log.issued(position * 0.01, 1)
        log.answered(position * 0.02, position * 0.01 + MS)
    result = judged(settings_of(**SERVER), log)
    assert "answers 50 a second and falls behind" in result.rules["performance"].advice


def test_an_empty_log_is_invalid_and_has_no_figures() -> None:
    for raw in (STREAM, MULTI, SERVER, {"scenario": "Offline"}):
        result = judged(settings_of(**raw), QueryLog())
        assert not result.valid and result.rate_hz is None and result.percentile_s is None and result.percentiles_s == {}
