"""What-ifs of findings, simulated: the scenario with the change, beside the scenario as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.report.findings.finding import Finding, WhatIf

SHOWN = ("latency_p99_s", "energy_per_inference_j", "memory_bytes", "accuracy_ratio", "battery_life_s", "die_peak_c", "excess_ratio")


@dataclass(frozen=True)
class Answer:
    """A what-if and its run. ``outcome``: of status ``mistake`` where the change is impossible, and why."""

    what_if: WhatIf
    outcome: Outcome

    @property
    def is_possible(self) -> bool:
        return self.outcome.status == "done"


@dataclass(frozen=True)
class Explained:
    """A finding and the answers to its what-ifs, the best first, impossible ones last."""

    finding: Finding
    answers: tuple[Answer, ...]


def explained(found: Sequence[Finding], evaluate: Callable[[Point], Outcome]) -> tuple[Outcome, Iterator[Explained]]:
    """The run of the scenario as it is, and each finding with its what-ifs simulated. Equal changes are run once."""
    base = evaluate(Point(0, ()))
    ran: dict[tuple[tuple[str, Any], ...], Outcome] = {}

    def answered() -> Iterator[Explained]:
        for finding in found:
            answers = []
            for what in finding.what_ifs:
                key = tuple((path, repr(value)) for path, value in what.changes)
                if key not in ran:
                    ran[key] = evaluate(Point(len(ran) + 1, what.changes))
                answers.append(Answer(what, ran[key]))
            yield Explained(finding, tuple(sorted(answers, key=lambda answer: _rank(answer, base.metrics, finding))))

    return base, answered()


def gain(metrics: Mapping[str, Any], base: Mapping[str, Any], name: str) -> float | None:
    """The change of a metric as a share of what it was; None where either is unknown or it was nothing."""
    new, old = metrics.get(name), base.get(name)
    if not isinstance(new, int | float) or not isinstance(old, int | float) or not old:
        return None
    return float(new) / float(old) - 1.0


def _rank(answer: Answer, base: Mapping[str, Any], finding: Finding) -> tuple[float, ...]:
    """Possible ones first; then by how far budgets are exceeded; then by the metric the finding is about."""
    if not answer.is_possible:
        return (1.0,)
    metrics = answer.outcome.metrics
    excess = float(metrics.get("excess_ratio") or 0.0)
    about = "memory_bytes" if finding.of == "the memory" else "energy_per_inference_j" if finding.of == "the energy" else "latency_p99_s"
    change = gain(metrics, base, about)
    return (0.0, excess, change if change is not None else 1.0)
