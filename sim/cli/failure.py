"""Errors as a user reads them: a line per problem, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from sim.errors import EdgesimError, Problem
from sim.report.safe_text import printable

MAX_SHOWN = 100
USER_ERROR = 2
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


def report_failure(error: Exception) -> int:
    """Print a user's mistakes, or the traceback of a fault of edgesim itself; returns the exit code."""
    if isinstance(error, EdgesimError):
        print_problems(error.problems)
        return USER_ERROR
    import traceback

    traceback.print_exception(error)
    print("error: this is a fault of edgesim, not of your input; please report it with the lines above", file=sys.stderr)
    return INTERNAL_ERROR


def print_warnings(warnings: Sequence[Problem]) -> None:
    """As problems, but each says that it is only a warning."""
    for warning in warnings[:MAX_SHOWN]:
        print(printable(replace(warning, what=f"warning: {warning.what}")), file=sys.stderr)


def print_problems(problems: tuple[Problem, ...]) -> None:
    """On standard error, a line each: ``file:line:col: path: what``, which editors can follow; behind ``error: `` if there is no place."""
    for problem in problems[:MAX_SHOWN]:
        print(("" if problem.file else "error: ") + printable(problem), file=sys.stderr)
    if len(problems) > MAX_SHOWN:
        print(f"and {len(problems) - MAX_SHOWN} more", file=sys.stderr)
