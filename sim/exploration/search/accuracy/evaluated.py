"""Points evaluated with the accuracy of a model beside what its run gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.search.accuracy.provider import AccuracyProvider, Candidate


@dataclass(frozen=True)
class WithAccuracy:
    """Puts the accuracy of ``model`` into what ``evaluate`` gives: ``accuracy_ratio`` and ``models.NAME.accuracy_ratio`` (None: unknown),
    ``accuracy_error_ratio`` and ``accuracy_basis`` (text). ``directory``: the scenario's folder.
    """

    evaluate: Callable[[Point], Outcome]
    provider: AccuracyProvider
    model: str
    directory: Path

    def __call__(self, point: Point) -> Outcome:
        outcome = self.evaluate(point)
        if outcome.status != "done":
            return outcome
        began_s = time.process_time()
        scenario = json.loads(outcome.canonical)["scenario"]
        use, macs = scenario["models"][self.model], outcome.metrics.get(f"models.{self.model}.macs_count")
        found = self.provider.accuracy(Candidate(self.model, use, dict(point.changes), int(scenario["seed"]), self.directory, _number(macs)))
        own = {"accuracy_ratio": found.value_ratio, "accuracy_error_ratio": found.error_ratio, "accuracy_basis": found.basis}
        metrics = {**outcome.metrics, **own, f"models.{self.model}.accuracy_ratio": found.value_ratio}
        return replace(outcome, metrics=metrics, cpu_s=outcome.cpu_s + time.process_time() - began_s)


def _number(value: float | int | str | None) -> float | None:
    return float(value) if isinstance(value, float | int) else None
