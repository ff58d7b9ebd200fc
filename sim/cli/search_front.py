"""Scenarios of a front as files that run alone: the user's own text with what a trial chose, without the section search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.report.search_rows import SearchRow, SearchSummary

_EXPLORING = ("search", "sweep", "optimize")  # sections that say what to try


def check_folder(folder: Path) -> None:
    """Before anything is run. Raises EdgesimError where files cannot be put there."""
    from sim.errors import EdgesimError

    if folder.exists() and not folder.is_dir():
        raise EdgesimError(f"--write-front {str(folder)!r} is a file; name a folder")
    if not folder.exists() and not folder.parent.is_dir():
        raise EdgesimError(f"--write-front {str(folder)!r}: there is no folder {str(folder.parent)!r}")
    if folder.is_dir() and any(folder.glob("front_*.yaml")):
        raise EdgesimError(f"--write-front {str(folder)!r} holds a front already (front_*.yaml); name another folder, or remove them")


def write_front(folder: Path, path: Path, data: dict[str, Any], directory: Path, found: SearchSummary) -> None:
    """One file for each scenario of the front; ``data``: the scenario as plain data, ``directory``: where its relative files are. Raises EdgesimError."""
    folder.mkdir(exist_ok=True)
    for row in found.front:
        write_scenario(folder / f"front_{row.number:04d}.yaml", path, data, directory, row, _said(found, row))


def write_scenario(output: Path, path: Path, data: dict[str, Any], directory: Path, row: SearchRow, said: Sequence[str]) -> None:
    """A trial's scenario; ``said``: lines at its head. Raises EdgesimError where it cannot be written."""
    from sim.experiment.names import known_names
    from sim.experiment.optimize.changes import Put, SetPath, changed
    from sim.exploration.point import outermost_first
    from sim.report.atomic_file import atomic_file
    from sim.report.safe_text import printable
    from sim.report.scenario_yaml import moved_paths
    from sim.scenario.loading import load_scenario
    from sim.scenario.yaml_text import rewritten

    folder = output.resolve().parent
    base = {key: value for key, value in data.items() if key not in _EXPLORING}
    wanted = changed(base, [SetPath(name, value) for name, value in outermost_first(row.changes)])
    scenario = load_scenario(wanted, known=known_names(), directory=directory).scenario
    wanted = changed(wanted, [Put(place, text) for place, text in moved_paths(scenario, directory, folder).items()])
    with path.open(encoding="utf-8-sig", newline="") as stream:
        text = rewritten(stream.read(), wanted)
    load_scenario(text, known=known_names(), directory=folder)
    with atomic_file(output) as out:
        out.write("".join(f"# {printable(line)}\n" for line in said) + text)


def _said(found: SearchSummary, row: SearchRow) -> list[str]:
    from sim.report.search_page import value_text

    values = ", ".join(f"{one.asked} {value_text(one.metric, value)}" for one, value in zip(found.objectives, row.values, strict=True))
    lines = [f"By edgesim search {found.name}, {found.sampler}, trial {row.number}{' (the knee of the front)' if row.is_knee else ''}: {values}"]
    return [*lines, *(f"accuracy: {basis}" for basis in found.basis[:1])]
