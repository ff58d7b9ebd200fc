"""A sweep made ready: read with its axes, each value of each axis tried, and told apart from all other sweeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.exploration.evaluate import Evaluator, digest
from sim.exploration.evaluate_study import StudyEvaluator
from sim.exploration.store.record import SweepRecord
from sim.exploration.sweep.points import Changes, count_points, probes
from sim.scenario.known import Known
from sim.scenario.loading import Read, loaded_scenario
from sim.scenario.positions import Place, Places
from sim.scenario.study import LoadedStudy, loaded_study, study_kind
from sim.scenario.sweep import SETTINGS, Sweep, read_sweep
from sim.scenario.sweep_checks import NOT_VARIED
from sim.scenario.yaml_source import parse_yaml

_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Ready:
    """A sweep that may begin. ``count``: of its points."""

    name: str
    title: str  # of the device, or of the kind of study
    seed: int
    sweep: Sweep
    evaluate: Evaluator | StudyEvaluator
    record: SweepRecord
    count: int


def with_axes(read: Read, axes: Mapping[str, str]) -> None:
    """Add axes (path -> values as YAML text, such as ``[1, 2]``) to what was read. Mistakes in them are told as of ``--axis PATH``. Raises EdgesimError."""
    if not isinstance(read.data, dict):
        return  # loading says what is wrong
    section = read.data.get("sweep")
    section = dict(section) if isinstance(section, dict) else {}
    problems: list[Problem] = []
    for path, text in axes.items():
        document = parse_yaml(text, f"--axis {path}")
        problems += document.problems
        section[path] = document.data
        at = ("sweep", path)
        read.places.replace(at, Places.everywhere(document.data, Place(f"--axis {path}", below=at), at))
    if problems:
        raise EdgesimError(problems)
    if axes:
        read.places.values.setdefault(("sweep",), Place(read.file))
        read.data["sweep"] = section


def ready_sweep(read: Read, known: Known) -> Ready:
    """Check everything that can be checked without running a point. Raises EdgesimError with all mistakes found."""
    try:
        loaded = loaded_scenario(read, known) if study_kind(read.data) is None else loaded_study(read, known)
    except EdgesimError as error:
        raise EdgesimError([*error.problems, *_first_few(_wrong_in_the_rest(read))]) from None
    written = loaded.study if isinstance(loaded, LoadedStudy) else loaded.scenario
    if written.sweep is None:
        what = "nothing is varied: add a section such as sweep: {device.memory.bandwidth: [20 GB/s, 40 GB/s]}, or --axis 'PATH=[values]'"
        raise EdgesimError(Problem(loaded.file, what=what))
    sweep, wrong = read_sweep(read.data["sweep"])
    if sweep is None:
        raise EdgesimError([read.places.problem(("sweep", *below), what) for below, what in wrong])
    evaluate = evaluator_of(read)
    found = [*_wrong_values(sweep, evaluate, read), *_wrong_seeds(sweep, written.seed, evaluate, read)]
    if found:
        raise EdgesimError(_first_few(found))
    count = count_points(sweep)
    if not count:
        raise EdgesimError(read.places.problem(("sweep", "where"), "rules out every combination of the axes: nothing is left to run"))
    varied = any(axis.path == "device" for axis in sweep.axes)
    title = f"{loaded.kind} study" if isinstance(loaded, LoadedStudy) else "several devices" if varied else loaded.device.title
    return Ready(written.name, title, written.seed, sweep, evaluate, _record(sweep, read.data["sweep"], evaluate, written.name, count), count)


def evaluator_of(read: Read) -> Evaluator | StudyEvaluator:
    """What evaluates points of the scenario or study that was read."""
    return Evaluator(read.data, read.directory) if study_kind(read.data) is None else StudyEvaluator(read.data, read.directory)


def _first_few(problems: list[Problem]) -> list[Problem]:
    more = [Problem(what=f"and {len(problems) - _MOST_PROBLEMS} more mistakes")] if len(problems) > _MOST_PROBLEMS else []
    return [*problems[:_MOST_PROBLEMS], *more]


def _wrong_in_the_rest(read: Read) -> list[Problem]:
    """Mistakes in those axes that can be read, of a section that has others; none where the scenario itself is wrong."""
    section = read.data.get("sweep") if isinstance(read.data, dict) else None
    if not isinstance(section, dict):
        return []
    axes = {path: values for path, values in section.items() if isinstance(path, str) and path not in SETTINGS and path.split(".")[0] not in NOT_VARIED}
    sweep, _ = read_sweep({path: values for path, values in axes.items() if read_sweep({path: values})[0] is not None})
    evaluate = evaluator_of(read)
    if sweep is None or _problems_of(evaluate, ()):
        return []
    return _wrong_values(sweep, evaluate, read)


def _problems_of(evaluate: Evaluator | StudyEvaluator, changes: Changes) -> Sequence[Problem]:
    try:
        evaluate.loaded(changes)
    except EdgesimError as error:
        return error.problems
    return ()


def _wrong_values(sweep: Sweep, evaluate: Evaluator | StudyEvaluator, read: Read) -> list[Problem]:
    found: dict[tuple[str, str], Problem] = {}
    for tried, changes in probes(sweep):
        for problem in _problems_of(evaluate, changes):
            if (problem.path, problem.what) not in found:
                owner = _owner(problem, changes) or tried or _blamed(problem, changes, evaluate)
                found[problem.path, problem.what] = _placed(problem, owner, dict(changes)[owner], read)
    return list(found.values())


def _wrong_seeds(sweep: Sweep, seed: int, evaluate: Evaluator | StudyEvaluator, read: Read) -> list[Problem]:
    """Seeds of replications go up from the scenario's own, which may leave no room for them."""
    last = seed + sweep.replications - 1
    if sweep.replications == 1 or not (wrong := _problems_of(evaluate, (("seed", last),))):
        return []
    return [read.places.problem(("sweep", "replications"), f"the last of them has seed {last}: {problem.what}") for problem in wrong]


