"""Models read from storage while requests wait, and first inferences."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent, seconds

NAME = "cold_start"
ABOUT = "loading of models and first inferences that requests wait for"


def find(run: Examined) -> Iterator[Finding]:
    memory = run.metrics.memory
    lost_s = (memory.loading_s or 0.0) + (memory.cold_start_s or 0.0)
    if not lost_s or not run.metrics.simulated_s:
        return
    share = min(lost_s / run.metrics.simulated_s, 1.0)
    evicted = f", {memory.evictions_count} of them because there was no room for all" if memory.evictions_count else ""
    text = (
        f"loading models ({memory.loads_count or 0} times{evicted}) and their first inferences took {format_quantity(lost_s, 'time')}, "
        f"{percent(share, 2)} of {seconds(run.metrics.simulated_s)}"
    )
    on_demand = [name for name, use in run.result.scenario.models.items() if use.load == "on_demand"]
    what_ifs = (WhatIf("all models loaded at the start", tuple((f"models.{name}.load", "at_start") for name in on_demand)),) if on_demand else ()
    evidence = {
        "loads_count": memory.loads_count,
        "loading_s": memory.loading_s,
        "cold_start_s": memory.cold_start_s,
        "evictions_count": memory.evictions_count,
    }
    yield Finding(NAME, text, share, "the time of the run", evidence, what_ifs, "" if on_demand else "models are loaded once, at the start")
