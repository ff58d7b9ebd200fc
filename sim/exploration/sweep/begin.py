"""A sweep made ready: read with its axes, each value of each axis tried, and told apart from all other sweeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.exploration.evaluate import Evaluator, digest
from sim.exploration.store.record import SweepRecord
from sim.exploration.sweep.points import Changes, count_points, probes
from sim.scenario.known import Known
from sim.scenario.loading import LoadedScenario, Read, loaded_scenario
from sim.scenario.positions import Place, Places
from sim.scenario.sweep import Sweep, read_sweep
from sim.scenario.yaml_source import parse_yaml

_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Ready:
    """A sweep that may begin. ``count``: of its points."""

    loaded: LoadedScenario
    sweep: Sweep
    evaluate: Evaluator
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
    loaded = loaded_scenario(read, known)
    if loaded.scenario.sweep is None:
        what = "nothing is varied: add a section such as sweep: {device.memory.bandwidth: [20 GB/s, 40 GB/s]}, or --axis 'PATH=[values]'"
        raise EdgesimError(Problem(loaded.file, what=what))
    sweep, wrong = read_sweep(read.data["sweep"])
    if sweep is None:
        raise EdgesimError([read.places.problem(("sweep", *below), what) for below, what in wrong])
    evaluate = Evaluator(read.data, loaded.directory)
    _try_values(sweep, evaluate, read.data["sweep"], read.places)
    count = count_points(sweep)
    if not count:
        raise EdgesimError(read.places.problem(("sweep", "where"), "rules out every combination of the axes: nothing is left to run"))
    return Ready(loaded, sweep, evaluate, _record(sweep, read.data["sweep"], evaluate, loaded, count), count)


def _try_values(sweep: Sweep, evaluate: Evaluator, section: Mapping[str, Any], places: Places) -> None:
    problems: dict[tuple[str, str], Problem] = {}
    for tried, changes in probes(sweep):
        try:
            evaluate.loaded(changes)
        except EdgesimError as error:
            for problem in error.problems:
                problems.setdefault((problem.path, problem.what), _placed(problem, tried, changes, section, places))
    found = list(problems.values())
    if found:
        more = [Problem(what=f"and {len(found) - _MOST_PROBLEMS} more mistakes")] if len(found) > _MOST_PROBLEMS else []
        raise EdgesimError([*found[:_MOST_PROBLEMS], *more])


def _placed(problem: Problem, tried: str, changes: Changes, section: Mapping[str, Any], places: Places) -> Problem:
    """At the axis whose value it is of, and at the value where that stands by itself."""
    values = dict(changes)
    owner = next((path for path in values if problem.path and _leads_to(path, problem.path)), tried or changes[0][0])
    value, written = values[owner], section.get(owner)
    at: tuple[str | int, ...] = ("sweep", owner)
    if isinstance(written, list) and value in written:
        at = (*at, written.index(value))
    what = problem.what if problem.path in ("", owner) else f"{problem.path}: {problem.what}"
    return places.problem(at, f"{value}: {what}" if isinstance(value, str | int | float) else what)


def _leads_to(path: str, place: str) -> bool:
    return place == path or place.startswith(path + ".") or path.startswith(place + ".")


def _record(sweep: Sweep, section: Any, evaluate: Evaluator, loaded: LoadedScenario, count: int) -> SweepRecord:
    text = json.dumps(section, separators=(",", ":"), default=str)  # the order of axes is that of the points
    axes = tuple(axis.path for axis in sweep.axes) + (("seed",) if sweep.replications > 1 else ())
    return SweepRecord(
        sweep_id=digest(f"{evaluate.base_digest}\n{text}"),
        base_digest=evaluate.base_digest,
        scenario=evaluate.base_text,
        axes=axes,
        description=loaded.scenario.name,
        points=count,
    )
