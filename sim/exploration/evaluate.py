"""A point evaluated: the base scenario with its changes, run and measured."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.experiment.compiled import Compiled
from sim.experiment.names import known_names
from sim.experiment.optimize.changes import SetPath, changed
from sim.experiment.simulate import prepare
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point, outermost_first
from sim.report.budgets import judge
from sim.report.flat_metrics import flat_metrics
from sim.report.metrics import measure
from sim.scenario.known import Known
from sim.scenario.loading import LoadedScenario, load_scenario

NOT_RUN = ("sweep", "search", "optimize")  # sections of a scenario that say what to explore


@dataclass
class Evaluator:
    """``data``: the base scenario as plain data; ``directory``: where its relative files are.

    Calling it gives what ``edgesim run`` with these changes would measure, without intervals. Pickled it is the recipe alone: each process fills
    its own cache of graphs and programs.
    """

    data: Mapping[str, Any]
    directory: Path = Path()
    compiled: Compiled = field(default_factory=Compiled, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"data": self.data, "directory": self.directory}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __call__(self, point: Point) -> Outcome:
        """Raises nothing for what a user can do wrong: that is an outcome with status ``mistake``."""
        began_s = time.process_time()
        canonical = ""
        try:
            loaded = self.loaded(point.changes)
            canonical = loaded.canonical_text()
            result = prepare(loaded, self.compiled).run()
        except EdgesimError as error:
            return mistake(point, canonical, error.problems, time.process_time() - began_s)
        metrics = measure(result)
        row = flat_metrics(metrics, judge(metrics, result.scenario, result.device))
        return Outcome(point, digest(canonical), canonical, row, (), "done", time.process_time() - began_s)

    def loaded(self, changes: Sequence[tuple[str, Any]]) -> LoadedScenario:
        """The base scenario with changes. Raises EdgesimError."""
        data = changed(self._base, [SetPath(path, value) for path, value in outermost_first(changes)])
        return load_scenario(data, known=self._known, directory=self.directory)

    @cached_property
    def base_text(self) -> str:
        """The canonical text of the base scenario. Raises EdgesimError where it is none."""
        return self.loaded(()).canonical_text()

    @cached_property
    def base_digest(self) -> str:
        """What points are told apart by, beside their changes. Raises EdgesimError."""
        return digest(self.base_text)

    @cached_property
    def _base(self) -> Mapping[str, Any]:
        return {key: value for key, value in self.data.items() if key not in NOT_RUN}

    @cached_property
    def _known(self) -> Known:
        return known_names()


def digest(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def mistake(point: Point, canonical: str, problems: Sequence[Problem], cpu_s: float) -> Outcome:
    """The outcome of a point that has no run because of what it asks for."""
    found = tuple(": ".join(part for part in (problem.path, problem.what) if part) for problem in problems)
    return Outcome(point, digest(canonical) if canonical else "", canonical, {}, found, "mistake", cpu_s)
