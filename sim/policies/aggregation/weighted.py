"""Averaging with weights that fall with age (polynomial discount; Xie, Koyejo and Gupta, Asynchronous federated optimization, 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.aggregation.rule import AGGREGATION, AggregationRule, ElementWork, Values, mean_work, weighted_mean
from sim.policies.tunables import Tunable


@AGGREGATION.register("weighted")
class Weighted(AggregationRule):
    """The mean of the answers with weights samples^``samples_power`` x (1 + staleness)^-``staleness_power``."""

    tunables: ClassVar[Mapping[str, Tunable]] = {
        "samples_power": Tunable("count", "0: all answers alike, 1: by samples", most=10.0),
        "staleness_power": Tunable("count", "0: old answers count as much", most=10.0),
    }
    samples_power = 1.0
    staleness_power = 0.5

    def combine(self, updates: Values, samples: Values, staleness: Values) -> Values:
        return weighted_mean(updates, samples**self.samples_power * (1.0 + staleness) ** -self.staleness_power)

    def server_work(self, answers: int, elements: int) -> ElementWork:
        return mean_work(answers, elements)
