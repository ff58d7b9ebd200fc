"""Radios that stay awake long after a transfer."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.catalog.radios import radio_names
from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent
from sim.scenario.stages import RadioStage

NAME = "radio_tail"
ABOUT = "energy of radios after their transfers"
LEAST = 0.3  # of the radio's energy


def find(run: Examined) -> Iterator[Finding]:
    total_j = run.metrics.energy.total_j
    for name, radio in run.metrics.radios.items():
        tail = radio.tail_ratio()
        if tail < LEAST or not total_j or not radio.transfers_count:
            continue
        tail_j = radio.states["tail"].energy_j
        text = (
            f"{percent(tail, 2)} of the energy of the radio {name} goes into its tail after transfers: {format_quantity(tail_j, 'energy')} of "
            f"{format_quantity(total_j, 'energy')} in all, for {radio.transfers_count} transfers"
        )
        evidence = {"radio": name, "tail_j": tail_j, "transfers_count": radio.transfers_count, "sent_bytes": radio.sent_bytes}
        what_ifs = (*_rarer(run, name), *_others(run, name))
        yield Finding(NAME, text, tail_j / total_j, "the energy", evidence, what_ifs, "send less often, in larger pieces")


def _rarer(run: Examined, radio: str) -> Iterator[WhatIf]:
    """The same bytes in a quarter as many transfers."""
    for name, workload in run.result.scenario.workloads.items():
        rate = getattr(workload.arrival, "rate_hz", None)
        sends = [(at, stage) for at, stage in enumerate(workload.pipeline) if isinstance(stage, RadioStage) and stage.radio == radio]
        if rate is None or not sends or len(workload.pipeline) > len(sends):
            continue
        changes: list[tuple[str, object]] = [(f"workloads.{name}.arrival.rate", f"{float(rate) / 4!r} Hz")]
        for at, stage in sends:
            changes += [(f"workloads.{name}.pipeline.{at}.send", f"{4 * float(stage.send_bytes)!r} B")] if stage.send_bytes else []
            changes += [(f"workloads.{name}.pipeline.{at}.receive", f"{4 * float(stage.receive_bytes)!r} B")] if stage.receive_bytes else []
        yield WhatIf(f"{name} sent in fours", tuple(changes))


def _others(run: Examined, radio: str) -> Iterator[WhatIf]:
    """Other radios of the catalogue in its place: whether they reach as far is for the reader to know."""
    used = run.result.scenario.radios.get(radio)
    for name in radio_names():
        if radio in run.result.scenario.radios and name != used:
            yield WhatIf(f"the radio {name} instead", ((f"radios.{radio}", name),))
