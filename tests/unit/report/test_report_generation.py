"""Metrics and the section on tokens, from traces made by hand and from a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.experiment.simulate import simulate
from sim.report.budgets import judge
from sim.report.chrome_trace import chrome_trace_text
from sim.report.generation_metrics import generation_metrics
from sim.report.glyphs import ASCII
from sim.report.metrics import measure
from sim.report.metrics_json import result_data
from sim.report.page import Page
from sim.report.summary import summary
from sim.report.tables_csv import write_tables
from sim.trace import ServingTotals, Status, Trace

SCENARIO: dict[str, Any] = {
    "name": "talk",
    "device": "snapdragon_8_gen_3_phone",
    "runtime": "llama_cpp",
    "duration": "8 s",
    "models": {"chat": {"source": "smollm2_135m", "precision": "w4a16", "serving": {"max_batch": 2, "context": 512, "prefix_cache": {}}}},
    "workloads": {
        "people": {
            "arrival": {"kind": "closed", "clients": 3},
            "pipeline": [{"name": "answer", "generate": "chat", "prompt": 60, "output": 20, "prefix": {"tokens": 32}}],
        }
    },
    "budgets": {"ttft_p99": "5 s", "inter_token_p99": "1 ms", "tokens_per_s": "1 Hz"},
}


def by_hand() -> Trace:
    """Three answers: one before the warm-up, one of 3 tokens, one of 2 that is not finished."""
    trace = Trace(["cpu"], ["chat"], ["chat/answer"], ["llm"])
    for number, arrival_s in enumerate((0.0, 10.0, 12.0)):
        trace.requests.append(number, 0, arrival_s, arrival_s, arrival_s + 3, float("inf"), Status.DONE)
    trace.generations.append(0, 0, 0.0, 100, 5, 0, 0, 1.0, 2.0, 0, 4, 1)
    trace.generations.append(1, 0, 10.0, 50, 3, 32, 0, 10.5, 11.0, 0, 2, 1)
    trace.generations.append(2, 0, 12.0, 70, 2, 0, 7, 13.5, 14.0, 1, 1, 0)
    for time_s, gap_s, answers in ((1.5, 9.0, 1), (10.7, 0.2, 1), (11.0, 0.3, 1), (14.0, 0.5, 8)):
        trace.token_gaps.append(0, time_s, gap_s, answers)
    trace.servings.append(
        ServingTotals("llm", [0], 1000.0, 400.0, kv_byte_seconds=4000.0, busy_s=10.0, member_seconds=15.0, output_tokens=10, proposed=8, accepted=6)
    )
    trace.end_s = 20.0
    return trace


def test_metrics_by_hand() -> None:
    found = generation_metrics(by_hand(), 5.0, 50.0)
    assert found is not None
    answer, serving = found.answers["chat/answer"], found.servings["llm"]
    assert (answer.answers_count, answer.output_tokens_count, answer.prompt_tokens_count) == (1, 5, 120)
    assert answer.first_token is not None and (answer.first_token.p50_s, answer.first_token.p99_s) == (0.5, 1.5)
    assert answer.between_tokens is not None and (answer.between_tokens.p50_s, answer.between_tokens.max_s) == (0.5, 0.5)
    assert answer.request_token_rate_hz == pytest.approx(2 / 0.5) and answer.token_rate_hz == pytest.approx(5 / 15)
    assert answer.tokens_per_step_count == pytest.approx(3 / 3)
    assert serving.tokens_per_j == pytest.approx(0.2) and serving.batch_count == pytest.approx(1.5)
    assert serving.kv_mean_ratio == pytest.approx(0.2) and serving.acceptance_ratio == pytest.approx(0.75)
    assert serving.prefix_hit_ratio is None


def test_a_run_without_such_stages_has_no_such_metrics() -> None:
    trace = by_hand()
    trace.servings.clear()
    assert generation_metrics(trace, 0.0, 1.0) is None and "generations" not in trace.tables()


@pytest.fixture(scope="module")
def result() -> Any:
    return simulate(SCENARIO)


@pytest.mark.parametrize("width", [80, 120])
def test_the_section(result: Any, width: int) -> None:
    metrics = measure(result)
    page = Page(result, metrics, judge(metrics, result.scenario, result.device), width, ASCII)
    lines = [line.plain for line in summary(page, None)]
    assert max(map(len, lines)) <= width
    section = lines[next(number for number, line in enumerate(lines) if "tokens --" in line) :]
    text = " ".join(" ".join(section).split())
    for part in ("first token p50", "between p50", "in an answer", "tokens/J", "on average", "keys and values peak", "prefix hits", "of prompt tokens reused"):
        assert part in text, part
    assert any("between tokens p99" in line and "FAIL" in line for line in lines) and any("first token p99" in line and "ok" in line for line in lines)


def test_budgets_of_tokens(result: Any) -> None:
    verdicts = {verdict.name: verdict for verdict in judge(measure(result), result.scenario, result.device)}
    assert verdicts["ttft_p99_s"].ok and verdicts["tokens_per_s"].ok and not verdicts["inter_token_p99_s"].ok


def test_a_budget_of_tokens_where_nothing_generates_is_not_held() -> None:
    plain = simulate(
        {
            "name": "plain", "device": "raspberry_pi_4", "duration": "1 s", "models": {"m": {"source": "squeezenet1_1"}},
            "workloads": {"w": {"arrival": {"kind": "periodic", "rate": "2 Hz"}, "pipeline": [{"model": "m"}]}}, "budgets": {"ttft_p99": "1 s"},
        }
    )  # fmt: skip
    verdict = judge(measure(plain), plain.scenario, plain.device)[0]
    assert not verdict.ok and verdict.value is None and "no stage generates" in verdict.detail


def test_tables_and_exports(result: Any, tmp_path: Path) -> None:
    write_tables(result.trace, tmp_path)
    header = (tmp_path / "generations.csv").read_text().splitlines()[0]
    assert header.startswith("request,stage,arrival_s,prompt,output,reused") and (tmp_path / "token_gaps.csv").exists()
    events = json.loads("".join(chrome_trace_text(result)))["traceEvents"]
    steps = [event for event in events if event["ph"] == "X" and event["pid"] == 1]
    assert steps and all("answer" in event["name"] for event in steps)
    assert len(result.kernel_spans()["unit"]) == 0
    metrics = measure(result)
    data = json.dumps(result_data(result, metrics, judge(metrics, result.scenario, result.device)))
    assert '"first_token"' in data and '"tokens_per_j"' in data


def test_a_summary_says_the_same_within_the_error_of_its_sketches(result: Any) -> None:
    ours, theirs = measure(result).generation, measure(simulate({**SCENARIO, "trace": "summary"})).generation
    assert ours is not None and theirs is not None and ours.servings == theirs.servings
    exact, sketched = ours.answers["people/answer"], theirs.answers["people/answer"]
    for name in ("answers_count", "prompt_tokens_count", "output_tokens_count", "token_rate_hz", "tokens_per_step_count"):
        assert getattr(exact, name) == getattr(sketched, name), name
    for name in ("first_token", "between_tokens"):
        for key in ("p50_s", "p99_s", "max_s"):
            assert getattr(getattr(sketched, name), key) == pytest.approx(getattr(getattr(exact, name), key), rel=1.1e-3), (name, key)


def test_the_same_seed_gives_the_same_numbers(result: Any) -> None:
    again = simulate(SCENARIO)
    for name, column in result.trace.generations.columns().items():
        assert np.array_equal(column, again.trace.generations[name], equal_nan=True), name
    assert measure(result) == measure(again)
