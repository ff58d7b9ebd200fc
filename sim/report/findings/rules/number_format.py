"""Models that compute in float where their unit and runtime have integers."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent

NAME = "number_format"
ABOUT = "float models on units that multiply integers faster"
_FLOAT = ("as_stored", "float32", "float16")
_TRIED = ("int8", "w8a16", "float16")


def find(run: Examined) -> Iterator[Finding]:
    for name, use, program in run.models():
        if program.precision not in _FLOAT or program.macs <= 0 or use.training is not None:
            continue
        main = max(program.segments, key=lambda segment: sum(segment.macs))
        if sum(main.macs) <= 0 or main.macs[1] > main.macs[0]:
            continue  # its weights are integers already
        peaks = run.result.device.units[main.unit].macs_per_cycle
        used = "float16" if program.precision == "float16" else "float32"
        best, own = (
            float(peaks.get("int8") or 0.0),
            float((peaks.get("float16") if used == "float16" else None) or peaks.get("float32") or peaks.get("float16") or 0.0),
        )
        offered = [one for one in _TRIED if one in run.offered(program)]
        if not offered or best <= 1.2 * own:
            continue
        share = run.share_of_requests(name)
        gain = f"{best / own:.2g} times as many int8 products a cycle" if own else "int8 products only"
        text = f"{name} computes in {used} on {run.kind_title(main.unit)}, which has {gain}; the model takes {percent(share, 2)} of a request"
        evidence = {"model": name, "precision": program.precision, "unit": main.unit, "int8_per_cycle_count": best, "own_per_cycle_count": own}
        what_ifs = tuple(WhatIf(f"{name} in {one}", ((f"models.{name}.precision", one),)) for one in offered)
        # products that take a share 1 - own / best less time, if nothing else bounds them
        yield Finding(NAME, text, share * (1.0 - own / best), "the time of an answer", evidence, what_ifs)
