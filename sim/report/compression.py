"""What each compression technique changed in a model: parameters, work, size, zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from device_models.units import format_quantity
from sim.compiler.program import Program
from sim.passes.compression.apply import NOTE
from sim.report.numbers import count, percent


@dataclass(frozen=True)
class StepMetrics:
    """One technique, as the graph was counted before and after it. ``size_bytes``: everything stored, in the shortest form a file may have."""

    step: str
    parameters_before_count: int
    parameters_after_count: int
    macs_before_count: int
    macs_after_count: int
    size_before_bytes: float
    size_after_bytes: float
    zeros_before_ratio: float
    zeros_after_ratio: float


def step_metrics(program: Program) -> tuple[StepMetrics, ...]:
    """The techniques a model went through, in order."""
    notes: list[dict[str, Any]] = list(program.graph.notes.get(NOTE, ())) if program.graph is not None else []
    return tuple(_step(entry["step"], entry["before"], entry["after"]) for entry in notes)


def _step(step: str, before: dict[str, Any], after: dict[str, Any]) -> StepMetrics:
    return StepMetrics(
        step,
        before["parameters_count"],
        after["parameters_count"],
        before["macs_count"],
        after["macs_count"],
        before["size_bytes"],
        after["size_bytes"],
        before["sparsity_ratio"],
        after["sparsity_ratio"],
    )


def compression_rows(program: Program) -> list[tuple[str, str, str, str, str]]:
    """A line for the network as it was, and one after each technique: name, parameters, work, size, share of zeros."""
    steps = step_metrics(program)
    if not steps:
        return []
    first = steps[0]
    rows = [_row("as it was", first.parameters_before_count, first.macs_before_count, first.size_before_bytes, first.zeros_before_ratio)]
    return rows + [_row(row.step, row.parameters_after_count, row.macs_after_count, row.size_after_bytes, row.zeros_after_ratio) for row in steps]


def _row(step: str, parameters: float, macs: float, size_bytes: float, zeros_ratio: float) -> tuple[str, str, str, str, str]:
    return step, count(parameters), count(macs), format_quantity(size_bytes, "bytes"), percent(zeros_ratio) if zeros_ratio else "-"
