"""The page a report is written on: its width, its characters, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass

from sim.report.budgets import Verdict
from sim.report.glyphs import Glyphs
from sim.report.metrics import Metrics
from sim.report.run_result import RunResult
from sim.report.sheet import Sheet
from sim.report.uncertainty import Uncertainty


@dataclass(frozen=True)
class Page(Sheet):
    """``known``: how sure the numbers are."""

    result: RunResult
    metrics: Metrics
    verdicts: tuple[Verdict, ...]
    width: int
    glyphs: Glyphs
    known: Uncertainty | None = None
