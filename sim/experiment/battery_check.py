"""A battery that is smaller than one inference: said as a mistake, at the place where the battery was given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from device_models.figure import Figure
from device_models.units import format_quantity
from sim.errors import EdgesimError
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import Closed, Scenario
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


_FIRST_S, _LONGER = 1.0, 8.0  # how long one request is tried for, and how much longer each further time


def check_one_inference(loaded: LoadedScenario, run: Callable[[Scenario], Trace]) -> None:
    """Raise EdgesimError if the battery, as charged as it begins, cannot carry one request of any workload alone. ``run``: runs a scenario."""
    scenario = loaded.scenario
    if loaded.device.battery is None or scenario.charging is not None:
        return
    found: EdgesimError | None = None
    for name in scenario.workloads:
        try:
            _try_alone(loaded, name, run)
        except EdgesimError as error:
            found = found or error
        else:
            return
    if found is not None:
        raise found


def _try_alone(loaded: LoadedScenario, name: str, run: Callable[[Scenario], Trace]) -> None:
    """One request from the start on, no longer than it takes to be answered or to empty the battery."""
    scenario, seconds = loaded.scenario, _FIRST_S
    workload = scenario.workloads[name].model_copy(update={"arrival": Closed(), "loadgen": None, "count": 1, "start_s": Figure(0.0)})
    changes = {"workloads": {name: workload}, "warmup_s": Figure(0.0), "trace": "requests"}
    while True:
        seconds = min(seconds, float(scenario.duration_s))
        trace = run(scenario.model_copy(update={**changes, "duration_s": Figure(seconds)}))
        check_battery(loaded, trace)
        if seconds >= float(scenario.duration_s) or (trace.requests["status"] != Status.UNFINISHED).any() or trace.end_s < seconds:
            return
        seconds *= _LONGER


def check_battery(loaded: LoadedScenario, trace: Trace) -> None:
    """Raise EdgesimError if the battery ended the run while its first request was at work, and none was ever answered."""
    battery = trace.totals.get("battery")
    if battery is None or not battery["ended"]:
        return
    found = _first_begun(trace)
    if found is None:
        return
    name, first_s = found
    path = next((path for path in _PLACES if path in loaded.places.values), ())
    given = f"{format_quantity(battery['initial_j'], 'energy')} in the battery"
    if trace.end_s > first_s:
        what = f"the battery is smaller than one inference: {battery['ended']} after {format_quantity(trace.end_s, 'time')}, with at first {given}"
    else:
        what = f"the battery cannot carry one inference: its voltage falls below the cut-off as it begins, with {given}"
    mend = "give it a larger capacity, a smaller resistance or a lower cut-off voltage"
    raise EdgesimError(loaded.places.problem(path, f"{what}, before the first request of {name!r} is answered; {mend}"))


def _first_begun(trace: Trace) -> tuple[str, float] | None:
    """The workload of a request that began to run, and when the first did; None if there is none or any was answered."""
    if trace.summaries:
        begun = [(summary.first_start_s, name) for name, summary in zip(trace.workloads, trace.summaries, strict=True)]
        first_s, name = min(begun)
        return None if first_s == float("inf") or any(summary.answered_all for summary in trace.summaries) else (name, first_s)
    requests = trace.requests.columns()
    begun_rows = ~np.isnan(requests["start_s"])
    if not begun_rows.any() or np.isin(requests["status"], (Status.DONE, Status.LATE)).any():
        return None
    return trace.workloads[int(requests["workload"][begun_rows][0])], float(np.nanmin(requests["start_s"]))
