"""A small scenario, and evaluators that work their metrics out of the device's numbers instead of running anything."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from device_models.provenance import figures
from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.runtime.climate import cooled
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.scenario.overrides import apply_overrides
from sim.scenario.positions import Places

Metric = Callable[[Mapping[str, float]], float | None]
DATA: dict[str, Any] = {
    "name": "small",
    "device": "raspberry_pi_4",
    "ambient": "20 degC",
    "duration": "1 s",
    "models": {"net": {"source": "ds_cnn", "precision": "int8", "runtime": "tflite"}},
    "workloads": {"one": {"arrival": {"kind": "periodic", "rate": "10 Hz"}, "pipeline": [{"name": "spot", "model": "net"}]}},
}


def with_changes(changes: tuple[tuple[str, Any], ...]) -> LoadedScenario:
    changed = copy.deepcopy(DATA)
    problems = apply_overrides(changed, Places(), [f"{path}={json.dumps(value)}" for path, value in changes])
    if problems:
        raise EdgesimError(problems)
    return load_scenario(changed, known=known_names())


@pytest.fixture
def loaded() -> LoadedScenario:
    return with_changes(())


@pytest.fixture
def evaluator() -> Callable[[Mapping[str, Metric]], Callable[[Point], Outcome]]:
    """From metrics as functions of the device's numbers by path (and ``ambient``): an evaluator of points."""

    def of(metrics: Mapping[str, Metric]) -> Callable[[Point], Outcome]:
        def evaluate(point: Point) -> Outcome:
            try:
                changed = with_changes(point.changes)
            except EdgesimError as error:
                return Outcome(point, "", "", {}, tuple(problem.what for problem in error.problems), "mistake", 0.0)
            numbers = {row.path: row.value for row in figures(cooled(changed.device, changed.scenario))}
            numbers["ambient"] = float(changed.scenario.ambient_c or 0.0)
            return Outcome(point, "", "", {name: metric(numbers) for name, metric in metrics.items()}, (), "done", 0.0)

        return evaluate

    return of
