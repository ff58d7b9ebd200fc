"""Numbers of a device that nobody published and that matter: found by moving each, so only where that is quick."""

from __future__ import annotations

from sim.experiment.simulate import prepare
from sim.exploration.evaluate import Evaluator
from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.find import parameters_of, unused, used_units
from sim.exploration.sensitivity.moved import moved_point
from sim.exploration.sensitivity.one_at_a_time import elasticities
from sim.exploration.sensitivity.parameter import Parameter
from sim.exploration.sensitivity.response import Response
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent
from sim.report.safe_text import shortened
from sim.scenario.loading import LoadedScenario

NAME = "estimated_number"
ABOUT = "numbers of the device that are estimated and matter (simulated; in explain only)"
BY = 0.2  # an estimate may well be wrong by this much
MOST_S = 20.0  # of processor time, for all runs together
LEAST = 0.05  # of a metric
_NOTE = 120  # characters of a number's note
_METRICS = ("latency_p99_s", "energy_per_inference_j")
_TITLES = {"latency_p99_s": "p99", "energy_per_inference_j": "energy an answer"}


def estimated_findings(loaded: LoadedScenario, evaluate: Evaluator, run_s: float) -> tuple[list[Finding], str]:
    """Those that move latency or energy by more than a twentieth, and why there are none where it would take too long.

    ``run_s``: processor time of one run. Raises EdgesimError where the scenario itself cannot be run.
    """
    found = parameters_of(loaded).chosen(["estimated"])
    idle = {parameter.name for parameter in unused(found, loaded.device, used_units(loaded, prepare(loaded).programs.values()))}
    parameters = [parameter for parameter in found if parameter.name not in idle]
    if 2 * len(parameters) * run_s > MOST_S:
        return [], f"{len(parameters)} estimated numbers of the device were not moved, it would take too long: edgesim sensitivity --parameters estimated"
    base = evaluate(Point(0, ())).metrics
    metrics = [name for name in _METRICS if base.get(name)]
    if not parameters or not metrics:
        return [], ""
    table = elasticities(loaded, metrics, parameters, evaluate, by=BY)
    largest: dict[str, Response] = {}
    for response in table.responses:
        if _moved(response) > _moved(largest.get(response.parameter.name)):
            largest[response.parameter.name] = response
    device = ChangedDevice.of(loaded)
    return [_finding(response, device) for response in largest.values() if _moved(response) >= LEAST], ""


def _moved(response: Response | None) -> float:
    """The larger change of a metric, as a share of it."""
    if response is None or not response.base:
        return 0.0
    return response.swing / abs(response.base)


def _finding(response: Response, device: ChangedDevice) -> Finding:
    parameter, moved = response.parameter, _moved(response)
    why = shortened(parameter.note or "nobody published it", _NOTE)
    text = f"{parameter.label} is estimated ({why}) and moves the {_TITLES[response.metric]} by {percent(moved, 2)} where it is {BY:.0%} off"
    evidence = {"parameter": parameter.name, "kind": parameter.kind, "metric": response.metric, "elasticity_ratio": response.elasticity}
    # half of what it moves: an estimate is as likely to be nearer than that
    return Finding(NAME, text, moved / 2, "the metric", evidence, (_what_if(parameter, 1 - BY, device), _what_if(parameter, 1 + BY, device)))


def _what_if(parameter: Parameter, factor: float, device: ChangedDevice) -> WhatIf:
    changes = moved_point(0, device, [(parameter, factor)]).changes
    return WhatIf(f"{parameter.label} {BY:.0%} {'less' if factor < 1 else 'more'}", changes)
