"""The verdict on a fleet: each budget of a study against what the run did."""

from __future__ import annotations

from sim.report.budgets import Verdict, runaway_verdict
from sim.report.fleet_metrics import FleetMetrics
from sim.scenario.fleet.model import FleetBudgets

# field of the budgets, title, dimension, at least
_OF_LATENCY = (("latency_p50_s", "latency p50", "p50_s"), ("latency_p90_s", "latency p90", "p90_s"), ("latency_p99_s", "latency p99", "p99_s"))


def judge_fleet(metrics: FleetMetrics, budgets: FleetBudgets) -> tuple[Verdict, ...]:
    """A verdict per budget, after that of a thermal runaway. Latency and misses are of the worst kind of task; what nobody knows does not hold a budget."""
    found = [] if metrics.runaway is None else [runaway_verdict(metrics.runaway)]
    found += [
        _of_latency(metrics, field, title, quantile, float(limit)) for field, title, quantile in _OF_LATENCY if (limit := getattr(budgets, field)) is not None
    ]
    if budgets.miss_rate is not None:
        ratios = {name: task.miss_ratio for name, task in metrics.tasks.items() if task.miss_ratio is not None}
        worst = max(ratios, key=lambda name: ratios[name] or 0.0, default="")
        found.append(_verdict("miss_rate", "misses", "ratio", ratios.get(worst), float(budgets.miss_rate), worst))
    plain = (
        ("energy_per_task_j", "device energy/task", "energy", metrics.energy_per_task_j, False),
        ("device_power_w", "device power", "power", metrics.device_power_w, False),
        ("cost_per_hour", "cost per hour", "price", metrics.hourly_cost_currency_per_h, False),
        ("throughput_hz", "throughput", "rate", metrics.throughput_hz, True),
    )
    for field, title, dimension, value, at_least in plain:
        limit = getattr(budgets, field)
        if limit is not None:
            found.append(_verdict(field, title, dimension, value, float(limit), "", at_least))
    return tuple(found)


def _of_latency(metrics: FleetMetrics, field: str, title: str, quantile: str, limit: float) -> Verdict:
    values = {name: getattr(task.latency, quantile) for name, task in metrics.tasks.items() if task.latency is not None}
    worst = max(values, key=lambda name: values[name], default="")
    return _verdict(field, title, "time", values.get(worst), limit, worst)


def _verdict(name: str, title: str, dimension: str, value: float | None, limit: float, workload: str, at_least: bool = False) -> Verdict:
    ok = value is not None and (value >= limit if at_least else value <= limit)
    return Verdict(name, title, workload, dimension, value, limit, at_least, ok, "" if value is not None else "nothing was answered")
