"""Rules of aggregation in federated rounds. One file each; importing the package fills ``AGGREGATION``."""

from sim.policies.aggregation import fedavg, fedprox, trimmed_mean, weighted
from sim.policies.aggregation.rule import AGGREGATION, AggregationRule, ElementWork

__all__ = ["AGGREGATION", "AggregationRule", "ElementWork", "fedavg", "fedprox", "trimmed_mean", "weighted"]
