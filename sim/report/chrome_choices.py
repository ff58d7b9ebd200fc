"""What stages that adapt decided for each request, as arguments of its span."""

from __future__ import annotations

import json

from sim.report.safe_text import printable
from sim.trace import Trace


def choice_arguments(trace: Trace) -> dict[int, str]:
    """Request -> its decisions as text of JSON, such as ``, "small": "sure"``; those without decisions are left out."""
    stages = [json.dumps(printable(name.partition("/")[2])) for name in trace.stages]
    outcomes = [json.dumps(printable(name)) for name in trace.outcomes]
    columns = trace.choices.columns()
    found: dict[int, dict[str, str]] = {}
    for request, stage, outcome in zip(*(columns[name].tolist() for name in ("request", "stage", "outcome")), strict=True):
        made = found.setdefault(request, {})
        made[stages[stage]] = f"{made[stages[stage]][:-1]}, {outcomes[outcome][1:]}" if stages[stage] in made else outcomes[outcome]
    return {request: "".join(f", {stage}: {outcome}" for stage, outcome in made.items()) for request, made in found.items()}
