"""Lines of a report as an SVG picture of a terminal: the same bytes for the same lines, and nothing fetched from anywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.report.atomic_file import atomic_file
from sim.report.safe_text import printable

if TYPE_CHECKING:
    from rich.text import Text

# rich's own format names fonts that a browser would fetch; this one takes what monospaced font there is. Positions are rich's: every
# piece of text states its length, so that columns stand under each other in any of them.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>{title}</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: ui-sans-serif, system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal_svg(lines: Sequence[Text], width: int, title: str) -> str:
    """The lines on a dark terminal of ``width`` columns, as SVG text. ``title`` stands in its frame and is read aloud."""
    from html import escape

    from rich.console import Console

    console = Console(record=True, file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", markup=False, highlight=False, emoji=False)
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop", crop=True)
    shown = printable(title, 100)
    return console.export_svg(title=shown, code_format=_FORMAT.replace("{title}", escape(shown).replace("{", "{{").replace("}", "}}")), unique_id="edgesim")


def write_terminal_svg(lines: Sequence[Text], width: int, title: str, file: Path) -> None:
    """:func:`terminal_svg` into a file, whole or not at all. Raises EdgesimError where it cannot be written."""
    with atomic_file(file) as stream:
        stream.write(terminal_svg(lines, width, title))
