"""The points of a sweep as a document for the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.errors import EdgesimError
from sim.report.run_file.document import FORMAT, RunDocument
from sim.report.safe_text import printable

MOST_POINTS = 20_000


def sweep_document(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], most: int = MOST_POINTS) -> RunDocument:
    """``columns``: (name, side) with side "own", "axis" or "metric". Raises EdgesimError where there are no points.

    Of more than ``most`` rows every n-th is on the page, which says so.
    """
    if not rows:
        raise EdgesimError("no points: the results file is empty, or the condition leaves none")
    every = -(-len(rows) // most)
    shown = [[_cell(value) for value in row] for row in rows[::every]]
    sweep = {"columns": [{"name": printable(name, 200), "side": side} for name, side in columns], "rows": shown, "left_out": len(rows) - len(shown)}
    return RunDocument({"format": FORMAT, "title": printable(title, 200), "sweep": sweep})


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if value is None or isinstance(value, int) else printable(value, 300)
