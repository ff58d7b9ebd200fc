"""What a report shows of a table or a screening."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sim.exploration.sensitivity.metric import by_difference, dimension_of, without_unit
from sim.exploration.sensitivity.one_at_a_time import Table
from sim.exploration.sensitivity.parameter import Parameter
from sim.exploration.sensitivity.response import Response
from sim.exploration.sensitivity.screening import Screened, Screening
from sim.report.sensitivity_rows import Bar, Measure, MorrisBar, Sensitivity, Tornado
from sim.scenario.loading import LoadedScenario


@dataclass(frozen=True)
class Asked:
    """What was asked for: ``parameters`` moved by the share ``by``, or over their published uncertainty where ``by_uncertainty`` and it is known."""

    parameters: Sequence[Parameter]
    by: float
    by_uncertainty: bool
    left_out: Sequence[str] = ()

    @property
    def text(self) -> str:
        """For people: ``by 10 %``."""
        share = f"by {100 * self.by:g} %"
        return f"over their 80 % uncertainty where it is published, else {share}" if self.by_uncertainty else share

    def moved(self, parameter: Parameter) -> str:
        """What a parameter was moved to; empty where that is the common share."""
        low, high = parameter.factors(self.by, by_uncertainty=self.by_uncertainty)
        if parameter.is_count:
            count = parameter.cells[0].value
            return "/".join("-" if factor is None else f"{round(count * factor)}" for factor in (low, high))
        if not self.by_uncertainty or parameter.uncertainty is None:
            return ""
        return f"x{low:.2f}-{high:.2f}"


def table_page(loaded: LoadedScenario, asked: Asked, table: Table, runs_count: int) -> Sensitivity:
    """The page of one parameter at a time."""
    tornados = [Tornado(measure_of(name, base), [_bar(response, asked) for response in table.of_metric(name)]) for name, base in table.metrics.items()]
    return Sensitivity(
        scenario=loaded.scenario.name,
        device=loaded.device.title,
        seed=loaded.scenario.seed,
        method="oat",
        by=asked.text,
        parameters_count=len(asked.parameters),
        runs_count=runs_count,
        tornados=tornados,
        still=[parameter.label for parameter in table.idle],
        problems=[(_label(asked, name), f"at {factor:g} times what it is: {why}") for name, found in table.problems.items() for factor, why in found],
        left_out=asked.left_out,
    )


def screening_page(loaded: LoadedScenario, asked: Asked, screening: Screening) -> Sensitivity:
    """The page of a Morris screening."""
    moving = {one.parameter.name for name in screening.metrics for one in screening.of_metric(name)}
    lost = [] if not screening.lost else [("runs", f"{screening.lost} of {screening.runs_count} have no result: {'; '.join(screening.problems[:3])}")]
    return Sensitivity(
        scenario=loaded.scenario.name,
        device=loaded.device.title,
        seed=loaded.scenario.seed,
        method="morris",
        by=asked.text,
        parameters_count=len(asked.parameters),
        runs_count=screening.runs_count,
        tornados=[Tornado(measure_of(name, base), _morris_bars(screening.of_metric(name), asked)) for name, base in screening.metrics.items()],
        still=[parameter.label for parameter in asked.parameters if parameter.name not in moving],
        problems=lost,
        left_out=asked.left_out,
        trajectories_count=screening.trajectories_count,
        levels_count=screening.levels,
    )


def measure_of(name: str, base: float) -> Measure:
    """A metric by its flat name; ``detector.latency_p99_s`` is ``latency p99 of detector``."""
    owner, _, plain = without_unit(name).rpartition(".")
    title = plain.replace("_", " ") + (f" of {owner}" if owner else "")
    return Measure(name, title, dimension_of(name), base, by_difference(name))


def _bar(response: Response, asked: Asked) -> Bar:
    parameter, low, high = response.parameter, response.low, response.high
    return Bar(
        name=parameter.name,
        label=parameter.label,
        kind=parameter.kind,
        source=parameter.source,
        note=parameter.note,
        moved=asked.moved(parameter),
        low_factor=None if low is None else low.factor,
        high_factor=None if high is None else high.factor,
        low=None if low is None else response.change(low),
        high=None if high is None else response.change(high),
        elasticity=response.elasticity,
        slope=response.slope,
        shape=response.shape,
    )


def _morris_bars(screened: Iterable[Screened], asked: Asked) -> list[MorrisBar]:
    found = []
    for one in screened:
        parameter, effect = one.parameter, one.effect
        if effect.mu is None or effect.mu_star is None:
            continue
        own = (parameter.name, parameter.label, parameter.kind, parameter.source, parameter.note, asked.moved(parameter))
        found.append(MorrisBar(*own, effect.mu, effect.mu_star, effect.sigma, effect.confidence, effect.count))
    return found


def _label(asked: Asked, name: str) -> str:
    labels: Mapping[str, str] = {parameter.name: parameter.label for parameter in asked.parameters}
    return labels.get(name, name)
