"""What a rule of aggregation does: many updates become one, at a cost for the server, and perhaps for the clients' steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sim.policies.tunables import Tunables
from sim.registry import Registry

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ElementWork:
    """Arithmetic operations and bytes moved in memory."""

    operations: float = 0.0
    moved_bytes: float = 0.0

    def __add__(self, other: ElementWork) -> ElementWork:
        return ElementWork(self.operations + other.operations, self.moved_bytes + other.moved_bytes)

    def times(self, factor: float) -> ElementWork:
        """So many times the work."""
        return ElementWork(self.operations * factor, self.moved_bytes * factor)


class AggregationRule(Tunables):
    """Combines the answers of one round, or of one full buffer. ``sums``: whether weighted sums of the answers are all it looks at."""

    sums: ClassVar[bool] = True

    def combine(self, updates: Values, samples: Values, staleness: Values) -> Values:
        """One update ``[elements]`` of ``updates[answers, elements]``.

        ``samples[answers]``: training samples behind each; ``staleness[answers]``: versions the model has moved on since the
        client took it, 0 in synchronous rounds. Raises ValueError for no answers.
        """
        raise NotImplementedError

    def server_work(self, answers: int, elements: int) -> ElementWork:
        """What combining so many updates of float32 elements costs."""
        raise NotImplementedError

    def step_work(self, elements: int) -> ElementWork:
        """What the rule adds to each training step of a client."""
        return ElementWork()


def weighted_mean(updates: Values, weights: Values) -> Values:
    """The mean of the rows. Raises ValueError where there are none, or all weights are 0."""
    if not len(updates):
        raise ValueError("there is nothing to aggregate: no answers")
    total = float(weights.sum())
    if not total > 0:
        raise ValueError("there is nothing to aggregate: all weights are 0")
    mean: Values = weights @ updates / total
    return mean


def mean_work(answers: int, elements: int) -> ElementWork:
    """One multiply and one add for each element of each answer, which is read once; the sum is read and written with it."""
    return ElementWork(2.0 * answers * elements, 12.0 * answers * elements)


AGGREGATION: Registry[type[AggregationRule]] = Registry("aggregation rule")
