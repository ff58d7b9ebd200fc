"""The result of a LoadGen scenario in the form of LoadGen's own ``mlperf_log_summary.txt``, for whatever reads such files."""

from __future__ import annotations

from sim.scenario.loadgen import LoadGen, MultiStream, Offline, Server
from sim.workload.loadgen_rules import LoadGenResult

_RULE = "=" * 48
_NS = 1e9
# What LoadGen calls its rules in the summary; the last has no line there, because LoadGen waits for every answer.
_LINES = {
    "performance": "  Performance constraints satisfied : ",
    "min_duration": "  Min duration satisfied : ",
    "min_queries": "  Min queries satisfied : ",
    "early_stopping": "  Early stopping satisfied: ",
    "answered": "  All queries answered : ",
}


def loadgen_summary(name: str, settings: LoadGen, result: LoadGenResult) -> str:
    """The text. ``name``: of the system under test, one line; times in nanoseconds, as in the original."""
    lines = [
        _RULE,
        "MLPerf Results Summary",
        _RULE,
        f"SUT name : {name}",
        f"Scenario : {result.scenario}",
        "Mode     : PerformanceOnly",
        *_main(settings, result),
    ]
    lines.append(f"Result is : {'VALID' if result.valid else 'INVALID'}")
    lines += [f"{_LINES[key]}{'Yes' if rule.ok else 'NO'}" for key, rule in result.rules.items()]
    if isinstance(settings, Offline):  # has no percentile to prove, and says so in this way
        lines.append(f"{_LINES['early_stopping']}Yes")
    if not result.valid:
        lines += ["Recommendations:", *(f" * {rule.title}: {rule.advice}" for rule in result.rules.values() if rule.advice)]
    if not isinstance(settings, Offline):
        lines += ["Early Stopping Result:", *_early_stopping(settings, result)]
    lines += ["", _RULE, "Additional Stats", _RULE, *_statistics(settings, result), "", _RULE, "Test Parameters Used", _RULE, *_parameters(settings, result)]
    return "\n".join(lines) + "\n"


def _main(settings: LoadGen, result: LoadGenResult) -> list[str]:
    if isinstance(settings, Server):
        return [f"Scheduled samples per second : {_number(result.rate_hz)}"]
    if isinstance(settings, Offline):
        return [f"Samples per second: {_number(result.rate_hz)}"]
    return [f"{settings.percentile:g}th percentile latency (ns) : {_ns(result.percentile_s)}"]


def _early_stopping(settings: LoadGen, result: LoadGenResult) -> list[str]:
    rule = result.rules["early_stopping"]
    if isinstance(settings, Server):
        return [f" * {result.over_latency_count} of {result.queries_count} queries over latency; queries needed: {result.needed_count}"]
    if not rule.ok or isinstance(settings, Offline):
        return [f" * {rule.value:.0f} queries; needed: {rule.limit:.0f}"]
    lines = [f" * {rule.value:.0f} queries; needed: {rule.limit:.0f}; slowest left out: {result.discarded_count}"]
    lines.append(f" * Early stopping {settings.percentile:g}th percentile estimate: {_ns(result.estimate_s)}")
    if result.estimate_p99_s is not None:
        lines.append(f" * Early stopping 99th percentile estimate: {_ns(result.estimate_p99_s)}")
    return lines


def _statistics(settings: LoadGen, result: LoadGenResult) -> list[str]:
    lines = []
    if result.completed_hz is not None and not isinstance(settings, Offline):
        lines += [f"Completed samples per second    : {_number(result.completed_hz)}", ""]
    if isinstance(settings, MultiStream):
        lines.append("Per-query latency:")
    lines += [f"{label} latency (ns)".ljust(32) + f": {_ns(value)}" for label, value in (("Min", result.min_s), ("Max", result.max_s), ("Mean", result.mean_s))]
    return lines + [f"{label} percentile latency (ns)".ljust(32) + f": {_ns(value)}" for label, value in result.percentiles_s.items()]


def _parameters(settings: LoadGen, result: LoadGenResult) -> list[str]:
    lines = [f"samples_per_query : {result.samples_count // max(result.queries_count, 1)}"]
    if isinstance(settings, Server | Offline):
        lines.append(f"target_qps : {float(settings.target_qps):g}")
    if isinstance(settings, Server):
        lines.append(f"target_latency (ns): {_ns(float(settings.target_latency_s))}")
    return [*lines, f"min_duration (ms): {float(settings.min_duration_s) * 1e3:.0f}", f"min_query_count : {settings.min_query_count}"]


def _ns(seconds: float | None) -> str:
    """Whole nanoseconds; a dash where there is no such latency."""
    return "-" if seconds is None or seconds == float("inf") else f"{seconds * _NS:.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
