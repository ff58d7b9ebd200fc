"""``edgesim validate``: everything that would keep scenario files from running, with its place."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="scenario files, or names of shipped scenarios")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value first, such as duration=5s")


def run(args: argparse.Namespace) -> int:
    from sim.cli.failure import USER_ERROR, print_problems
    from sim.cli.loading import load
    from sim.errors import EdgesimError
    from sim.experiment.simulate import prepare
    from sim.report.safe_text import printable

    wrong = 0
    for file in args.files:
        try:
            prepare(load(file, args.overrides)).check()
        except EdgesimError as error:
            wrong += 1
            print_problems(error.problems)
        else:
            print(f"ok {printable(file)}")
    return USER_ERROR if wrong else 0
