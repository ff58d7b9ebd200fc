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
    is too long (the last if absent), by shortening or, with ``wrap``, over several lines."""
    from rich.text import Text

    from sim.report.console import console, print_lines

    target = console()
    shown = [[printable(cell) for cell in row] for row in rows]
    column = len(head) - 1 if flexible is None else flexible
    widths = [max(len(cell) for cell in cells) for cells in zip(head, *shown, strict=True)]
    _narrow(widths, column, target.width - gap * (len(widths) - 1))
    lines = [Text(_line(head, widths, right, gap), style="bold")]
    for row in shown:
        lines += [Text(line) for line in _lines(row, widths, right, column, wrap, gap)]
    print_lines(target, lines)


def _narrow(widths: list[int], first: int, room: int) -> None:
    """Make columns fit: first the flexible one gives way, then the widest of all, cell by cell."""
    widths[first] = max(min(widths[first], room - sum(widths) + widths[first]), min(widths[first], _LEAST))
    while sum(widths) > room and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[int], column: int, wrap: bool, gap: int) -> list[str]:
    import textwrap

    pieces = textwrap.wrap(row[column], widths[column]) if wrap else [shortened(row[column], widths[column])]
    row = [cell if index == column else shortened(cell, widths[index]) for index, cell in enumerate(row)]
    lines = []
    for number, piece in enumerate(pieces or [""]):
        cells = [piece if index == column else cell if number == 0 else "" for index, cell in enumerate(row)]
        lines.append(_line(cells, widths, right, gap))
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[int], gap: int) -> str:
    padded = [cell[:width].rjust(width) if index in right else cell[:width].ljust(width) for index, (cell, width) in enumerate(zip(cells, widths, strict=True))]
    return (" " * gap).join(padded).rstrip()
