"""Everything a search needs, from a loaded scenario: its space, how points are evaluated, and what they are judged by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.exploration.evaluate import Evaluator
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.search.accuracy import WithAccuracy, accuracy_provider
from sim.exploration.search.driver import Run, Search
from sim.exploration.search.goals import Goals, goals_of
from sim.exploration.search.samplers import SamplerPlan, automatic, sampler_named
from sim.exploration.search.space import SearchSpace, search_space
from sim.scenario.loading import LoadedScenario
from sim.scenario.search import SearchUse

GENERATION = 20  # trials
BRED = 30  # of nsga2: fewer lose too much of the front from one generation to the next
MISTAKES_TOLD = 20  # of values that make no scenario


@dataclass(frozen=True)
class Prepared:
    """``base``: the scenario as it stands, run. ``section``: with what the command line says instead."""

    section: SearchUse
    space: SearchSpace
    goals: Goals
    evaluator: Evaluator
    evaluate: Callable[[Point], Outcome]
    base: Outcome

    def generation(self, sampler: str) -> int:
        """Trials that are chosen together."""
        return self.section.generation or (BRED if sampler == "nsga2" else GENERATION)

    def search(self, sampler: str, run: Run) -> Search:
        """A search that has not begun. Raises EdgesimError where the sampler is not installed."""
        generation = self.generation(sampler)
        made = sampler_named(sampler, SamplerPlan(self.space, len(self.goals.objectives), generation, self.section.seed))
        return Search(self.space, self.goals, made, run, generation, self.section.seed)

    def sampler(self, trials: int) -> str:
        """The sampler's name; ``auto`` decides by the number of trials."""
        return automatic(trials, len(self.goals.objectives)) if self.section.sampler == "auto" else self.section.sampler

    def identity(self, sampler: str) -> str:
        """Equal for searches that propose the same trials in the same order, as far as they go."""
        section = self.section.model_dump(mode="json", exclude={"trials", "sampler", "generation"})
        text = json.dumps([self.evaluator.base_digest, section, sampler, self.generation(sampler)], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def prepared(loaded: LoadedScenario, data: Mapping[str, Any]) -> Prepared:
    """``data``: the scenario as plain data. Runs it once as it stands.

    Raises EdgesimError for all that cannot be followed: paths and values of the space, metrics, limits, tables of accuracies.
    """
    section = loaded.scenario.search
    if section is None:
        raise EdgesimError(Problem(loaded.file, what="no section search: say what may be chosen and what counts: search: {space: {...}, objectives: {...}}"))
    try:
        space = search_space(section.space, data["models"] if isinstance(data.get("models"), dict) else {})
        evaluator = Evaluator(data, loaded.directory)
        _check_values(loaded, evaluator, space)
        evaluate = _with_accuracy(loaded, section, evaluator)
        base = evaluate(Point(0, ()))
        if base.status != "done":
            raise EdgesimError(Problem(loaded.file, what="the scenario as it stands cannot be run: " + "; ".join(base.problems)))
        goals = goals_of(section, base.metrics, loaded.scenario.budgets != type(loaded.scenario.budgets)())
    except EdgesimError as error:
        raise EdgesimError([_placed(loaded, problem) for problem in error.problems]) from None
    return Prepared(section, space, goals, evaluator, evaluate, base)


def _placed(loaded: LoadedScenario, problem: Problem) -> Problem:
    """A problem of the section, at its line."""
    if problem.line or not problem.path.startswith("search."):
        return problem
    path = max((known for known in loaded.places.values if known and problem.path.startswith(".".join(map(str, known)))), key=len, default=())
    return loaded.places.problem(path, problem.what, at_key=True)


def _check_values(loaded: LoadedScenario, evaluator: Evaluator, space: SearchSpace) -> None:
    """Every value of every axis once (of ordered ones both ends), as a scenario; what is wrong is told at the axis."""
    base: set[str] | None = None
    found: dict[tuple[str, str], Problem] = {}
    for name, changes in space.probes():
        try:
            evaluator.loaded(changes)
            whats: dict[str, Problem] = {}
        except EdgesimError as error:
            whats = {problem.what: problem for problem in error.problems}
        if base is None:  # the first value of everything
            base = set(whats)
            name = _blamed(space, whats, changes)
        for what, problem in whats.items():
            if name or what not in base:
                found.setdefault((name, what), problem)
        if len(found) > MISTAKES_TOLD:
            break
    if found:
        raise EdgesimError(Problem(path=f"search.space.{name}" if name else "search.space", what=_told(name, problem)) for (name, _), problem in found.items())


def _told(name: str, problem: Problem) -> str:
    return problem.what if problem.path in ("", name) else f"{problem.path}: {problem.what}"


def _blamed(space: SearchSpace, whats: Mapping[str, Problem], changes: tuple[tuple[str, Any], ...]) -> str:
    """The axis that a mistake of the first combination is of, where its path says so."""
    for problem in whats.values():
        for path, _ in changes:
            if problem.path and (problem.path.startswith(path) or path.startswith(problem.path)):
                return next((decision.name for decision in space.decisions if decision.name == path), "")
    return ""


def _with_accuracy(loaded: LoadedScenario, section: SearchUse, evaluator: Evaluator) -> Callable[[Point], Outcome]:
    if section.accuracy is None:
        return evaluator
    models = list(loaded.scenario.models)
    model = section.accuracy.model or (models[0] if len(models) == 1 else None)
    if model is None or model not in models:
        what = f"no model {model!r}; " if model else "say which model it is of: model: NAME; "
        raise EdgesimError(Problem(path="search.accuracy", what=what + "models: " + ", ".join(models)))
    return WithAccuracy(evaluator, accuracy_provider(section.accuracy, loaded.directory), model, loaded.directory)
