"""``edgesim validate``: everything that would keep scenario files from running, with its place, and what they may not have meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.errors import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="scenario files, or names of shipped scenarios")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value first, such as duration=5s")


def run(args: argparse.Namespace) -> int:
    from sim.cli.failure import USER_ERROR, print_problems, print_warnings
    from sim.errors import EdgesimError
    from sim.report.safe_text import printable

    wrong = 0
    for file in args.files:
        try:
            warnings = _check(file, args.overrides)
        except EdgesimError as error:
            wrong += 1
            print_problems(error.problems)
        else:
            print_warnings(warnings)
            print(f"ok {printable(file)}")
    return USER_ERROR if wrong else 0


def _check(file: str, overrides: list[str]) -> Sequence[Problem]:
    """What somebody may not have meant. Raises EdgesimError for all that would keep a scenario or a study from running."""
    from sim.cli.loading import load, load_study

    study = load_study(file, overrides)
    if study is not None:
        import_module(f"sim.cli.study_{study.kind}").check(study)
        return ()
    from sim.experiment.simulate import prepare

    experiment = prepare(load(file, overrides))
    experiment.check()
    return experiment.warnings()
