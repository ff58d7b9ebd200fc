"""VALID or INVALID: MLPerf LoadGen's rules, applied to the log of a run.

Rules: mlcommons/inference, loadgen/results.cc (``PerformanceSummary``) and early_stopping.cc. One rule is of this simulator alone: queries
that a queue dropped, or that the end of the run cut off, make a run INVALID; LoadGen would wait for them for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.scenario.loadgen import LoadGen, MultiStream, Offline, Server, SingleStream
from sim.streaming.query_log import QueryLog
from sim.workload.early_stopping import most_over, queries_needed

LISTED = (0.5, 0.9, 0.95, 0.97, 0.99, 0.999)


@dataclass(frozen=True)
class TimeRule:
    """A rule on a time. ``advice``: what would mend it; empty where it is kept."""

    title: str
    ok: bool
    value_s: float
    limit_s: float
    at_least: bool  # else at most
    advice: str

    @property
    def value(self) -> float:
        return self.value_s

    @property
    def limit(self) -> float:
        return self.limit_s


@dataclass(frozen=True)
class CountRule:
    """A rule on a number of things. ``advice``: as of :class:`TimeRule`."""

    title: str
    ok: bool
    value_count: int
    limit_count: int
    at_least: bool
    advice: str

    @property
    def value(self) -> float:
        return self.value_count

    @property
    def limit(self) -> float:
        return self.limit_count


Rule = TimeRule | CountRule


@dataclass(frozen=True)
class LoadGenResult:
    """The result of a LoadGen scenario. ``queries_count``: those that went out; latencies of queries, or of samples in Offline.

    ``percentile_s``: LoadGen's percentile, the sample at position ``count * percentile`` in ascending order from 0; infinite where queries
    without an answer reach down to it. ``estimate_s``: of the single and multi stream, the percentile that early stopping proves, which is
    their result; ``estimate_p99_s``: likewise of the 99th in SingleStream. ``discarded_count``: slower queries it leaves out.
    ``over_latency_count``: of Server. ``rate_hz``: scheduled per second (Server), answered per second (all others).
    ``completed_hz``: answered per second.
    """

    scenario: str
    valid: bool
    rules: dict[str, Rule]
    share_ratio: float | None
    percentile_s: float | None
    estimate_s: float | None
    estimate_p99_s: float | None
    discarded_count: int | None
    over_latency_count: int | None
    rate_hz: float | None
    completed_hz: float | None
    queries_count: int
    samples_count: int
    needed_count: int | None  # queries that early stopping asks for
    min_s: float | None
    mean_s: float | None
    max_s: float | None
    percentiles_s: dict[str, float]  # of the latencies, as LoadGen lists them


def judged(settings: LoadGen, log: QueryLog) -> LoadGenResult:
    """Every rule of the scenario, and its figures."""
    total, found = log.count + log.unanswered, log.statistics()
    share = None if isinstance(settings, Offline) else settings.percentile / 100.0
    percentile_s = None if share is None or not total else log.ordered(_rank(total, share))
    over = log.over_limit + log.unanswered if isinstance(settings, Server) else None
    needed = None if share is None else queries_needed(1 if over is None else over, share)
    rules = _rules(settings, log, total, percentile_s, needed)
    discarded = None if share is None or isinstance(settings, Server) else most_over(total, share)
    return LoadGenResult(
        scenario=settings.scenario,
        valid=all(rule.ok for rule in rules.values()),
        rules=rules,
        share_ratio=share,
        percentile_s=percentile_s,
        estimate_s=None if discarded is None else log.ordered(total - discarded + 1),
        estimate_p99_s=_estimate(log, total, 0.99) if isinstance(settings, SingleStream) else None,
        discarded_count=None if discarded is None else discarded - 1,
        over_latency_count=over,
        rate_hz=_rate(log.samples - 1, log.last_issue_s) if isinstance(settings, Server) else _completed(settings, log),
        completed_hz=_completed(settings, log),
        queries_count=log.queries,
        samples_count=log.samples,
        needed_count=needed,
        min_s=found.min if found.count else None,
        mean_s=found.mean if found.count else None,
        max_s=found.max if found.count else None,
        percentiles_s={f"{100 * at:.2f}": log.ordered(_rank(found.count, at)) for at in LISTED if found.count},
    )


def _rank(count: int, share: float) -> int:
    """LoadGen's rank of a percentile, from 1."""
    return min(int(count * share), count - 1) + 1


