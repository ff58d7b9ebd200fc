"""What-ifs of findings, simulated: the scenario with the change, beside the scenario as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.report.findings.finding import Finding, WhatIf

_NEAREST = 3  # what-ifs of others that a missed budget shows


@dataclass(frozen=True)
class Answer:
    """A what-if and its run. ``outcome``: of status ``mistake`` where the change is impossible, and why."""

    what_if: WhatIf
    outcome: Outcome

    @property
    def is_possible(self) -> bool:
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why the change cannot be made, or does not do what it is called; empty where it does."""
        if self.outcome.status != "done":
            return "; ".join(self.outcome.problems) or self.outcome.status
        if self.what_if.moves is None:
            return ""
        model, units = self.what_if.moves
        used = str(self.outcome.metrics.get(f"models.{model}.units") or "").split(", ")
        return "" if units & set(used) else f"none of it would run there, but on {', '.join(used)}"


@dataclass(frozen=True)
class Explained:
    """A finding and the answers to its what-ifs, the best first, impossible ones last."""

    finding: Finding
    answers: tuple[Answer, ...]


def explained(found: Sequence[Finding], evaluate: Callable[[Point], Outcome]) -> tuple[Outcome, list[Explained]]:
    """The run of the scenario as it is, and each finding with its what-ifs simulated. Equal changes are run once.

    A missed budget, which has no what-ifs of its own, gets those of the other findings that bring the budgets nearest.
    """
    base = evaluate(Point(0, ()))
    ran: dict[tuple[tuple[str, str], ...], Outcome] = {}
    answers = [[_answered(what, ran, evaluate) for what in finding.what_ifs] for finding in found]
    known = {answer.what_if.changes_key: answer for own in answers for answer in own if answer.is_possible}
    nearer = sorted((one for one in known.values() if _excess(one.outcome) < _excess(base)), key=lambda one: _excess(one.outcome))
    result = []
    for finding, own in zip(found, answers, strict=True):
        mine = nearer[:_NEAREST] if finding.of == "the limit" and not own else own
        result.append(Explained(finding, tuple(sorted(mine, key=lambda answer: _rank(answer, base.metrics, finding)))))
    return base, result


def _answered(what: WhatIf, ran: dict[tuple[tuple[str, str], ...], Outcome], evaluate: Callable[[Point], Outcome]) -> Answer:
    if what.changes_key not in ran:
        ran[what.changes_key] = evaluate(Point(len(ran) + 1, what.changes))
    return Answer(what, ran[what.changes_key])


def _excess(outcome: Outcome) -> float:
    """How far budgets are exceeded, as shares of their limits, in all."""
    return float(outcome.metrics.get("excess_ratio") or 0.0)


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
    about = "memory_bytes" if finding.of == "the memory" else "energy_per_inference_j" if finding.of == "the energy" else "latency_p99_s"
    change = gain(answer.outcome.metrics, base, about)
    return (0.0, round(_excess(answer.outcome), 2), change if change is not None else 1.0)
