"""The characters a report is drawn with: block elements where the terminal can show them, ASCII elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """``levels``: heights of a sparkline, lowest first; ``fills``: body of a block by stage; ``left``: its left edge.

    ``level``: a line behind a chart's curve; ``seam``: the same line where the curve covers it.
    """

    levels: str
    fills: str
    left: str
    rule: str
    tick: str
    corner: str
    end: str
    arrival: str
    answered: str
    missed: str
    times: str
    at_most: str
    at_least: str
    ends: tuple[str, str]
    bar: str
    empty: str
    level: str
    seam: str


UNICODE = Glyphs(
    levels="▁▂▃▄▅▆▇█",
    fills="█▓▒░▚▞▀▄╳╱╲═",
    left="▐",
    rule="─",
    tick="┬",
    corner="├",
    end="┤",
    arrival="▼",
    answered="▲",
    missed="x",
    times="×",
    at_most="≤",
    at_least="≥",
    ends=("▏", "▕"),
    bar="━",
    empty="·",
    level="┄",
    seam="▓",
)
ASCII = Glyphs(
    levels="_.:-=+*#",
    fills="#=%*o+@&~:",
    left="|",
    rule="-",
    tick="+",
    corner="+",
    end="+",
    arrival="v",
    answered="^",
    missed="x",
    times="x",
    at_most="<=",
    at_least=">=",
    ends=("|", "|"),
    bar="=",
    empty=".",
    level="~",
    seam="%",
)
COLORS = ("cyan", "yellow", "green", "magenta", "blue", "bright_red", "bright_cyan", "bright_yellow", "bright_green", "bright_magenta", "bright_blue", "white")
_LETTERS = "abcdefghijklmnpqrstuwyz"


def glyphs_for(encoding: str | None) -> Glyphs:
    """Block elements for a UTF encoding, ASCII for any other."""
    return UNICODE if (encoding or "").lower().replace("_", "-").startswith("utf") else ASCII


def fill(glyphs: Glyphs, index: int) -> str:
    """The character blocks of the stage ``index`` are filled with; letters where the patterns run out."""
    if index < len(glyphs.fills):
        return glyphs.fills[index]
    return _LETTERS[(index - len(glyphs.fills)) % len(_LETTERS)]


def color(index: int) -> str:
    """The colour of the stage ``index``."""
    return COLORS[index % len(COLORS)]
