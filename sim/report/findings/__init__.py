"""Findings: what is worth knowing of a run, each kind from a rule of its own, the costliest first."""

from __future__ import annotations

from sim.report.budgets import Verdict
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, Rule
from sim.report.findings.rules import (
    array_fill,
    base_power,
    battery,
    budget_margin,
    cold_start,
    fallback,
    idle_unit,
    kernel_bound,
    number_format,
    peak_memory,
    processing,
    radio_tail,
    slow_clock,
    throttling,
    waiting,
)
from sim.report.metrics import Metrics
from sim.report.run_result import RunResult

LEAST_RATIO = 0.02  # what costs less is not worth a word

# each is a module with NAME, ABOUT and find(Examined); the order is that of findings that cost the same
RULES: tuple[Rule, ...] = (
    budget_margin,
    throttling,
    waiting,
    processing,
    fallback,
    number_format,
    kernel_bound,
    array_fill,
    idle_unit,
    slow_clock,
    cold_start,
    peak_memory,
    radio_tail,
    base_power,
    battery,
)


def findings(result: RunResult, metrics: Metrics, verdicts: tuple[Verdict, ...]) -> list[Finding]:
    """Everything the rules have to say of a run, the costliest first. Pure: the same run gives the same findings."""
    run = Examined(result, metrics, verdicts)
    found = [finding for rule in RULES for finding in rule.find(run) if finding.weight_ratio >= LEAST_RATIO]
    return sorted(found, key=lambda finding: -finding.weight_ratio)
