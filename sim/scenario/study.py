"""Studies: YAML files about more than one device (a fleet that offloads, federated rounds, a roll-out), each told by a key of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from sim.errors import EdgesimError, Problem
from sim.scenario.known import Known
from sim.scenario.loading import Read, in_order, read_source
from sim.scenario.model import Scenario
from sim.scenario.part import Name, Part, Whole
from sim.scenario.positions import Places
from sim.scenario.raw import Raw
from sim.scenario.schema_problems import schema_problems
from sim.scenario.study_kinds import STUDIES
from sim.scenario.sweep_checks import sweep_findings


class Study(Part):
    """What every study has. A kind of study adds the key it is told by, which holds the rest."""

    name: Name = Field(description="a short name; results are filed under it")
    description: str = Field(default="", description="what the study shows")
    seed: Whole = Field(default=0, ge=0, lt=2**63, description="of all random numbers; the same seed gives the same result")
    sweep: dict[str, Any] | None = Field(default=None, description="what `edgesim sweep` varies: {PATH: [values], seed: range(5)}")


@dataclass(frozen=True)
class StudyContext:
    """What the checks of a study may look at: its plain data, where they were written, known names, and where relative files are."""

    data: Any
    places: Places
    known: Known
    directory: FilePath


@dataclass(frozen=True)
class StudyKind:
    """A kind of study: its types, and the checks that types cannot make. ``check`` reads the plain data, and gives problems with their places."""

    model: type[Study]
    check: Callable[[StudyContext], Iterable[Problem]]


@dataclass(frozen=True)
class LoadedStudy:
    """A study and where it came from; see :class:`sim.scenario.loading.LoadedScenario`. ``kind``: the key it is told by."""

    study: Study
    kind: str
    directory: FilePath
    file: str
    places: Places = field(default_factory=Places, repr=False, compare=False)

    def canonical_text(self) -> str:
        """Everything that was written and determines the result, as one line of JSON; files stand by name."""
        return json.dumps(self.study.model_dump(mode="json", by_alias=True, exclude={"description", "sweep"}), separators=(",", ":"), allow_nan=False)


def study_kind(data: Any) -> str | None:
    """The kind of study that plain data are; None: a scenario of one device."""
    return next((key for key in STUDIES if key in data), None) if isinstance(data, Mapping) else None


def kind_of(key: str) -> StudyKind:
    """The kind of study that has this key."""
    kind: StudyKind = import_module(STUDIES[key]).KIND
    return kind


def model_of(data: Any) -> type[BaseModel]:
    """What plain data are to become: a study of their kind, or a scenario."""
    key = study_kind(data)
    return Scenario if key is None else kind_of(key).model


def load_study(
    source: str | FilePath | Mapping[str, Any],
    *,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    known: Known | None = None,
    directory: str | FilePath | None = None,
) -> LoadedStudy | None:
    """Load and check a study; None if it is a scenario of one device. Arguments and errors as :func:`sim.scenario.loading.load_scenario`."""
    read = read_source(source, overrides, seed, model_of)
    return None if study_kind(read.data) is None else loaded_study(read, known, directory)


def loaded_study(read: Read, known: Known | None = None, directory: str | FilePath | None = None) -> LoadedStudy:
    """What was read of a study, checked; see :func:`load_study`. Raises EdgesimError with all problems found."""
    key = str(study_kind(read.data))
    kind = kind_of(key)
    folder = read.directory if directory is None else FilePath(directory)
    study, found = None, list[Problem]()
    try:
        study = kind.model.model_validate(read.data, by_alias=True, by_name=False)
    except ValidationError as error:
        found += schema_problems(error, kind.model, read.places)
    wrong = {(problem.file, problem.line, problem.column, problem.path) for problem in found}
    checked = kind.check(StudyContext(read.data, read.places, known or Known(), folder))
    checked = [*checked, *(read.places.problem(one.path, one.what, at_key=one.at_key) for one in sweep_findings(Raw(read.data)))]
    found += [problem for problem in checked if (problem.file, problem.line, problem.column, problem.path) not in wrong]
    if read.problems or found or study is None:
        raise EdgesimError(in_order(read.problems, found))
    return LoadedStudy(study, key, folder, read.file, read.places)
