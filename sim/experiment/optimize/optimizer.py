"""A scenario's search from end to end: models and techniques chosen, the baseline run, rules set up, everything tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal

from sim.errors import EdgesimError, Problem
from sim.experiment.locate import located
from sim.experiment.optimize.changes import Change
from sim.experiment.optimize.combinations import MAX_COMBINATIONS, beam, combinations_count, exhaustive
from sim.experiment.optimize.defaults import default_techniques
from sim.experiment.optimize.ladder import ladder
from sim.experiment.optimize.rules import Rules
from sim.experiment.optimize.search import Bench, M, Search
from sim.experiment.optimize.techniques import Choice, Step, changes_of, steps_of
from sim.experiment.optimize.trials import Trials
from sim.registry import near_names
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import Scenario
from sim.scenario.optimize import ACCURACY_DROP, DEFAULT_OBJECTIVE, LEAST_GAIN, TECHNIQUE_KINDS, OptimizeUse

SearchKind = Literal["ladder", "exhaustive", "beam", "auto"]
BEAM_WIDTH = 4


@dataclass(frozen=True)
class Options:
    """How to search. ``kinds``: only techniques of these kinds; ``most_steps``: at most so many together; ``beam_width``: of a beam."""

    search: SearchKind = "ladder"
    kinds: tuple[str, ...] = ()
    most_steps: int | None = None
    beam_width: int = BEAM_WIDTH
    accepts_unknown_accuracy: bool = False


@dataclass(frozen=True)
class Optimizer(Generic[M]):
    """What there is to search, before anything is run. ``untouched``: models that are left as they are, and why."""

    loaded: LoadedScenario
    models: tuple[str, ...]
    untouched: Mapping[str, str]
    steps: tuple[Step, ...]
    rules: Rules
    options: Options
    trials: Trials[M]

    def run(self, told: Callable[[Choice], None] | None = None) -> Search[M]:
        """Search. Raises EdgesimError where the scenario itself cannot be run, or nobody knows its objective."""
        bench = Bench(self.steps, self.rules, lambda choice: self.trials.run(self.changes(choice)), self.options.most_steps, told)
        first = bench.ran(bench.baseline)
        if first.measures is None:
            raise EdgesimError(located(first.problems, self.loaded.places, ()))
        if first.measures.values[self.rules.objective] is None:
            what = f"nobody knows {self.rules.objective} of this scenario as it stands, so nothing can be better; take another objective"
            raise EdgesimError(self.loaded.places.problem(("optimize", "objective"), what))
        try:
            return self._searched(bench)
        except EdgesimError as error:
            raise EdgesimError(located(error.problems, self.loaded.places, ())) from None

    def changes(self, choice: Choice) -> tuple[Change, ...]:
        """What a choice changes in the scenario."""
        return changes_of(self.steps, choice)

    def search_name(self) -> str:
        """Of the search that is made."""
        if self.options.search != "auto":
            return self.options.search
        return "exhaustive" if combinations_count(self.steps) <= MAX_COMBINATIONS else "beam"

    def _searched(self, bench: Bench[M]) -> Search[M]:
        name = self.search_name()
        if name == "exhaustive":
            return exhaustive(bench)
        return beam(bench, self.options.beam_width) if name == "beam" else ladder(bench)


def optimizer(loaded: LoadedScenario, trials: Trials[M], options: Options) -> Optimizer[M]:
    """The search that a scenario and options ask for. Raises EdgesimError with every mistake in them.

    ``trials``: of the scenario's plain data, with its ``optimize`` section.
    """
    use = loaded.scenario.optimize or OptimizeUse()
    models, untouched = _models(loaded, use)
    techniques = [*((trials.data.get("optimize") or {}).get("techniques") or default_techniques(loaded, models))]
    steps = steps_of(_of_kinds(techniques, options.kinds), models)
    if not steps:
        raise EdgesimError(loaded.places.problem(("optimize",), "nothing to try: no technique is for the models that are optimized"))
    budgets = loaded.scenario.budgets
    has_budget = budgets.accuracy is not None or any(each.accuracy is not None for each in budgets.per.values())
    given = None if use.accuracy_drop is None else float(use.accuracy_drop)
    rules = Rules(
        objective=use.objective or DEFAULT_OBJECTIVE,
        least_gain=LEAST_GAIN if use.least_gain is None else float(use.least_gain),
        accuracy_drop=given if given is not None or has_budget else ACCURACY_DROP,
        keeps_known=(has_budget or given is not None) and not options.accepts_unknown_accuracy,
    )
    return Optimizer(loaded, models, untouched, steps, rules, options, trials)


def _models(loaded: LoadedScenario, use: OptimizeUse) -> tuple[tuple[str, ...], dict[str, str]]:
    """The models to optimize, and those that are left out. Raises EdgesimError where none is left."""
    scenario, places = loaded.scenario, loaded.places
    running = _running(scenario)
    if not scenario.models:
        raise EdgesimError(places.problem((), "the scenario has no model to optimize", at_key=True))
    if use.models is not None:
        idle = [index for index, name in enumerate(use.models) if name not in running]
        if idle:
            raise EdgesimError(places.problem(("optimize", "models", index), f"no stage runs {use.models[index]!r}, so nothing would change") for index in idle)
        return tuple(dict.fromkeys(use.models)), {name: "not asked for" for name in scenario.models if name not in use.models}
    left_out = {name: "it is trained on the device" for name, model in scenario.models.items() if model.training is not None}
    left_out |= {name: "no stage runs it" for name in scenario.models if name not in running and name not in left_out}
    models = tuple(name for name in scenario.models if name not in left_out)
    if not models:
        raise EdgesimError(places.problem(_blame(name, why), f"nothing to optimize: {why}", at_key=True) for name, why in left_out.items())
    return models, left_out


def _blame(name: str, why: str) -> tuple[str, ...]:
    return ("models", name, "training") if "trained" in why else ("models", name)


def _running(scenario: Scenario) -> set[str]:
    """Models that some stage may run."""
    found = set[str]()
    for workload in scenario.workloads.values():
        for stage in workload.pipeline:
            found.update(name for key in ("model", "generate") if (name := getattr(stage, key, None)))
            select = getattr(stage, "select", None)
            found.update(select.among if select is not None else ())
    drafts = [model.serving.draft.model for model in scenario.models.values() if model.serving and model.serving.draft]
    return found.union(drafts)


def _of_kinds(techniques: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> list[Mapping[str, Any]]:
    """Those of the kinds asked for. Raises EdgesimError for a kind that does not exist, or of which there is nothing."""
    if not kinds:
        return list(techniques)
    unknown = [kind for kind in kinds if kind not in TECHNIQUE_KINDS]
    if unknown:
        raise EdgesimError(Problem("--techniques", what=f"unknown technique {kind!r}; {near_names(kind, TECHNIQUE_KINDS)}") for kind in unknown)
    found = [technique for technique in techniques if any(kind in technique for kind in kinds)]
    if not found:
        raise EdgesimError(Problem("--techniques", what=f"there is nothing of {', '.join(kinds)} to try here; write techniques out: '[{{threads: [1, 2]}}]'"))
    return found