def _rules(settings: LoadGen, log: QueryLog, total: int, percentile_s: float | None, needed: int | None) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    if isinstance(settings, Server):
        found_s, bound_s = math.inf if percentile_s is None else percentile_s, float(settings.target_latency_s)
        held = found_s <= bound_s
        rules["performance"] = TimeRule("performance constraints", held, found_s, bound_s, False, "" if held else _slower(settings, log))
    lasted_s, least_s = _lasted_s(settings, log), float(settings.min_duration_s)
    held = lasted_s >= least_s
    rules["min_duration"] = TimeRule("min duration", held, lasted_s, least_s, True, "" if held else _longer(settings, log))
    sent, least = (log.samples, "min samples") if isinstance(settings, Offline) else (log.queries, "min queries")
    held = sent >= settings.min_query_count
    rules["min_queries"] = CountRule(least, held, sent, settings.min_query_count, True, "" if held else _CUT_OFF)
    if needed is not None:
        held = total >= needed
        rules["early_stopping"] = CountRule("early stopping", held, total, needed, True, "" if held else _more(settings, log, needed - total, needed))
    held = not log.unanswered
    rules["answered"] = CountRule("unanswered queries", held, log.unanswered, 0, False, "" if held else _UNANSWERED)
    return rules


_CUT_OFF = "the run ended before; raise the scenario's duration"
_UNANSWERED = "queries that a queue drops never count; those still open at the end need a longer duration of the scenario or a lower rate"


def _lasted_s(settings: LoadGen, log: QueryLog) -> float:
    """What is compared with ``min_duration``: when the last query went out, in Offline when the last sample was answered."""
    if isinstance(settings, Offline):
        return log.statistics().max if log.count else 0.0
    return log.last_issue_s


def _slower(settings: Server, log: QueryLog) -> str:
    answered_hz = _completed(settings, log)
    if answered_hz is not None and answered_hz < 0.95 * float(settings.target_qps):
        return f"lower target_qps: the device answers {answered_hz:.4g} a second and falls behind"
    return "lower target_qps, or allow more latency"


def _longer(settings: LoadGen, log: QueryLog) -> str:
    if not isinstance(settings, Offline) or log.unanswered:
        return _CUT_OFF
    answered_hz = _completed(settings, log)
    enough = "" if answered_hz is None else f" to {answered_hz:.3g} or more"
    return f"raise target_qps{enough}: the samples sent were done before min_duration was over"


def _more(settings: LoadGen, log: QueryLog, more: int, needed: int) -> str:
    if isinstance(settings, Server):
        over = log.over_limit + log.unanswered
        if over > (1.0 - settings.percentile / 100.0) * (log.count + log.unanswered):
            return f"{over} queries took longer than target_latency, more than the percentile allows; lower target_qps"
        return f"{more} more queries within target_latency would do: raise min_duration or min_query_count; or lower target_qps"
    return f"{more} more queries would do: raise min_query_count to {needed}, or min_duration"


def _completed(settings: LoadGen, log: QueryLog) -> float | None:
    """Samples answered per second, as LoadGen counts them: in Server without the last, whose interval is open."""
    if isinstance(settings, Server):
        return _rate(log.count - 1, log.last_answer_s)
    per_query = settings.samples_per_query if isinstance(settings, MultiStream) else 1
    return _rate(log.count * per_query, log.last_answer_s)


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 and count > 0 else None


def _estimate(log: QueryLog, total: int, share: float) -> float | None:
    discarded = most_over(total, share)
    return None if discarded is None else log.ordered(total - discarded + 1)
