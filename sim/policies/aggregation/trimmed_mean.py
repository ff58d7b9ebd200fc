"""The mean without the extremes of each element (Yin et al., Byzantine-robust distributed learning, ICML 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim.policies.aggregation.rule import AGGREGATION, AggregationRule, ElementWork, Values
from sim.policies.tunables import Tunable


@AGGREGATION.register("trimmed_mean")
class TrimmedMean(AggregationRule):
    """The unweighted mean of each element without the ``trim`` share of the smallest and of the largest values. The server sorts."""

    tunables: ClassVar[Mapping[str, Tunable]] = {"trim": Tunable("ratio", "share left out at each end", most=0.49)}
    trim = 0.1
    sums = False

    def combine(self, updates: Values, samples: Values, staleness: Values) -> Values:
        if not len(updates):
            raise ValueError("there is nothing to aggregate: no answers")
        cut = int(self.trim * len(updates))
        mean: Values = np.sort(updates, axis=0)[cut : len(updates) - cut].mean(axis=0)
        return mean

    def server_work(self, answers: int, elements: int) -> ElementWork:
        # a comparison sort: n log2 n comparisons and moves of four bytes there and back, then the sum
        rounds = math.log2(max(answers, 2))
        return ElementWork((rounds + 1.0) * answers * elements, 8.0 * (rounds + 1.0) * answers * elements)
