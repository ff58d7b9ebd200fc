"""One parameter at a time, moved down and up while all others stay: two runs a parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sim.errors import EdgesimError
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.metric import by_difference, dimension_of, known_metrics, number
from sim.exploration.sensitivity.moved import moved_point
from sim.exploration.sensitivity.parameter import Parameter
from sim.exploration.sensitivity.response import Move, Response
from sim.scenario.loading import LoadedScenario

BY = 0.1


@dataclass(frozen=True)
class Table:
    """``metrics``: flat names -> their values as things are. ``responses``: of every parameter to every metric, parameters in their order.

    ``problems``: by a parameter's name, for moves that have no run: the factor and why. ``by``: the share by which parameters were moved that are
    neither counts nor moved over their uncertainty.
    """

    metrics: Mapping[str, float]
    responses: tuple[Response, ...]
    problems: Mapping[str, tuple[tuple[float, str], ...]]
    by: float = BY

    def of_metric(self, metric: str) -> list[Response]:
        """Those of one metric, the largest swing first, counts as if they could move by the share; what does not move it at all is left out."""
        moved = [response for response in self.responses if response.metric == metric and response.shape != "none"]
        return sorted(moved, key=self._rank)

    def _rank(self, response: Response) -> float:
        slope = response.slope if response.parameter.is_count else None
        return -response.swing if slope is None else -min(response.swing, abs(slope) * self.by)

    @property
    def idle(self) -> tuple[Parameter, ...]:
        """Parameters that move none of the metrics, though they could be moved."""
        moving = {response.parameter.name for response in self.responses if response.shape != "none"}
        known = {response.parameter.name: response.parameter for response in self.responses if response.low or response.high}
        return tuple(parameter for name, parameter in known.items() if name not in moving)


@dataclass
class OneAtATime:
    """The points of a table, and the table once they are evaluated. ``points[0]`` is the scenario as it is."""

    device: ChangedDevice
    parameters: Sequence[Parameter]
    by: float = BY
    by_uncertainty: bool = False
    points: list[Point] = field(default_factory=list)
    moves: list[tuple[Parameter, float]] = field(default_factory=list)  # of points[1:]

    def __post_init__(self) -> None:
        self.points.append(Point(0, ()))
        for parameter in self.parameters:
            for factor in parameter.factors(self.by, by_uncertainty=self.by_uncertainty):
                if factor is not None:
                    self._add(parameter, factor)

    def halfway(self, table: Table) -> list[Point]:
        """Further points: half of each move whose answer is on one side only or goes the same way twice, to tell steps from bends."""
        bent = {
            response.parameter.name
            for response in table.responses
            if response.shape in ("one side", "not monotonic") and response.swing > least_change(response)
        }
        first = len(self.points)
        for parameter, factor in [move for move in self.moves if move[0].name in bent and not move[0].is_count]:
            self._add(parameter, (1.0 + factor) / 2.0)
        return self.points[first:]

    def _add(self, parameter: Parameter, factor: float) -> None:
        self.points.append(moved_point(len(self.points), self.device, [(parameter, factor)]))
        self.moves.append((parameter, factor))

    def table(self, outcomes: Mapping[int, Outcome], metrics: Sequence[str]) -> Table:
        """From outcomes by position. ``metrics``: as :func:`known_metrics` takes them. Raises EdgesimError where the scenario itself has no run."""
        base = base_metrics(outcomes[0])
        names = known_metrics(base, metrics)
        values = {name: float(base[name]) for name in names}
        problems: dict[str, list[tuple[float, str]]] = {}
        found: dict[tuple[str, str], list[Move]] = {}
        for (parameter, factor), point in zip(self.moves, self.points[1:], strict=True):
            if point.position not in outcomes:
                continue
            outcome = outcomes[point.position]
            if outcome.status != "done":
                problems.setdefault(parameter.name, []).append((factor, "; ".join(outcome.problems) or outcome.status))
            for name in names:
                found.setdefault((parameter.name, name), []).append(Move(factor, number(outcome.metrics.get(name))))
        responses = [
            Response(parameter, name, values[name], tuple(sorted(found.get((parameter.name, name), []), key=lambda move: move.factor)))
            for parameter in self.parameters
            for name in names
        ]
        return Table(values, tuple(responses), {name: tuple(of) for name, of in problems.items()}, self.by)


def least_change(response: Response) -> float:
    """Of a metric, for which it is worth knowing how it bends: a thousandth of it, or of 100 K, or of one."""
    scale = 100.0 if dimension_of(response.metric) == "temperature" else 1.0 if by_difference(response.metric) else abs(response.base)
    return 0.001 * scale


def base_metrics(outcome: Outcome) -> dict[str, float]:
    """The numbers of the scenario as it is. Raises EdgesimError where it has no run."""
    if outcome.status != "done":
        raise EdgesimError("the scenario has no run to compare with: " + ("; ".join(outcome.problems) or outcome.status))
    return {name: value for name, raw in outcome.metrics.items() if (value := number(raw)) is not None}


def elasticities(
    loaded: LoadedScenario,
    metrics: Sequence[str],
    parameters: Iterable[Parameter],
    evaluate: Callable[[Point], Outcome],
    *,
    by: float = BY,
    by_uncertainty: bool = False,
) -> Table:
    """Two runs for each parameter and one as things are. ``evaluate``: of points of this scenario. ``metrics``: empty for the usual ones.

    Raises EdgesimError for unknown metrics and where the scenario itself has no run; a device that is not valid with a changed number is told in
    the table's ``problems``.
    """
    plan = OneAtATime(ChangedDevice.of(loaded), tuple(parameters), by, by_uncertainty)
    first = evaluate(plan.points[0])
    known_metrics(base_metrics(first), metrics)
    return plan.table({0: first, **{point.position: evaluate(point) for point in plan.points[1:]}}, metrics)
