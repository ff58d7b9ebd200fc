"""Federated averaging (McMahan et al., AISTATS 2017)."""

from __future__ import annotations

from sim.policies.aggregation.rule import AGGREGATION, AggregationRule, ElementWork, Values, mean_work, weighted_mean


@AGGREGATION.register("fedavg")
class FedAvg(AggregationRule):
    """The mean of the answers, each weighted by its samples."""

    def combine(self, updates: Values, samples: Values, staleness: Values) -> Values:
        return weighted_mean(updates, samples)

    def server_work(self, answers: int, elements: int) -> ElementWork:
        return mean_work(answers, elements)
