"""The winning scenario as a file: the user's own text with the changes in it, complete or not at all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.experiment.optimize.optimizer import Optimizer
    from sim.experiment.optimize.techniques import Choice
    from sim.report.optimization_metrics import RunMeasures
    from sim.scenario.loading import LoadedScenario


def check_output(args: argparse.Namespace, loaded: LoadedScenario) -> None:
    """Before anything is run: whether the winner may and can be written where it is to be. Raises EdgesimError."""
    from sim.errors import EdgesimError

    for flag, path in (("-o", args.output), ("--json", args.json)):
        if path is None:
            continue
        if path.is_dir():
            raise EdgesimError(f"{flag} {str(path)!r} is a folder; name a file in it")
        if not path.parent.is_dir():
            raise EdgesimError(f"{flag} {str(path)!r}: there is no folder {str(path.parent)!r}")
        if path.exists() and path.samefile(loaded.file) and not (flag == "-o" and args.force):
            mend = "; name another file, or say --force" if flag == "-o" else "; name another file"
            raise EdgesimError(f"{flag} {str(path)!r} would overwrite the scenario itself{mend}")
    if args.output and args.json and args.output.resolve() == args.json.resolve():
        raise EdgesimError(f"-o and --json name the same file {str(args.output)!r}")


def write_winner(args: argparse.Namespace, found: Optimizer[RunMeasures], winner: Choice, techniques: Sequence[str]) -> None:
    """Write the file; what it says was loaded before. Raises EdgesimError where it cannot be written."""
    from sim.report.atomic_file import atomic_file

    text = winner_text(args, found, winner, techniques)
    with atomic_file(args.output) as stream:
        stream.write(text)


def winner_text(args: argparse.Namespace, found: Optimizer[RunMeasures], winner: Choice, techniques: Sequence[str]) -> str:
    """The scenario as its file has it, with what ``--set`` and ``--seed`` say, the winner's changes, and paths as they read from the new place."""
    from sim.cli.shipped import scenario_path
    from sim.experiment.names import known_names
    from sim.experiment.optimize.changes import Put, changed
    from sim.report.safe_text import printable
    from sim.report.scenario_yaml import moved_paths
    from sim.scenario.loading import load_scenario, read_source
    from sim.scenario.yaml_text import rewritten

    path, folder = scenario_path(args.scenario), args.output.resolve().parent
    wanted = changed(read_source(path, args.overrides, args.seed).data, found.changes(winner))
    scenario = load_scenario(wanted, known=known_names(), directory=found.loaded.directory).scenario
    moves = moved_paths(scenario, found.loaded.directory, folder)
    wanted = changed(wanted, [Put(place, text) for place, text in moves.items()])
    with path.open(encoding="utf-8-sig", newline="") as stream:
        text = rewritten(stream.read(), wanted)
    load_scenario(text, known=known_names(), directory=folder)
    what = "; ".join(techniques) or "nothing that was tried is better than the scenario as it stands"
    return f"# By edgesim optimize {printable(Path(args.scenario).name)}: {printable(what)}\n{text}"
