"""What a search wants: objectives and constraints by the metrics that runs have, and what an outcome is worth by them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from device_models.units import UnitError, parse_quantity
from sim.errors import EdgesimError, Problem
from sim.exploration.outcome import Outcome
from sim.registry import near_names
from sim.report.quantities import unit_of
from sim.scenario.search import SearchUse, parsed_limit

# what people say -> the metric's name without its unit
ALIASES = {
    "energy": "energy_per_inference",
    "size": "storage",
    "miss_rate": "miss",
    "drop_rate": "drop",
    "skin_temperature": "skin_peak",
    "die_temperature": "die_peak",
    "latency": "latency_p99",
}
_DIMENSIONS = {
    "s": "time", "J": "energy", "W": "power", "Hz": "frequency", "B": "bytes", "B/s": "bandwidth", "degC": "temperature", "V": "voltage", "Ah": "charge",
}  # fmt: skip
_COULOMBS_PER_AH = 3600.0
NO_RUN = 1e6  # violation of a point that has no metrics: worse than any that has
UNKNOWN = 1e3  # of a metric nobody knows
ACCURACY = "accuracy"


@dataclass(frozen=True)
class Objective:
    """``metric``: its full name; ``asked``: as the scenario says it."""

    metric: str
    asked: str
    maximize: bool

    def cost(self, value: float) -> float:
        """To be minimized."""
        return -value if self.maximize else value

    @property
    def is_accuracy(self) -> bool:
        return self.metric.rpartition(".")[2] in ("accuracy", "accuracy_ratio")


@dataclass(frozen=True)
class Constraint:
    """``limit`` in the metric's SI unit; ``text``: as the scenario says it."""

    metric: str
    at_least: bool
    limit: float
    text: str

    def violation(self, value: float | None) -> float:
        """0 where it holds, else by how much it is missed: as a share of the limit, or in the metric's unit where the limit is 0."""
        if value is None:
            return UNKNOWN
        short = self.limit - value if self.at_least else value - self.limit
        return max(short, 0.0) / (abs(self.limit) or 1.0)


@dataclass(frozen=True)
class Judged:
    """``values``: of the objectives in their own units, None where there is none. ``violations``: by what is violated; empty: the point is feasible."""

    values: tuple[float | None, ...]
    violations: Mapping[str, float]

    @property
    def is_feasible(self) -> bool:
        return not self.violations


@dataclass(frozen=True)
class Goals:
    """``accept_unknown``: an accuracy nobody knows counts as none at all, instead of ruling the point out."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    budgets: bool
    accept_unknown: bool

    def judged(self, outcome: Outcome) -> Judged:
        """What an outcome is worth."""
        if outcome.status != "done":
            return Judged((None,) * len(self.objectives), {"no run": NO_RUN})
        values = tuple(number(outcome.metrics.get(objective.metric)) for objective in self.objectives)
        found = {one.text: one.violation(number(outcome.metrics.get(one.metric))) for one in self.constraints}
        if self.budgets and not outcome.metrics.get("valid"):
            found["budgets"] = 1.0 + min(number(outcome.metrics.get("excess_ratio")) or 0.0, UNKNOWN)
        for objective, value in zip(self.objectives, values, strict=True):
            if value is None and not (objective.is_accuracy and self.accept_unknown):
                found[f"{objective.asked} unknown"] = UNKNOWN
        return Judged(values, {name: amount for name, amount in found.items() if amount > 0})

    def costs(self, judged: Judged) -> list[float | None]:
        """The objectives to be minimized; an accuracy that is unknown and accepted counts as 0."""
        known = [0.0 if value is None and objective.is_accuracy else value for objective, value in zip(self.objectives, judged.values, strict=True)]
        return [None if value is None else objective.cost(value) for objective, value in zip(self.objectives, known, strict=True)]


def goals_of(section: SearchUse, base: Mapping[str, Any], has_budgets: bool) -> Goals:
    """``base``: the metrics of a run of the scenario as it stands. Raises EdgesimError for every metric and limit that cannot be followed."""
    problems: list[Problem] = []
    objectives, constraints = [], []
    for asked, direction in section.objectives.items():
        metric = _metric(asked, base, f"search.objectives.{asked}", problems)
        objectives += [Objective(metric, asked, direction == "maximize")] if metric else []
    for index, text in enumerate(section.constraints):
        place, limit = f"search.constraints.{index}", parsed_limit(text)
        metric = _metric(limit.metric, base, place, problems)
        if metric:
            try:
                constraints.append(Constraint(metric, limit.at_least, _limit(metric, limit.text), text.strip()))
            except UnitError as error:
                problems.append(Problem(path=place, what=str(error)))
    twice = [one for one in objectives if sum(other.metric == one.metric for other in objectives) > 1]
    problems += [Problem(path=f"search.objectives.{one.asked}", what=f"means {one.metric}, as another objective does") for one in twice[:1]]
    if not problems and not objectives:
        problems.append(Problem(path="search.objectives", what="no objective: say what is better, such as {latency_p99: minimize}"))
    if problems:
        raise EdgesimError(problems)
    return Goals(tuple(objectives), tuple(constraints), section.budgets and has_budgets, section.unknown_accuracy == "accept")


def number(raw: object) -> float | None:
    """A finite number, truth as 1 and 0; None for all else."""
    return float(raw) if isinstance(raw, int | float) and math.isfinite(raw) else None


def metric_named(asked: str, names: Collection[str]) -> str | None:
    """The full name that somebody means: itself, an alias, or the name without its unit."""
    if asked in names:
        return asked
    short = {_without_unit(name): name for name in reversed(list(names))}
    head, dot, last = asked.rpartition(".")
    alias = head + dot + ALIASES.get(last, last)
    return short.get(alias) or short.get(asked)


def _metric(asked: str, base: Mapping[str, Any], place: str, problems: list[Problem]) -> str | None:
    # text is no quantity; a metric that is unknown in this run may be known in others
    names = [name for name, value in base.items() if not isinstance(value, str)]
    found = metric_named(asked, names)
    if found is None:
        problems.append(Problem(path=place, what=f"no metric {asked!r}; {near_names(asked, {*map(_without_unit, names), *_usable(names)})}"))
    return found


def _usable(names: Iterable[str]) -> list[str]:
    known = {_without_unit(name) for name in names}
    return [alias for alias, name in ALIASES.items() if name in known]


def _without_unit(name: str) -> str:
    from sim.report.quantities import UNITS

    suffix = next((suffix for suffix in UNITS if name.endswith(suffix)), "")
    return name if suffix.startswith("_per_") else name.removesuffix(suffix)


def _limit(metric: str, text: str) -> float:
    unit = unit_of(metric)
    dimension = _DIMENSIONS.get(unit or "", "ratio" if unit == "1" and not metric.endswith("_count") else "count")
    if metric.rpartition(".")[2] == ACCURACY:
        dimension = "ratio"
    return parse_quantity(_plain(text), dimension) / (_COULOMBS_PER_AH if unit == "Ah" else 1.0)


def _plain(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
