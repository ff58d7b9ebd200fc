"""The verdict on a federated study: each budget against what the rounds did."""

from __future__ import annotations

from sim.report.budgets import Verdict
from sim.report.federated_learning_metrics import judge_learning
from sim.report.federated_metrics import FederatedMetrics
from sim.scenario.federated.model import FederatedBudgets


def judge_federated(metrics: FederatedMetrics, budgets: FederatedBudgets) -> tuple[Verdict, ...]:
    """A verdict per budget; what nobody knows, because no round came to a model, does not hold a budget."""
    rows = (
        ("round_p50_s", "round p50", "time", metrics.rounds.p50_s),
        ("round_p90_s", "round p90", "time", metrics.rounds.p90_s),
        ("total_time_s", "all rounds", "time", metrics.simulated_s),
        ("failed_rounds", "failed rounds", "ratio", metrics.rounds.failed_ratio),
        ("dropouts", "drop-outs", "ratio", metrics.clients.dropout_ratio),
        ("lost_time", "lost time", "ratio", metrics.lost_time_ratio),
        ("energy_per_client_j", "energy/client", "energy", metrics.energy_per_client_j),
        ("staleness_mean", "staleness", "count", metrics.rounds.staleness_mean_count),
    )
    found = []
    for field, title, dimension, value in rows:
        limit = getattr(budgets, field)
        if limit is not None:
            ok = value is not None and value <= float(limit)
            found.append(Verdict(field, title, "", dimension, value, float(limit), False, ok, "" if value is not None else "no round came to a model"))
    return (*found, *judge_learning(metrics.learning, budgets))
