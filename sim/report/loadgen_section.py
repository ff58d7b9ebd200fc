"""The section of a report on load generators: what LoadGen would print in its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.numbers import percent, rate
from sim.report.page import Page
from sim.report.safe_text import shortened
from sim.scenario.loadgen import LoadGen, MultiStream, Server
from sim.workload.loadgen_rules import LoadGenResult

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14


def loadgen_lines(page: Page) -> list[Text]:
    """A paragraph for each workload that a load generator drives; nothing without one."""
    from rich.text import Text

    found = page.metrics.loadgen
    if not found:
        return []
    lines = [page.heading("MLPerf LoadGen")]
    for workload, result in found.items():
        settings = page.result.scenario.workloads[workload].loadgen
        assert settings is not None
        facts = [_scenario_text(settings), *_result_texts(settings, result)]
        lines += page.facts(shortened(workload, _NAME - 1), facts, _NAME + 1)
        word = ("VALID", "green") if result.valid else ("INVALID", "red")
        rules = [Text(f"{_question(name, rule.title)}: {'yes' if rule.ok else 'NO'}", style="" if rule.ok else "red") for name, rule in result.rules.items()]
        lines += page.flow([Text.assemble("result is ", word), *rules], indent=_NAME + 1)
    return lines


def _question(name: str, title: str) -> str:
    """What a rule asks, to be answered with yes or no."""
    return "all queries answered" if name == "answered" else f"{title} satisfied"


def _scenario_text(settings: LoadGen) -> str:
    if isinstance(settings, Server):
        return f"Server at {float(settings.target_qps):g} queries/s, p{settings.percentile:g} within {_time(float(settings.target_latency_s))}"
    if isinstance(settings, MultiStream):
        return f"MultiStream of {settings.samples_per_query} samples"
    return settings.scenario


def _result_texts(settings: LoadGen, result: LoadGenResult) -> list[str]:
    texts = [f"{result.queries_count} quer{'y' if result.queries_count == 1 else 'ies'}"]
    if result.samples_count != result.queries_count:
        texts.append(f"{result.samples_count} samples")
    if result.percentile_s is not None and result.share_ratio is not None:
        texts.append(f"p{100 * result.share_ratio:g} {_time(result.percentile_s)}")
    if result.estimate_s is not None and result.share_ratio is not None:
        texts.append(f"early stopping p{100 * result.share_ratio:g} {_time(result.estimate_s)} ({result.discarded_count} slowest left out)")
    if result.estimate_p99_s is not None:
        texts.append(f"p99 {_time(result.estimate_p99_s)}")
    if result.over_latency_count is not None:
        texts.append(f"{result.over_latency_count} over latency ({percent(result.over_latency_count / max(result.samples_count, 1), 2)})")
    if isinstance(settings, Server) and result.rate_hz is not None:
        texts.append(f"scheduled {rate(result.rate_hz)}")
    if result.completed_hz is not None:
        texts.append(f"completed {rate(result.completed_hz)}")
    return texts


def _time(seconds: float) -> str:
    return "no answer" if seconds == float("inf") else format_quantity(seconds, "time", 4)
