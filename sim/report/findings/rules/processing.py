"""Pre- and post-processing: code around the model that takes a large part of each request."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.report.findings.examined import Examined, StageTime
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent

NAME = "processing"
ABOUT = "code before and after the model as a share of the request"
LEAST = 0.2
_CAN_RUN_CODE = ("cpu", "gpu", "dsp")


def find(run: Examined) -> Iterator[Finding]:
    for workload in run.result.scenario.workloads:
        stages = [one for one in run.stage_times if one.workload == workload]
        code = [one for one in run.code_stages() if one.workload == workload and one.seconds > 0]
        share = sum(one.share for one in code)
        if share < LEAST or len(code) == len([one for one in stages if one.seconds > 0]):
            continue  # little, or there is nothing but code
        code.sort(key=lambda one: -one.seconds)
        parts = ", ".join(f"{one.name} {format_quantity(one.seconds, 'time')}" for one in code[:3])
        text = f"pre- and post-processing take {percent(share, 2)} of the computing time of {workload}: {parts} of {format_quantity(code[0].request_s, 'time')}"
        evidence = {"workload": workload, "share_ratio": share, **{f"{one.name}_s": one.seconds for one in code}}
        yield Finding(NAME, text, share, "the time of an answer", evidence, tuple(what for one in code[:2] for what in _elsewhere(run, one)))


def _elsewhere(run: Examined, stage: StageTime) -> Iterator[WhatIf]:
    """The same code on units of other kinds, and on a faster cluster of the same kind."""
    asked = stage.stage.unit
    kind = run.unit_kinds.get(asked, asked)
    for other in dict.fromkeys(run.unit_kinds.values()):
        if other != kind and other in _CAN_RUN_CODE and not stage.stage.units:
            yield WhatIf(f"{stage.name} on the {other.upper()}", ((f"{stage.path}.unit", other),))
