"""The rich console a report is printed on: no markup, no guessing, colours only where the terminal shows them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from sim.report.glyphs import Glyphs, glyphs_for

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MIN_WIDTH = 60
MAX_WIDTH = 160
PIPED_WIDTH = 100


def console(stream: IO[str] | None = None) -> Console:
    """A console on ``stream`` (standard output). ``NO_COLOR``, ``TERM=dumb`` and pipes give plain text; markup in names stays text."""
    from rich.console import Console

    out = stream or sys.stdout
    return Console(file=out, markup=False, highlight=False, emoji=False, soft_wrap=True, width=report_width(out), legacy_windows=False)


def report_width(stream: IO[str]) -> int:
    """Columns of a report: ``COLUMNS`` if set, the terminal's, or 100 where there is none, so that piped output is stable."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit():
        width = int(wanted)
    elif stream.isatty():
        try:
            width = os.get_terminal_size(stream.fileno()).columns
        except OSError:
            width = PIPED_WIDTH
    else:
        width = PIPED_WIDTH
    return min(max(width, MIN_WIDTH), MAX_WIDTH)


def print_lines(target: Console, lines: Iterable[Text]) -> None:
    """Each line as it is: neither wrapped nor padded; blanks at its end are dropped."""
    for line in lines:
        line.rstrip()
        target.print(line, no_wrap=True, overflow="ignore", crop=False)


def stream_glyphs(stream: IO[str] | None = None) -> Glyphs:
    """The characters the stream's encoding can carry."""
    return glyphs_for(getattr(stream or sys.stdout, "encoding", None))
