"""Rows of a CSV file with the line each stands on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from sim.errors import EdgesimError, Problem


def numbered_rows(reader: Any, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of a ``csv.reader`` that are not empty, with their line. Raises EdgesimError where the csv module complains."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise EdgesimError(Problem(file, getattr(reader, "line_num", 0), what=f"not CSV: {error}")) from None
        if row:
            yield getattr(reader, "line_num", 0), row
