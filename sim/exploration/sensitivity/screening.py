"""Morris screening of a device: every parameter between two factors, all of them moved together, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.metric import known_metrics, number
from sim.exploration.sensitivity.morris import Effect, effects, trajectories
from sim.exploration.sensitivity.moved import moved_point
from sim.exploration.sensitivity.one_at_a_time import BY, base_metrics
from sim.exploration.sensitivity.parameter import Parameter

TRAJECTORIES, LEVELS = 10, 4


@dataclass(frozen=True)
class Screened:
    """``effect`` of a parameter on a metric: in the metric's unit, from one end of the parameter's range to the other."""

    parameter: Parameter
    metric: str
    effect: Effect


@dataclass(frozen=True)
class Screening:
    """``metrics``: flat names -> values as things are. ``lost``: points without a run, of ``runs_count``; ``problems``: why, each once."""

    metrics: Mapping[str, float]
    screened: tuple[Screened, ...]
    trajectories_count: int
    levels: int
    runs_count: int
    lost: int
    problems: tuple[str, ...]

    def of_metric(self, metric: str) -> list[Screened]:
        """Those of one metric that move it, the largest ``mu_star`` first."""
        moving = [one for one in self.screened if one.metric == metric and (one.effect.mu_star or 0.0) > 1e-9 * abs(self.metrics[metric])]
        return sorted(moving, key=lambda one: -(one.effect.mu_star or 0.0))


@dataclass
class Screen:
    """The points of a screening, and the screening once they are evaluated. ``points[0]`` is the scenario as it is.

    Raises ValueError as :func:`trajectories` does.
    """

    device: ChangedDevice
    parameters: Sequence[Parameter]
    by: float = BY
    by_uncertainty: bool = False
    count: int = TRAJECTORIES
    levels: int = LEVELS
    seed: int = 0
    spread: bool = False
    points: list[Point] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cube = trajectories(len(self.parameters), self.count, self.levels, self.seed, spread=self.spread)
        ranges = [parameter.factors(self.by, by_uncertainty=self.by_uncertainty) for parameter in self.parameters]
        self.ranges = [(1.0 if low is None else low, 1.0 if high is None else high) for low, high in ranges]
        self.points.append(Point(0, ()))
        for place in self.cube.reshape(-1, len(self.parameters)):
            self.points.append(moved_point(len(self.points), self.device, self._moved(place)))

    def screening(self, outcomes: Mapping[int, Outcome], metrics: Sequence[str]) -> Screening:
        """From outcomes by position. ``metrics``: empty for the usual ones. Raises EdgesimError where the scenario itself has no run."""
        base = base_metrics(outcomes[0])
        names = known_metrics(base, metrics)
        moved = [outcomes[point.position] for point in self.points[1:]]
        screened: list[Screened] = []
        for name in names:
            values = np.array([_value(outcome, name) for outcome in moved]).reshape(self.cube.shape[:2])
            found = zip(self.parameters, effects(self.cube, values), strict=True)
            screened += [Screened(parameter, name, effect) for parameter, effect in found]
        lost = [outcome for outcome in moved if outcome.status != "done"]
        problems = tuple(dict.fromkeys(problem for outcome in lost for problem in outcome.problems))
        return Screening({name: base[name] for name in names}, tuple(screened), self.count, self.levels, len(self.points), len(lost), problems)

    def _moved(self, place: np.ndarray) -> list[tuple[Parameter, float]]:
        """The parameters' factors at a point of the unit cube."""
        shares = zip(self.parameters, self.ranges, place.tolist(), strict=True)
        return [(parameter, low + share * (high - low)) for parameter, (low, high), share in shares]


def _value(outcome: Outcome, name: str) -> float:
    value = number(outcome.metrics.get(name)) if outcome.status == "done" else None
    return float("nan") if value is None else value
