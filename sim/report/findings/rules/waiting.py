"""Requests that wait for others before anything of them runs."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent

NAME = "waiting"
ABOUT = "time in queues before a request is begun"
LEAST = 0.15
_SCHEDULERS = ("edf", "priority")


def find(run: Examined) -> Iterator[Finding]:
    scenario = run.result.scenario
    busiest = max(run.metrics.units.items(), key=lambda item: item[1].utilisation_ratio, default=("", None))
    for name, workload in run.metrics.workloads.items():
        if workload.latency is None or not workload.mean_wait_s or workload.mean_wait_s < LEAST * workload.latency.mean_s:
            continue
        share = workload.mean_wait_s / workload.latency.mean_s
        text = f"requests of {name} wait {format_quantity(workload.mean_wait_s, 'time')} before they begin, {percent(share, 2)} of their mean latency"
        if busiest[1] is not None:
            text += f"; the busiest unit, {busiest[0]}, is used {percent(busiest[1].utilisation_ratio, 2)} of the time"
        what_ifs = []
        if len(scenario.workloads) > 1:
            used = scenario.scheduler if isinstance(scenario.scheduler, str) else scenario.scheduler.get("default")
            what_ifs = [WhatIf(f"scheduler {other}", (("scheduler", other),)) for other in _SCHEDULERS if other != used]
        rate = getattr(scenario.workloads[name].arrival, "rate_hz", None)
        if rate is not None:
            what_ifs.append(WhatIf("a quarter fewer requests", ((f"workloads.{name}.arrival.rate", f"{0.75 * float(rate):g} Hz"),)))
        evidence = {"workload": name, "mean_wait_s": workload.mean_wait_s, "mean_latency_s": workload.latency.mean_s, "busiest_unit": busiest[0]}
        yield Finding(NAME, text, share, "the time of an answer", evidence, tuple(what_ifs))
