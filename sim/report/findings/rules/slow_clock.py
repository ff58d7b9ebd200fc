"""Units whose governor keeps them slow while requests are late, or fast while nothing needs it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent
from sim.report.step_function import counters_of

NAME = "slow_clock"
ABOUT = "governors that ramp up too slowly"
MOST = 0.85  # of the highest clock, while it works


def find(run: Examined) -> Iterator[Finding]:
    clocks = counters_of(run.result.trace, "frequency_hz")
    spans = run.result.trace.spans.columns()
    if not len(spans["unit"]):
        return
    taken_s = spans["end_s"] - spans["start_s"]
    for index, unit in enumerate(run.result.trace.units):
        domain = run.result.device.units[unit].domain if unit in run.result.device.units else ""
        rows = spans["unit"] == index
        if domain not in clocks or domain in run.metrics.heat.domains or not taken_s[rows].sum():
            continue
        top_hz = float(run.result.device.domains[domain].operating_points[-1].frequency_hz)
        mean_hz = float(np.average(spans["frequency_hz"][rows], weights=taken_s[rows]))
        share_busy = float(taken_s[rows].sum() / taken_s.sum())
        if mean_hz > MOST * top_hz:
            continue
        governor = run.result.scenario.governors.get(domain, run.result.device.domains[domain].governor)
        lost = 1.0 - mean_hz / top_hz
        text = (
            f"{unit} works at {format_quantity(mean_hz, 'frequency')} on average, {percent(mean_hz / top_hz, 2)} of its highest clock, "
            f"under the governor {getattr(governor, 'name', governor)}"
        )
        evidence = {"unit": unit, "domain": domain, "mean_hz": mean_hz, "highest_hz": top_hz}
        what_ifs = (WhatIf(f"{domain} at its highest clock", ((f"governors.{domain}", "performance"),)),)
        yield Finding(NAME, text, lost * share_busy, "the time of an answer", evidence, what_ifs)
