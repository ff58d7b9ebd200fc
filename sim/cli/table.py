"""Aligned columns on the terminal, plain when piped."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report.safe_text import printable, shortened

GAP = 2
_LEAST = 12  # cells that every column keeps


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (), flexible: int | None = None, wrap: bool = False, gap: int = GAP
) -> None:
    """Print rows under a head. ``right``: columns aligned to the right; ``flexible``: the column that gives way when the line
    is too long (the last if absent), by shortening; with ``wrap`` no text is lost: a cell takes several lines where it has to."""
    from rich.text import Text

    from sim.report.console import console, print_lines

    target = console()
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(head, *shown, strict=True)]
    _narrow(widths, flexible if flexible is not None or wrap else len(head) - 1, target.width - gap * (len(widths) - 1))
    lines = [Text(line, style="bold") for line in _lines(head, widths, right, wrap, gap)]
    for row in shown:
        lines += [Text(line) for line in _lines(row, widths, right, wrap, gap)]
    print_lines(target, lines)


def _narrow(widths: list[int], first: int | None, room: int) -> None:
    """Make columns fit: first the flexible one gives way, then the widest of all, cell by cell."""
    if first is not None:
        widths[first] = max(min(widths[first], room - sum(widths) + widths[first]), min(widths[first], _LEAST))
    while sum(widths) > room and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[int], wrap: bool, gap: int) -> list[str]:
    import textwrap
    from itertools import zip_longest

    columns = [textwrap.wrap(cell, width) if wrap else [shortened(cell, width)] for cell, width in zip(row, widths, strict=True)]
    return [_line(cells, widths, right, gap) for cells in zip_longest(*columns, fillvalue="")] or [""]


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[int], gap: int) -> str:
    padded = [cell[:width].rjust(width) if index in right else cell[:width].ljust(width) for index, (cell, width) in enumerate(zip(cells, widths, strict=True))]
    return (" " * gap).join(padded).rstrip()
