"""How far predictions are from measurements: scores of a set of points, pure functions of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from device_models.residuals import LEVEL, Residuals, quantiles_of

MIN_FOLD = 10  # residuals an interval is made of at least when its coverage is checked


@dataclass(frozen=True)
class MetricText:
    """How a metric is written: SI unit, dimension of :mod:`device_models.units` (None: a rate of tokens), and what an axis says."""

    unit: str
    dimension: str | None
    label: str


METRICS: Mapping[str, MetricText] = {
    "latency_s": MetricText("s", "time", "latency, s"),
    "energy_j": MetricText("J", "energy", "energy, J"),
    "power_w": MetricText("W", "power", "power, W"),
    "memory_bytes": MetricText("B", "bytes", "memory, B"),
    "resident_bytes": MetricText("B", "bytes", "resident memory, B"),
    "decode_tokens_per_s": MetricText("1/s", None, "decode, tokens/s"),
    "prefill_tokens_per_s": MetricText("1/s", None, "prefill, tokens/s"),
}


@dataclass(frozen=True)
class Point:
    """A measurement and its prediction, both in the unit of ``metric``.

    ``cost_class``, ``form`` and ``numbers`` (float or int8) name the law that predicted it, ``line`` the row of the data file.
    ``latency_known``: an energy whose latency was measured, not predicted.
    """

    dataset: str
    group: str
    regime: str
    device: str
    unit: str
    model: str
    family: str
    kind: str
    metric: str
    measured: float
    predicted: float
    source: str
    line: int
    cost_class: str
    form: str
    numbers: str
    latency_known: bool = False

    @property
    def error(self) -> float:
        """Predicted over measured, less one: 0.1 is 10 % too much."""
        return self.predicted / self.measured - 1.0

    @property
    def log_ratio(self) -> float:
        """ln(measured / predicted)."""
        return float(np.log(self.measured / self.predicted))


@dataclass(frozen=True)
class Scores:
    """Of ``count`` points: mean and median of the absolute error, bias (geometric mean of predicted over measured, less one).

    ``within_10`` and ``within_20``: shares of points with errors of at most so many percent. ``rank``: Spearman's correlation, None
    where it has no meaning. ``covered``: see :func:`nested_coverage`.
    """

    count: int
    mean: float
    median: float
    bias: float
    within_10: float
    within_20: float
    rank: float | None
    covered: float | None


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one line of a table: what it is of, and its points from the worst to the best."""

    dataset: str
    title: str
    regime: str
    scores: Scores


def scores_of(points: Sequence[Point]) -> Scores:
    """Scores of at least one point."""
    measured = np.array([point.measured for point in points])
    predicted = np.array([point.predicted for point in points])
    error = np.abs(predicted / measured - 1.0)
    return Scores(
        count=len(points),
        mean=float(error.mean()),
        median=float(np.median(error)),
        bias=float(np.exp(np.log(predicted / measured).mean()) - 1.0),
        within_10=float((error <= 0.1).mean()),
        within_20=float((error <= 0.2).mean()),
        rank=rank_correlation(predicted, measured),
        covered=nested_coverage(points),
    )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's rank correlation of two series ``[n]``, ties at their mean rank; None below three points or if a series is constant."""
    if len(a) < 3:
        return None
    ranks = [_ranks(np.asarray(values)) for values in (a, b)]
    deviations = [rank - rank.mean() for rank in ranks]
    norm = float(np.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum()))
    return float((deviations[0] * deviations[1]).sum()) / norm if norm > 0 else None


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values at the mean of their ranks, ``[n]``."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[group]


def nested_coverage(points: Sequence[Point]) -> float | None:
    """Share of points inside the 80 % interval that the residuals of all other folds make.

    A fold is what is unseen together: a device where it was not measured (zero-shot, k-shot), else a model family; points of
    a single device fold by family too. None if the other folds never have ten residuals.
    """
    folds = _folds(points)
    ratios = np.array([point.log_ratio for point in points])
    inside, judged = 0, 0
    for fold in dict.fromkeys(folds):
        held = np.array([other == fold for other in folds])
        if (~held).sum() < MIN_FOLD:
            continue
        low, high = Residuals(quantiles_of(ratios[~held])).interval(LEVEL)
        inside += int(((ratios[held] >= low) & (ratios[held] <= high)).sum())
        judged += int(held.sum())
    return inside / judged if judged else None


def _folds(points: Sequence[Point]) -> list[str]:
    by_device = points[0].regime in ("zero-shot", "k-shot") and len({point.device for point in points}) > 2
    return [point.device if by_device else point.family for point in points]


def score_rows(points: Iterable[Point], title: Callable[[Point], str]) -> list[ScoreRow]:
    """A row per dataset, title and regime, in the order in which they first come."""
    groups: dict[tuple[str, str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.dataset, title(point), point.regime), []).append(point)
    return [ScoreRow(dataset, name, regime, scores_of(members)) for (dataset, name, regime), members in groups.items()]


def by_group(point: Point) -> str:
    """The line of the main table a point belongs to."""
    return point.group


def by_kind(point: Point) -> str:
    """The line of the table of errors by kind; without a kind, the family."""
    return point.kind or point.family


def worst(points: Iterable[Point], count: int) -> list[Point]:
    """The measurements farthest off by the ratio, either way, each in its worst regime; of equal ones the first."""
    found: dict[tuple[object, ...], Point] = {}
    for point in sorted(points, key=lambda point: -abs(point.log_ratio)):
        found.setdefault((point.dataset, point.line, point.device, point.model, point.group, point.metric), point)
    return list(found.values())[:count]
