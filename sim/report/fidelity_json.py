"""Results of ``edgesim fidelity`` as plain data and as a table of points."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sim.report.atomic_file import atomic_file
from sim.report.fidelity_scores import METRICS, Point, ScoreRow
from sim.report.safe_text import printable

SCHEMA = "edgesim.fidelity/1"


def fidelity_data(
    points: Sequence[Point], groups: Sequence[ScoreRow], kinds: Sequence[ScoreRow], titles: Mapping[str, str], failures: Sequence[str]
) -> dict[str, Any]:
    """Plain data, the same for the same predictions; ratios as shares of one."""
    return {
        "schema": SCHEMA,
        "datasets": dict(titles),
        "groups": [_row(row) for row in groups],
        "kinds": [_row(row) for row in kinds],
        "points": [{**asdict(point), "unit_of_metric": METRICS[point.metric].unit, "error": point.error} for point in points],
        "not_predicted": list(failures),
    }


def write_points(points: Sequence[Point], path: Path) -> None:
    """A CSV file with a line per point. Raises EdgesimError where it cannot be written."""
    names = [field.name for field in fields(Point)]
    with atomic_file(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*names, "error"])
        writer.writerows([*(_cell(getattr(point, name)) for name in names), repr(point.error)] for point in points)


def _row(row: ScoreRow) -> dict[str, Any]:
    return {"dataset": row.dataset, "title": row.title, "regime": row.regime, **asdict(row.scores)}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return repr(value)
    text = printable(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
