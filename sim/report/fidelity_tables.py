"""The tables of ``edgesim fidelity`` as text cells: errors by group, by kind, and the worst cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_models.units import format_quantity
from sim.report.fidelity_scores import METRICS, Point, ScoreRow, Scores
from sim.report.numbers import percent, signed, three_digits


@dataclass(frozen=True)
class TextTable:
    """A table as text. ``right``: columns aligned to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...]


def score_table(rows: Sequence[ScoreRow], wide: bool) -> TextTable:
    """Scores by group; ``wide`` adds what does not fit into 80 columns."""
    head = ("group", "regime", "points", "mean", "median", "bias", "in 10%", "in 20%", *(("rank", "in 80% band") if wide else ()))
    cells = tuple((row.title, row.regime, *_cells(row.scores, wide)) for row in rows)
    return TextTable(head, cells, tuple(range(2, len(head))))


def kind_table(rows: Sequence[ScoreRow]) -> TextTable:
    """Mean and median error of each kind of measurement, a column a regime; kinds in alphabetical order."""
    regimes = list(dict.fromkeys(row.regime for row in rows))
    found = {(row.title, row.regime): row.scores for row in rows}
    titles = sorted({row.title for row in rows}, key=str.casefold)
    points = {title: max(scores.count for (other, _), scores in found.items() if other == title) for title in titles}
    cells = tuple((title, str(points[title]), *(_errors(found.get((title, regime))) for regime in regimes)) for title in titles)
    return TextTable(("by kind: mean / median", "points", *regimes), cells, tuple(range(1, 2 + len(regimes))))


def worst_table(points: Sequence[Point], wide: bool) -> TextTable:
    """Single measurements and their predictions."""
    head = ("model", "device", *(("group",) if wide else ()), "regime", "measured", "predicted", "error")
    cells = tuple(
        (
            point.model,
            point.device,
            *((point.group,) if wide else ()),
            point.regime,
            value_text(point.measured, point.metric),
            value_text(point.predicted, point.metric),
            signed(point.error),
        )
        for point in points
    )
    return TextTable(head, cells, tuple(range(len(head) - 3, len(head))))


def value_text(value: float, metric: str) -> str:
    """A measured or predicted value with its unit."""
    dimension = METRICS[metric].dimension
    return f"{three_digits(value)} tok/s" if dimension is None else format_quantity(value, dimension)


def _cells(scores: Scores, wide: bool) -> tuple[str, ...]:
    shares = tuple(f"{100 * share:.0f} %" for share in (scores.within_10, scores.within_20))
    narrow = (str(scores.count), percent(scores.mean, 2), percent(scores.median, 2), signed(scores.bias), *shares)
    if not wide:
        return narrow
    rank = "-" if scores.rank is None else f"{scores.rank:.3f}"
    return (*narrow, rank, "-" if scores.covered is None else f"{100 * scores.covered:.0f} %")


def _errors(scores: Scores | None) -> str:
    return "-" if scores is None else f"{percent(scores.mean, 2).removesuffix(' %')} / {percent(scores.median, 2)}"
