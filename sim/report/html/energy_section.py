"""Where the energy went: components of the device, and what requests of each workload caused."""

from __future__ import annotations

import numpy as np

from sim.report.page import Page
from sim.report.run_file.document import Section
from sim.report.safe_text import printable


def energy_section(page: Page) -> Section:
    """Joules of the whole run. ``components`` add up to ``total_j``, and so do ``workloads`` with ``standing_j``.

    A workload's share is what its requests' own activity took (switching of units, memory traffic, radios); the rest stands whatever runs:
    base power, idling, leakage.
    """
    trace = page.result.trace
    energy = page.metrics.energy
    rows, owners = trace.request_energy.columns(), trace.requests.columns()
    workloads: dict[str, float] = {}
    if len(rows["request"]) and len(owners["request"]):
        order = np.argsort(owners["request"], kind="stable")
        place = np.minimum(np.searchsorted(owners["request"][order], rows["request"]), len(order) - 1)
        known = owners["request"][order][place] == rows["request"]
        totals = np.bincount(owners["workload"][order][place][known], weights=rows["energy_j"][known], minlength=len(trace.workloads))
        workloads = {printable(name, 200): float(total) for name, total in zip(trace.workloads, totals, strict=True)}
    return Section(
        {
            "total_j": energy.total_j,
            "components": {printable(name): value for name, value in energy.components_j.items()},
            "workloads": workloads or None,
            "standing_j": energy.total_j - sum(workloads.values()),
        }
    )
