"""What the stills share: colours that any kind of colour vision tells apart, and prefixes on axes."""

from __future__ import annotations

from typing import Any

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#6f5fc6", "#4d4d4d", "#00838f")  # after Okabe and Ito
SIZE = (6.4, 3.0)  # inches: a column and a half of a paper


def color(number: int) -> str:
    """The colour of the n-th thing."""
    return COLORS[number % len(COLORS)]


def plain(axes: Any) -> None:
    """A frame on two sides, a light grid behind."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def written(text: str, most: int = 48) -> str:
    """A name as matplotlib draws it as it stands: no mathematics between dollar signs, no more than fits."""
    return (text if len(text) <= most else text[: most - 3] + "...").replace("$", r"\$")


def in_unit(axis: Any, unit: str) -> None:
    """Ticks with prefixes: 20 ms instead of 0.02."""
    from matplotlib.ticker import EngFormatter

    axis.set_major_formatter(EngFormatter(unit=unit))
