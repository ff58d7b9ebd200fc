"""What language models that serve did: time to the first token, time between tokens, tokens per second and per joule, their cache and batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.report.quantile import quantile
from sim.streaming.quantile_sketch import QuantileSketch
from sim.streaming.token_summary import TokenSummary
from sim.trace import ServingTotals, Trace


@dataclass(frozen=True)
class TokenTimes:
    """Quantiles are samples, see :func:`sim.report.quantile.quantile`; of times between tokens each answer's counts once per gap."""

    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True)
class AnswerMetrics:
    """A stage that generates: requests that arrived after the warm-up.

    ``first_token``: from the request's arrival to the first token. ``between_tokens``: from the tokens of one step to those of the next, whichever
    number a step brings. ``token_rate_hz``: of the answers, in the time that was measured; ``request_token_rate_hz``: median over finished answers of tokens
    after the first by the time they took. ``tokens_per_step_count``: of one answer, in each step after its first token.
    """

    answers_count: int
    prompt_tokens_count: int
    output_tokens_count: int
    first_token: TokenTimes | None
    between_tokens: TokenTimes | None
    token_rate_hz: float
    request_token_rate_hz: float | None
    prompt_token_rate_hz: float
    tokens_per_step_count: float | None


@dataclass(frozen=True)
class ServingMetrics:
    """A language model that serves, over the whole run. ``kv``: its cache of keys and values.

    ``tokens_per_j``: tokens of answers by the energy of the whole device. ``batch_count``: requests computed side by side while it works, on average.
    ``acceptance_ratio``: of tokens a draft proposed; ``prefix_hit_ratio``: of requests that share a prefix; ``reused_ratio``: prompt tokens that
    were cached already.
    """

    tokens_per_j: float | None
    batch_count: float | None
    kv_capacity_bytes: float
    kv_peak_bytes: float
    kv_mean_ratio: float
    preemptions_count: int
    recomputed_tokens_count: int
    swapped_bytes: float
    forgotten_tokens_count: int
    refused_count: int
    prefix_hit_ratio: float | None
    reused_ratio: float | None
    acceptance_ratio: float | None


@dataclass(frozen=True)
class GenerationMetrics:
    """Answers by ``workload/stage``, servings by model."""

    answers: dict[str, AnswerMetrics]
    servings: dict[str, ServingMetrics]


def generation_metrics(trace: Trace, warmup_s: float, energy_j: float) -> GenerationMetrics | None:
    """Pure: the same trace gives the same numbers. ``energy_j``: of the device in the whole run. None: nothing generates."""
    if not trace.servings:
        return None
    stages = sorted(stage for serving in trace.servings for stage in serving.stages)
    answers = {trace.stages[stage]: _of_stage(trace, stage, warmup_s) for stage in stages}
    tokens = sum(serving.output_tokens for serving in trace.servings)
    per_j = tokens / energy_j if energy_j > 0 else None
    return GenerationMetrics(answers, {serving.model: _of_serving(serving, trace.end_s, per_j) for serving in trace.servings})


def _of_stage(trace: Trace, stage: int, warmup_s: float) -> AnswerMetrics:
    if trace.summaries:
        return _summarised(trace.token_summaries.get(stage, TokenSummary(warmup_s)), trace.end_s - warmup_s)
    rows = trace.generations.columns()
    mine = (rows["stage"] == stage) & (rows["arrival_s"] >= warmup_s)
    rows = {name: column[mine] for name, column in rows.items()}
    begun, window_s = ~np.isnan(rows["first_s"]), trace.end_s - warmup_s
    wrote = (rows["finished"] > 0) & (rows["output"] > 1)
    pace = (rows["output"][wrote] - 1) / np.maximum(rows["last_s"][wrote] - rows["first_s"][wrote], 1e-12)
    steps = int(rows["steps"].sum())
    return AnswerMetrics(
        answers_count=int((rows["finished"] > 0).sum()),
        prompt_tokens_count=int(rows["prompt"][begun].sum()),
        output_tokens_count=int(rows["output"].sum()),
        first_token=_times((rows["first_s"] - rows["arrival_s"])[begun]),
        between_tokens=_gaps(trace, stage, warmup_s),
        token_rate_hz=float(rows["output"].sum()) / window_s if window_s > 0 else 0.0,
        request_token_rate_hz=quantile(np.sort(pace), 0.5) if len(pace) else None,
        prompt_token_rate_hz=float(rows["prompt"][begun].sum()) / window_s if window_s > 0 else 0.0,
        tokens_per_step_count=float((rows["output"][begun] - 1).sum()) / steps if steps else None,
    )


