"""The section of a report on language models that serve: a line on the tokens of each stage, one on what each model did for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.generation_metrics import AnswerMetrics, ServingMetrics
from sim.report.numbers import band, count, percent, rate, seconds, three_digits
from sim.report.page import Page
from sim.report.safe_text import shortened

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14


def generation_lines(page: Page) -> list[Text]:
    """Two or three lines for each stage and model; none where nothing generates."""
    found = page.metrics.generation
    if found is None:
        return []
    lines = [page.heading("tokens")]
    if page.result.trace.summaries:
        lines += page.wrapped("answers", "times of tokens are not kept (trace: summary)", _NAME + 1)
    for name, answer in found.answers.items():
        lines += page.facts(shortened(name, _NAME - 1), _answer_facts(name, answer, page), _NAME + 1)
    for name, serving in found.servings.items():
        lines += page.facts(shortened(name, _NAME - 1), _serving_facts(serving), _NAME + 1)
    return lines


def _answer_facts(name: str, answer: AnswerMetrics, page: Page) -> list[str]:
    def known(value: float, write: Callable[[float], str], *path: str) -> str:
        """The value with what it may be."""
        text = write(value)
        interval = None if page.known is None else page.known.find("generation", "answers", name, *path)
        return text if interval is None else " ".join(filter(None, (text, band(text, interval.low, interval.high, write))))

    facts = []
    for title, part, times in (("first token", "first_token", answer.first_token), ("between", "between_tokens", answer.between_tokens)):
        if times is not None:
            facts.append(f"{title} p50 {known(times.p50_s, seconds, part, 'p50')}, p99 {known(times.p99_s, seconds, part, 'p99')}")
    facts.append(f"{known(answer.token_rate_hz, rate, 'token_rate')} in all")
    if answer.request_token_rate_hz is not None:
        facts.append(f"{known(answer.request_token_rate_hz, rate, 'request_token_rate')} in an answer")
    facts.append(f"prompts {rate(answer.prompt_token_rate_hz)}")
    facts.append(f"{count(answer.output_tokens_count)} tokens in {count(answer.answers_count)} answers")
    return facts


def _serving_facts(serving: ServingMetrics) -> list[str]:
    facts = [] if serving.tokens_per_j is None else [f"{three_digits(serving.tokens_per_j)} tokens/J"]
    if serving.batch_count is not None:
        facts.append(f"batch {three_digits(serving.batch_count)} on average")
    facts.append(
        f"keys and values peak {format_quantity(serving.kv_peak_bytes, 'bytes')} of {format_quantity(serving.kv_capacity_bytes, 'bytes')}, "
        f"mean {percent(serving.kv_mean_ratio)}"
    )
    if serving.acceptance_ratio is not None:
        facts.append(f"{percent(serving.acceptance_ratio)} of the draft's tokens accepted")
    if serving.prefix_hit_ratio is not None:
        facts.append(f"prefix hits {percent(serving.prefix_hit_ratio)}, {percent(serving.reused_ratio or 0.0)} of prompt tokens reused")
    if serving.preemptions_count:
        how = f"{count(serving.recomputed_tokens_count)} tokens computed again" if serving.recomputed_tokens_count else ""
        moved = f"{format_quantity(serving.swapped_bytes, 'bytes')} moved to storage and back" if serving.swapped_bytes else ""
        facts.append(f"{count(serving.preemptions_count)} preemptions" + "".join(f", {part}" for part in (how, moved) if part))
    if serving.forgotten_tokens_count:
        facts.append(f"{count(serving.forgotten_tokens_count)} tokens forgotten")
    if serving.refused_count:
        facts.append(f"{count(serving.refused_count)} refused")
    return facts
