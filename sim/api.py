"""What ``import sim`` offers, from every layer: load a scenario, simulate it, measure the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

from sim.experiment import result as experiment_result
from sim.experiment.names import known_names
from sim.experiment.perturbed import perturbations
from sim.experiment.simulate import ScenarioSource, prepare
from sim.experiment.simulate import simulate as _simulate
from sim.report.metrics import Metrics, measure
from sim.report.uncertainty import Uncertainty, uncertainty
from sim.scenario import loading
from sim.scenario.loading import LoadedScenario


class Result(experiment_result.Result):
    """A finished run with its metrics, the same that the command line shows."""

    @cached_property
    def metrics(self) -> Metrics:
        return measure(self)

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """Intervals of the metrics, from further runs that are made when it is first asked for."""
        return uncertainty(self, self.metrics, perturbations(prepare(self.loaded), self))


def load_scenario(source: str | Path | Mapping[str, Any], *, overrides: Iterable[str] = (), seed: int | None = None) -> LoadedScenario:
    """A scenario from a path, YAML text or a mapping, with ``PATH=VALUE`` overrides; every name in it is checked.

    Raises EdgesimError with all mistakes found.
    """
    return loading.load_scenario(source, overrides=overrides, seed=seed, known=known_names())


def simulate(scenario: ScenarioSource, *, seed: int | None = None, reference: bool = False, progress: Callable[[float], None] | None = None) -> Result:
    """Run a scenario (a path, YAML text, a mapping, or a loaded one) to the end of its duration.

    ``seed`` replaces the scenario's; ``progress`` is called with the share of simulated time that has passed, 0..1;
    ``reference`` simulates one event per operator: slow, the same result. Raises EdgesimError for what is wrong in it.
    """
    run = _simulate(scenario, seed=seed, reference=reference, progress=progress)
    return Result(**{field.name: getattr(run, field.name) for field in fields(run)})
