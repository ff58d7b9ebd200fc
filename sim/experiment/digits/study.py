"""The table over several seeds: each has its own split, its own network and every technique; differences are between like seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.errors import EdgesimError
from sim.experiment.digits.bench import Bench, Outcome
from sim.experiment.digits.techniques import ORDER, TECHNIQUES

BASELINE = "fp32"


@dataclass(frozen=True)
class Row:
    """A technique over seeds. Accuracies are top-1 shares of the images held out; ``change_ratio``: against full precision, seed by seed.

    ``spread_ratio``, ``change_spread_ratio``: standard deviations over seeds (0 for a single one). The other figures are means.
    """

    name: str
    title: str
    accuracies: tuple[float, ...]
    accuracy_ratio: float
    spread_ratio: float
    change_ratio: float
    change_spread_ratio: float
    parameters_count: float
    macs_count: float
    bits_per_weight: float
    zeros_ratio: float
    size_bytes: float


@dataclass(frozen=True)
class Study:
    """``samples_count``: images held out of each seed."""

    seeds: tuple[int, ...]
    samples_count: int
    rows: tuple[Row, ...]

    def __getitem__(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)


def study(seeds: Iterable[int] = range(5), only: Sequence[str] | None = None, effort: float = 1.0, progress: Callable[[float], None] | None = None) -> Study:
    """Train, compress, recover and measure. ``only``: names of techniques (full precision is always there); ``progress`` is told 0..1.

    Raises EdgesimError for an unknown technique, no seeds, or where scikit-learn, onnx or onnxruntime is missing.
    """
    seeds = tuple(seeds)
    if not seeds:
        raise EdgesimError("give at least one seed")
    for name in only or ():
        TECHNIQUES[name]
    names = [name for name in ORDER if only is None or name in (*only, BASELINE)]
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    samples = 0
    for number, seed in enumerate(seeds):
        bench = Bench.of(seed, effort)
        samples = len(bench.split.held_out)
        for position, name in enumerate(names):
            outcomes[name].append(TECHNIQUES[name].make(bench))
            if progress is not None:
                progress((number + (position + 1) / len(names)) / len(seeds))
    base = np.array([found.accuracy.value for found in outcomes[BASELINE]])
    return Study(seeds, samples, tuple(_summed(name, found, base) for name, found in outcomes.items()))


def _summed(name: str, found: list[Outcome], base: np.ndarray) -> Row:
    values = np.array([outcome.accuracy.value for outcome in found])

    def mean(field: str) -> float:
        return float(np.mean([getattr(outcome, field) for outcome in found]))

    return Row(
        name,
        TECHNIQUES[name].title,
        tuple(float(value) for value in values),
        float(values.mean()),
        _spread(values),
        float((values - base).mean()),
        _spread(values - base),
        mean("parameters_count"),
        mean("macs_count"),
        mean("bits_per_weight"),
        mean("zeros_ratio"),
        mean("size_bytes"),
    )


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0