def _summarised(summary: TokenSummary, window_s: float) -> AnswerMetrics:
    """Quantiles are good to the relative error of their sketch, the rest is exact."""
    return AnswerMetrics(
        answers_count=summary.finished,
        prompt_tokens_count=summary.prompt_tokens,
        output_tokens_count=summary.output_tokens,
        first_token=_sketched(summary.first_token),
        between_tokens=_sketched(summary.gaps),
        token_rate_hz=summary.output_tokens / window_s if window_s > 0 else 0.0,
        request_token_rate_hz=summary.pace.quantile(0.5) if summary.pace.count else None,
        prompt_token_rate_hz=summary.prompt_tokens / window_s if window_s > 0 else 0.0,
        tokens_per_step_count=summary.later_tokens / summary.steps if summary.steps else None,
    )


def _sketched(sketch: QuantileSketch) -> TokenTimes | None:
    return TokenTimes(sketch.quantile(0.5), sketch.quantile(0.99), sketch.max) if sketch.count else None


def _times(samples_s: np.ndarray) -> TokenTimes | None:
    ordered = np.sort(samples_s)
    return TokenTimes(quantile(ordered, 0.5), quantile(ordered, 0.99), float(ordered[-1])) if len(ordered) else None


def _gaps(trace: Trace, stage: int, warmup_s: float) -> TokenTimes | None:
    """Each gap counts for as many answers as had it."""
    rows = trace.token_gaps.columns()
    mine = (rows["stage"] == stage) & (rows["time_s"] >= warmup_s)
    gaps_s, answers = rows["gap_s"][mine], rows["answers"][mine]
    if not len(gaps_s):
        return None
    order = np.argsort(gaps_s, kind="stable")
    reached = np.cumsum(answers[order])

    def at(share: float) -> float:
        return float(gaps_s[order][np.searchsorted(reached, share * reached[-1] * (1.0 - 1e-12))])

    return TokenTimes(at(0.5), at(0.99), float(gaps_s.max()))


def _of_serving(totals: ServingTotals, end_s: float, tokens_per_j: float | None) -> ServingMetrics:
    return ServingMetrics(
        tokens_per_j=tokens_per_j,
        batch_count=totals.member_seconds / totals.busy_s if totals.busy_s > 0 else None,
        kv_capacity_bytes=totals.capacity_bytes,
        kv_peak_bytes=totals.peak_bytes,
        kv_mean_ratio=totals.kv_byte_seconds / (totals.capacity_bytes * end_s) if totals.capacity_bytes * end_s > 0 else 0.0,
        preemptions_count=totals.preemptions,
        recomputed_tokens_count=totals.recomputed_tokens,
        swapped_bytes=totals.swapped_bytes,
        forgotten_tokens_count=totals.forgotten_tokens,
        refused_count=totals.refused,
        prefix_hit_ratio=totals.prefix_hits / totals.prefix_lookups if totals.prefix_lookups else None,
        reused_ratio=totals.reused_tokens / (totals.reused_tokens + totals.prompt_tokens) if totals.prefix_lookups else None,
        acceptance_ratio=totals.accepted / totals.proposed if totals.proposed else None,
    )