def _owner(problem: Problem, changes: Changes) -> str:
    """The axis that a problem's path lies in, if there is one."""
    return next((path for path, _ in changes if problem.path and _leads_to(path, problem.path)), "")


def _blamed(problem: Problem, changes: Changes, evaluate: Evaluator | StudyEvaluator) -> str:
    """The axis without which the problem is not there; the first where several have a part in it."""
    for path, _ in changes:
        rest = tuple(change for change in changes if change[0] != path)
        if all((other.path, other.what) != (problem.path, problem.what) for other in _problems_of(evaluate, rest)):
            return path
    return changes[0][0]


def _placed(problem: Problem, owner: str, value: Any, read: Read) -> Problem:
    """At the axis whose value it is of, and at the value where that stands by itself."""
    written = read.data["sweep"].get(owner)
    at: tuple[str | int, ...] = ("sweep", owner)
    if isinstance(written, list) and value in written:
        at = (*at, written.index(value))
    what = problem.what if problem.path in ("", owner) else f"{problem.path}: {problem.what}"
    return read.places.problem(at, f"{value}: {what}" if isinstance(value, str | int | float) else what)


def _leads_to(path: str, place: str) -> bool:
    return place == path or place.startswith(path + ".") or path.startswith(place + ".")


def _record(sweep: Sweep, section: Any, evaluate: Evaluator | StudyEvaluator, name: str, count: int) -> SweepRecord:
    text = json.dumps(section, separators=(",", ":"), default=str)  # the order of axes is that of the points
    axes = tuple(axis.path for axis in sweep.axes) + (("seed",) if sweep.replications > 1 else ())
    return SweepRecord(
        sweep_id=digest(f"{evaluate.base_digest}\n{text}"),
        base_digest=evaluate.base_digest,
        scenario=evaluate.base_text,
        axes=axes,
        description=name,
        points=count,
    )
