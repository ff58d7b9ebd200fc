"""Budgets of language models: time to the first token, time between tokens, tokens per second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.report.generation_metrics import AnswerMetrics, GenerationMetrics, TokenTimes


@dataclass(frozen=True)
class GenerationRule:
    """A budget of stages that generate: its field, its title, its dimension, and what it judges."""

    field: str
    title: str
    dimension: str
    value: Callable[[AnswerMetrics], float | None]
    path: tuple[str, ...]  # within the metrics of a stage
    at_least: bool = False


GENERATION_RULES = (
    GenerationRule("ttft_p99_s", "first token p99", "time", lambda answer: _p99_s(answer.first_token), ("first_token", "p99")),
    GenerationRule("inter_token_p99_s", "between tokens p99", "time", lambda answer: _p99_s(answer.between_tokens), ("between_tokens", "p99")),
    GenerationRule("tokens_per_s", "tokens in an answer", "rate", lambda answer: answer.request_token_rate_hz, ("request_token_rate",), at_least=True),
)


def _p99_s(times: TokenTimes | None) -> float | None:
    return None if times is None else times.p99_s


@dataclass(frozen=True)
class WorstAnswer:
    """The stage that is worst off: its value (None: unknown, and ``why``), where that stands in the metrics, and where those of all stages do."""

    value: float | None
    why: str
    path: tuple[str, ...] = ()
    every: tuple[tuple[str, ...], ...] = ()


def worst_answer(rule: GenerationRule, generation: GenerationMetrics | None, workloads: list[str]) -> WorstAnswer:
    """Of the stages of the named workloads."""
    values = {name: rule.value(answer) for name, answer in generation.answers.items() if name.partition("/")[0] in workloads} if generation else {}
    if not values:
        return WorstAnswer(None, "no stage generates")
    known = {name: value for name, value in values.items() if value is not None}
    if len(known) < len(values):
        return WorstAnswer(None, "no answer was long enough to tell" if rule.field != "ttft_p99_s" else "no prompt was read")
    paths = {name: ("generation", "answers", name, *rule.path) for name in known}
    worst = (min if rule.at_least else max)(known, key=lambda name: known[name])
    return WorstAnswer(known[worst], "", paths[worst], tuple(paths.values()))
