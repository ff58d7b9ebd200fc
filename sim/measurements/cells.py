"""Cells of delimited text, each with the column of its first character."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

SEPARATORS = (",", ";", "\t")


class Cell(NamedTuple):
    """``text`` without quotes and outer blanks; ``column`` counts from 1."""

    text: str
    column: int


def separator_of(header: str) -> str:
    """The separator that occurs most in a header line; a comma if none does."""
    return max(SEPARATORS, key=header.count)


def split_cells(line: str, separator: str) -> list[Cell]:
    """The cells of one line. Quoted cells may hold separators and doubled quotes; a quote left open runs to the line's end."""
    cells, position = [], 0
    while True:
        start = position
        while start < len(line) and line[start] in " \t" and line[start] != separator:
            start += 1
        text, position = _quoted(line, start, separator) if line[start : start + 1] == '"' else _plain(line, start, separator)
        cells.append(Cell(text, start + 1))
        if position >= len(line):
            return cells
        position += 1


def _plain(line: str, start: int, separator: str) -> tuple[str, int]:
    end = line.find(separator, start)
    end = len(line) if end < 0 else end
    return line[start:end].strip(), end


def _quoted(line: str, start: int, separator: str) -> tuple[str, int]:
    position = start + 1
    while position < len(line):
        if line[position] == '"':
            if line[position + 1 : position + 2] != '"':
                break
            position += 1
        position += 1
    text = line[start + 1 : position].replace('""', '"').strip()
    end = line.find(separator, position + 1)
    return text, len(line) if end < 0 else end


def numbered_rows(lines: Iterable[str], separator: str, comment: str = "#") -> Iterator[tuple[int, list[Cell]]]:
    """(line from 1, cells) of every line that is neither blank nor a comment."""
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith(comment):
            yield number, split_cells(line, separator)
