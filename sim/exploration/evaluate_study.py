"""A point of a study of many devices evaluated: the study with its changes, run and measured."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.experiment.names import known_names
from sim.exploration.evaluate import NOT_RUN, digest, mistake
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point, outermost_first
from sim.exploration.studies import measured_study
from sim.report.flat_metrics import flat_study
from sim.scenario.overrides import apply_overrides
from sim.scenario.positions import Places
from sim.scenario.study import LoadedStudy, kind_of, load_study, study_kind


@dataclass
class StudyEvaluator:
    """See :class:`sim.exploration.evaluate.Evaluator`: the same for studies."""

    data: Mapping[str, Any]
    directory: Path = Path()

    def __call__(self, point: Point) -> Outcome:
        """Raises nothing for what a user can do wrong: that is an outcome with status ``mistake``."""
        began_s = time.process_time()
        canonical = ""
        try:
            loaded = self.loaded(point.changes)
            canonical = loaded.canonical_text()
            metrics, verdicts = measured_study(loaded)
        except EdgesimError as error:
            return mistake(point, canonical, error.problems, time.process_time() - began_s)
        return Outcome(point, digest(canonical), canonical, flat_study(metrics, verdicts), (), "done", time.process_time() - began_s)

    def loaded(self, changes: Sequence[tuple[str, Any]]) -> LoadedStudy:
        """The base study with changes. Raises EdgesimError."""
        data = deepcopy({key: value for key, value in self.data.items() if key not in NOT_RUN})
        model = kind_of(str(study_kind(data))).model
        problems: list[Problem] = []
        for path, value in outermost_first(changes):
            found = apply_overrides(data, Places(), [f"{path}={json.dumps(value)}"], model)
            problems += [Problem(what=problem.what, path=path) for problem in found]
        if problems:
            raise EdgesimError(problems)
        loaded = load_study(data, known=known_names(), directory=self.directory)
        assert loaded is not None  # it has the key of its kind
        return loaded

    @cached_property
    def base_text(self) -> str:
        """The canonical text of the base study. Raises EdgesimError where it is none."""
        return self.loaded(()).canonical_text()

    @cached_property
    def base_digest(self) -> str:
        """What points are told apart by, beside their changes. Raises EdgesimError."""
        return digest(self.base_text)
