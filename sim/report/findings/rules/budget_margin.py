"""Budgets that are missed, and those held by so little that the prediction may be wrong about them."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.budgets import RUNAWAY, Verdict
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding
from sim.report.numbers import percent

NAME = "budget_margin"
ABOUT = "budgets missed, or held by little"
NEAR = 0.05  # of the limit


def find(run: Examined) -> Iterator[Finding]:
    for verdict in run.verdicts:
        if verdict.name == RUNAWAY or verdict.value is None or not verdict.limit:
            continue
        margin = (verdict.limit - verdict.value) / abs(verdict.limit) * (-1 if verdict.at_least else 1)
        title = f"{verdict.title} of {verdict.workload}" if verdict.workload else verdict.title
        evidence = {"budget": verdict.name, "workload": verdict.workload, "margin_ratio": margin}
        why = "the other findings say what it is made of"
        if not verdict.ok:
            text = f"{title} is missed: {verdict.value_text} for a limit of {verdict.limit_text}"
            yield Finding(NAME, text, min(-margin, 1.0) if margin < 0 else 1.0, "the limit", evidence, (), why)
        elif margin < NEAR and not _is_share(verdict):
            text = f"{title} has only {percent(margin, 2)} to spare: {verdict.value_text} of {verdict.limit_text}"
            if verdict.chance is not None:
                text += f", {verdict.likelihood} to hold"
            yield Finding(NAME, text, NEAR, "the limit", evidence, (), why)


def _is_share(verdict: Verdict) -> bool:
    """Shares of requests near their limit are within it by whole requests."""
    return verdict.dimension in ("ratio", "accuracy")
