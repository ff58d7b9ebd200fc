"""The verdict of MLPerf LoadGen's rules on each workload that a load generator drives."""

from __future__ import annotations

from sim.scenario.model import Scenario
from sim.trace import Trace
from sim.workload.loadgen_rules import LoadGenResult, judged


def loadgen_metrics(trace: Trace, scenario: Scenario) -> dict[str, LoadGenResult]:
    """By workload; empty where none has a ``loadgen``."""
    settings = {name: workload.loadgen for name, workload in scenario.workloads.items()}
    return {name: judged(own, trace.queries[name]) for name, own in settings.items() if own is not None}
