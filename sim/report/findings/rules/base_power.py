"""Energy that goes where no work is done."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding
from sim.report.numbers import percent

NAME = "base_power"
ABOUT = "energy of what runs whether there is work or not"
LEAST = 0.6


def find(run: Examined) -> Iterator[Finding]:
    energy = run.metrics.energy
    base_j = energy.components_j.get("base", 0.0)
    if not energy.total_j or base_j < LEAST * energy.total_j or not run.metrics.workloads:
        return
    share = base_j / energy.total_j
    text = f"{percent(share, 2)} of the energy ({format_quantity(base_j, 'energy')}) is drawn whether anything runs or not: a faster model saves little of it"
    why = "it belongs to the board; fewer watts need a device that sleeps between requests, or other hardware"
    # no change of the scenario could save it: told, but behind what can be mended
    yield Finding(NAME, text, share * 0.1, "the energy", {"base_j": base_j, "total_j": energy.total_j}, (), why)
