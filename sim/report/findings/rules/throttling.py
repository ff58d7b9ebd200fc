"""Heat that slows units down: when it begins, how far it goes."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent, seconds

NAME = "throttling"
ABOUT = "clocks lowered by heat, and since when"


def find(run: Examined) -> Iterator[Finding]:
    device = run.result.device
    for name, domain in run.metrics.heat.domains.items():
        if name not in device.domains or not domain.throttled_s:
            continue
        top_hz = float(device.domains[name].operating_points[-1].frequency_hz)
        share = domain.throttled_share_ratio
        lost = 1.0 - domain.lowest_hz / top_hz
        text = (
            f"{name} is throttled for {percent(share, 2)} of the time, first after {seconds(domain.first_s)}: "
            f"down to {format_quantity(domain.lowest_hz, 'frequency')} of {format_quantity(top_hz, 'frequency')}"
        )
        evidence = {"domain": name, "throttled_s": domain.throttled_s, "first_s": domain.first_s, "lowest_hz": domain.lowest_hz, "highest_hz": top_hz}
        yield Finding(NAME, text, share * lost, "the speed of the unit", evidence, tuple(_cures(run, name)))


def _cures(run: Examined, domain: str) -> Iterator[WhatIf]:
    device, scenario = run.result.device, run.result.scenario
    used = scenario.cooling or device.thermal.default_cooling
    for variant in device.thermal.cooling:
        if variant != used:
            yield WhatIf(f"cooling {variant}", (("cooling", variant),))
    ambient_c = float(device.default_ambient_c if scenario.ambient_c is None else scenario.ambient_c)
    yield WhatIf("air 10 K cooler", (("ambient", f"{ambient_c - 10:g} degC"),))
    points = device.domains[domain].operating_points
    units = [name for name, unit in device.units.items() if unit.domain == domain]
    if len(points) > 2 and units:
        yield WhatIf("the second highest clock as the limit", ((f"device.units.{units[0]}.frequency", f"{float(points[-2].frequency_hz)!r} Hz"),))
