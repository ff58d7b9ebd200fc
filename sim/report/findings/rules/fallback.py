"""Operators that the wanted unit cannot run: what they take elsewhere, and what the crossings cost."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent

NAME = "fallback"
ABOUT = "operators that fall back to another unit, and what crossing over costs"


def find(run: Examined) -> Iterator[Finding]:
    for name, _, program in run.models():
        model = run.metrics.models[name]
        if not model.fallback_kernels_count or not model.alone_s:
            continue
        units = sorted({unit for units in model.fallback_units.values() for unit in units})
        elsewhere_s = sum(model.units_s.get(unit, 0.0) for unit in units)
        cost_s = min(elsewhere_s + model.entries_s, model.alone_s)
        share = cost_s / model.alone_s
        crossings = model.segments_count - 1
        reason = max(model.fallbacks_count, key=lambda why: model.fallbacks_count[why])
        verb = "runs" if model.fallback_kernels_count == 1 else "run"
        text = (
            f"{model.fallback_kernels_count} of {model.kernels_count} kernels of {name} {verb} on {', '.join(units)} ({reason}): "
            f"{format_quantity(elsewhere_s, 'time')} there, {crossings} crossing{'s' if crossings != 1 else ''} in {format_quantity(model.entries_s, 'time')}, "
            f"{percent(share, 2)} of an inference"
        )
        kinds = list(dict.fromkeys(run.unit_kinds[unit] for unit in units))
        what_ifs = [WhatIf(f"{name} on {', '.join(units)} alone", ((f"models.{name}.placement.prefer", kinds),))]
        others = [other for other in run.result.device.runtimes if other != program.runtime]
        what_ifs += [WhatIf(f"{name} under {other}", ((f"models.{name}.runtime", other),)) for other in others]
        evidence = {
            "model": name,
            "kernels_count": model.fallback_kernels_count,
            "units": ", ".join(units),
            "reason": reason,
            "elsewhere_s": elsewhere_s,
            "crossings_count": crossings,
            "crossings_s": model.entries_s,
        }
        yield Finding(NAME, text, share * run.share_of_requests(name), "the time of an answer", evidence, tuple(what_ifs))
