"""A battery that is smaller than one inference: said as a mistake, at the place where the battery was given."""

from __future__ import annotations

import numpy as np

from device_models.units import format_quantity
from sim.errors import EdgesimError
from sim.scenario.loading import LoadedScenario
from sim.trace import Status, Trace

_PLACES = (
    ("battery", "capacity"),
    ("device", "battery", "capacity"),
    ("battery", "initial"),
    ("battery", "cell"),
    ("battery",),
    ("device", "battery"),
    ("device",),
)


def check_battery(loaded: LoadedScenario, trace: Trace) -> None:
    """Raise EdgesimError if the battery ended the run while its first request was at work, and none was ever answered."""
    battery = trace.totals.get("battery")
    if battery is None or not battery["ended"]:
        return
    requests = trace.requests.columns()
    begun = ~np.isnan(requests["start_s"])
    if not begun.any() or np.isin(requests["status"], (Status.DONE, Status.LATE)).any():
        return
    name = trace.workloads[int(requests["workload"][begun][0])]
    path = next((path for path in _PLACES if path in loaded.places.values), ())
    given = f"{format_quantity(battery['initial_j'], 'energy')} in the battery"
    if trace.end_s > float(np.nanmin(requests["start_s"])):
        what = f"the battery is smaller than one inference: {battery['ended']} after {format_quantity(trace.end_s, 'time')}, with at first {given}"
    else:
        what = f"the battery cannot carry one inference: its voltage falls below the cut-off as it begins, with {given}"
    mend = "give it a larger capacity, a smaller resistance or a lower cut-off voltage"
    raise EdgesimError(loaded.places.problem(path, f"{what}, before the first request of {name!r} is answered; {mend}"))
