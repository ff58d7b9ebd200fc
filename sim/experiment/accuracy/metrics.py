"""Metrics: a score for each sample, their mean, and the interval in which the mean over unseen data probably lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.errors import EdgesimError
from sim.registry import Registry

LEVEL = 0.95
_Z = 1.959963984540054  # the normal distribution's quantile at (1 + LEVEL) / 2
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]  # answers [n, ...], labels [n, ...] -> scores [n]


@dataclass(frozen=True)
class Metric:
    """``is_share``: the mean is a share of right answers, 0..1, of which more is better; otherwise it is an error, of which less is."""

    title: str
    score: Score
    is_share: bool = True


@dataclass(frozen=True)
class Estimate:
    """A mean over ``samples_count`` samples and its interval of confidence :data:`LEVEL`."""

    value: float
    low: float
    high: float
    samples_count: int


METRICS: Registry[Metric] = Registry("metric")


def estimate(metric: Metric, scores: np.ndarray) -> Estimate:
    """Of scores ``[n]``: Wilson's interval for shares, the normal one (none below 0) for means of errors."""
    count, mean = len(scores), float(np.mean(scores))
    if metric.is_share:
        return Estimate(mean, *wilson(mean, count), count)
    reach = _Z * float(np.std(scores, ddof=1)) / count**0.5 if count > 1 else float("inf")
    return Estimate(mean, max(mean - reach, 0.0), mean + reach, count)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's score interval of a share seen in ``count`` trials. E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209."""
    spread = _Z * _Z / count
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z * (share * (1 - share) / count + spread / (4 * count)) ** 0.5 / (1 + spread)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _top(k: int) -> Score:
    def score(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        wide, known = _classes(answers, labels)
        if wide.shape[1] <= k and k > 1:
            raise EdgesimError(f"top{k} of {wide.shape[1]} classes is always right; take top1")
        own = np.take_along_axis(wide, known[:, None], axis=1)
        # A class that scores as much as the right one counts before it where its number is lower, as argmax has it.
        ahead = (wide > own) | ((wide == own) & (np.arange(wide.shape[1]) < known[:, None]))
        right = (ahead.sum(axis=1) < k) & np.isfinite(own[:, 0])
        return right.astype(np.float64)

    return score


def _classes(answers: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores ``[n, classes]`` and class numbers ``[n]``; labels may be one-hot."""
    wide = answers.reshape(len(answers), -1)
    if labels.ndim > 1 and labels.size == len(labels) * wide.shape[1] and wide.shape[1] > 1:
        labels = labels.reshape(len(labels), -1).argmax(axis=1)
    if labels.size != len(labels):
        raise EdgesimError(f"labels of shape {list(labels.shape)} are no class numbers, and not one-hot for {wide.shape[1]} classes")
    numbers = labels.reshape(-1)
    if not np.array_equal(numbers, np.round(numbers)) or numbers.min() < 0 or numbers.max() >= wide.shape[1]:
        raise EdgesimError(f"labels lie between {numbers.min():g} and {numbers.max():g}; the model tells classes 0 to {wide.shape[1] - 1} apart")
    return wide, numbers.astype(np.int64)


def _error(each: Callable[[np.ndarray], np.ndarray]) -> Score:
    def score(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        if answers.size != labels.size:
            raise EdgesimError(f"labels of shape {list(labels.shape)} do not fit answers of shape {list(answers.shape)}")
        difference = answers.reshape(len(answers), -1).astype(np.float64) - labels.reshape(len(labels), -1)
        return np.asarray(each(difference).mean(axis=1))

    return score


METRICS.register("top1")(Metric("top-1", _top(1)))
METRICS.register("top5")(Metric("top-5", _top(5)))
METRICS.register("mse")(Metric("mean squared error", _error(np.square), is_share=False))
METRICS.register("mae")(Metric("mean absolute error", _error(np.abs), is_share=False))
