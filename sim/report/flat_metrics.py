"""The main numbers of a run as one row: flat names with their units, as sweeps, searches and their tables have them.

Without a prefix stands the whole device, and of several workloads the worst, as budgets judge; then ``WORKLOAD.``, ``STAGE.`` of a language model,
``units.NAME.``, ``models.NAME.`` and ``energy.COMPONENT.``. Nothing depends on the machine or the time it took. None: nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from sim.report.accuracy import AccuracyMetrics
from sim.report.budgets import Verdict, is_valid
from sim.report.generation_metrics import GenerationMetrics
from sim.report.metrics import Metrics
from sim.report.request_metrics import LatencyMetrics, WorkloadMetrics

Value = float | int | str | None
Row = Iterator[tuple[str, Value]]
QUANTILES = ("p50_s", "p90_s", "p99_s", "max_s")


@dataclass(frozen=True)
class Quantity:
    """A number of the whole device that people ask for. ``name``: without its unit; ``higher``: whether more of it is better."""

    name: str
    field: str
    title: str
    dimension: str
    higher: bool = False


# what tables show, in this order, and what objectives may be called
QUANTITIES: Mapping[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity("latency_p50", "latency_p50_s", "latency p50", "time"),
        Quantity("latency_p90", "latency_p90_s", "latency p90", "time"),
        Quantity("latency_p99", "latency_p99_s", "latency p99", "time"),
        Quantity("latency_max", "latency_max_s", "latency max", "time"),
        Quantity("throughput", "throughput_hz", "throughput", "rate", higher=True),
        Quantity("miss", "miss_ratio", "misses", "ratio"),
        Quantity("drop", "drop_ratio", "drops", "ratio"),
        Quantity("energy_per_inference", "energy_per_inference_j", "energy each", "energy"),
        Quantity("energy", "energy_j", "energy", "energy"),
        Quantity("power", "power_w", "power", "power"),
        Quantity("power_peak", "power_peak_w", "power peak", "power"),
        Quantity("battery_life", "battery_life_s", "battery life", "time", higher=True),
        Quantity("skin_peak", "skin_peak_c", "skin peak", "temperature"),
        Quantity("die_peak", "die_peak_c", "die peak", "temperature"),
        Quantity("throttled", "throttled_s", "throttled", "time"),
        Quantity("memory", "memory_bytes", "memory", "bytes"),
        Quantity("storage", "storage_bytes", "storage", "bytes"),
        Quantity("accuracy", "accuracy_ratio", "accuracy", "accuracy", higher=True),
        Quantity("first_token_p99", "first_token_p99_s", "first token p99", "time"),
        Quantity("between_tokens_p99", "between_tokens_p99_s", "between tokens", "time"),
        Quantity("token_rate", "token_rate_hz", "tokens", "rate", higher=True),
        Quantity("energy_per_task", "energy_per_task_j", "energy a task", "energy"),
        Quantity("device_power", "device_power_w", "device power", "power"),
        Quantity("hourly_cost", "hourly_cost_currency_per_h", "cost an hour", "price"),
        Quantity("energy_per_client", "energy_per_client_j", "energy a client", "energy"),
        Quantity("round_p50", "rounds.p50_s", "round p50", "time"),
        Quantity("lost_time", "lost_time_ratio", "lost time", "ratio"),
        Quantity("learnt", "learning.final_ratio", "learnt", "accuracy", higher=True),
        Quantity("time_to_50", "time_to_50_s", "half updated", "time"),
        Quantity("time_to_99", "time_to_99_s", "99 % updated", "time"),
        Quantity("traffic", "traffic_bytes", "traffic", "traffic"),
        Quantity("wasted", "wasted_ratio", "wasted", "ratio"),
        Quantity("device_energy", "device_mean_j", "energy a device", "energy"),
        Quantity("excess", "excess_ratio", "over budgets", "ratio"),
    )
}


def flat_metrics(metrics: Metrics, verdicts: Sequence[Verdict]) -> dict[str, Value]:
    """The row of a run that was judged. Pure."""
    return {
        **dict(_verdict(verdicts)),
        **dict(_device(metrics)),
        **{f"{name}.{field}": value for name, workload in metrics.workloads.items() for field, value in _workload(workload)},
        **dict(_answers(metrics.generation)),
        **{f"units.{name}.{field}": value for name, unit in metrics.units.items() for field, value in (("utilisation_ratio", unit.utilisation_ratio),)},
        **{f"energy.{name}_j": value for name, value in metrics.energy.components_j.items()},
        **{
            f"models.{name}.{field}": value
            for name, model in metrics.models.items()
            for field, value in (
                ("alone_s", model.alone_s),
                ("macs_count", model.macs_count),
                ("parameters_count", model.parameters_count),
                ("storage_bytes", model.storage_bytes),
                ("arena_bytes", model.arena_bytes),
                ("fallback_kernels_count", model.fallback_kernels_count),
                ("accuracy_ratio", model.accuracy.value_ratio),
                ("units", ", ".join(model.units_kernels_count)),
            )
        },
    }


def flat_study(metrics: Any, verdicts: Sequence[Verdict]) -> dict[str, Value]:
    """The row of a study of many devices: every number of its metrics by its path, and of the tasks of a fleet the worst latency and misses. Pure."""
    tasks = list(getattr(metrics, "tasks", {}).values())
    worst = {f"latency_{field}": _worst_latency([task.latency for task in tasks], field) for field in QUANTILES} if tasks else {}
    misses = {"miss_ratio": _largest(task.miss_ratio for task in tasks)} if tasks else {}
    return {**dict(_verdict(verdicts)), **worst, **misses, **dict(_numbers(metrics, ""))}


def _numbers(thing: Any, path: str) -> Row:
    """Numbers of a dataclass or mapping, and of those in it; lists are left out."""
    entries = thing.items() if isinstance(thing, Mapping) else ((field.name, getattr(thing, field.name)) for field in fields(thing))
    for name, value in entries:
        inner = f"{path}{name}"
        if isinstance(value, bool) or value is None or isinstance(value, int | float):
            yield inner, int(value) if isinstance(value, bool) else value
        elif isinstance(value, Mapping) or is_dataclass(value):
            yield from _numbers(value, f"{inner}.")


def _verdict(verdicts: Sequence[Verdict]) -> Row:
    """``excess_ratio``: how far budgets are exceeded, as shares of their limits, in all; an unknown value exceeds its budget by as much as it is."""
    yield "valid", int(is_valid(verdicts))
    yield "budgets_held_count", sum(verdict.ok for verdict in verdicts)
    yield "excess_ratio", float(sum(_excess(verdict) for verdict in verdicts if not verdict.ok))


def _excess(verdict: Verdict) -> float:
    if verdict.value is None or not verdict.limit:
        return 1.0
    return abs(verdict.value - verdict.limit) / abs(verdict.limit)


def _device(metrics: Metrics) -> Row:
    workloads = list(metrics.workloads.values())
    for field in QUANTILES:
        yield f"latency_{field}", _worst_latency([workload.latency for workload in workloads], field)
    yield "throughput_hz", metrics.throughput_hz
    yield "miss_ratio", _largest(workload.miss_ratio for workload in workloads)
    yield "drop_ratio", _largest(workload.drop_ratio for workload in workloads)
    yield "energy_per_inference_j", 1 / metrics.inferences_per_j if metrics.inferences_per_j else None
    yield "energy_j", metrics.energy.total_j
    yield "power_w", metrics.power.average_w
    yield "power_peak_w", metrics.power.peak_w
    yield "battery_life_s", metrics.power.battery_life_s
    yield "skin_peak_c", metrics.heat.skin_peak_c
    yield "die_peak_c", metrics.heat.die_peak_c
    yield "throttled_s", metrics.heat.throttled_s
    yield "memory_bytes", metrics.memory.peak_bytes
    yield "storage_bytes", metrics.memory.storage_bytes
    yield "accuracy_ratio", _least_accurate([model.accuracy for model in metrics.models.values()])


def _workload(workload: WorkloadMetrics) -> Row:
    for field in QUANTILES:
        yield f"latency_{field}", None if workload.latency is None else float(getattr(workload.latency, field))
    yield "throughput_hz", workload.throughput_hz
    yield "done_count", workload.done_count
    yield "miss_ratio", workload.miss_ratio
    yield "drop_ratio", workload.drop_ratio
    yield "mean_wait_s", workload.mean_wait_s


def _answers(generation: GenerationMetrics | None) -> Row:
    if generation is None:
        return
    answers = generation.answers
    yield "first_token_p99_s", _largest(None if one.first_token is None else one.first_token.p99_s for one in answers.values())
    yield "between_tokens_p99_s", _largest(None if one.between_tokens is None else one.between_tokens.p99_s for one in answers.values())
    yield "token_rate_hz", sum(one.token_rate_hz for one in answers.values())
    for name, one in answers.items():
        yield f"{name}.first_token_p99_s", None if one.first_token is None else one.first_token.p99_s
        yield f"{name}.between_tokens_p99_s", None if one.between_tokens is None else one.between_tokens.p99_s
        yield f"{name}.token_rate_hz", one.token_rate_hz


def _worst_latency(latencies: Sequence[LatencyMetrics | None], field: str) -> float | None:
    """Of the slowest workload; None where one had no answer."""
    value: Callable[[LatencyMetrics], float] = lambda latency: float(getattr(latency, field))  # noqa: E731
    known = [value(latency) for latency in latencies if latency is not None]
    return max(known) if known and len(known) == len(latencies) else None


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _least_accurate(accuracies: Sequence[AccuracyMetrics]) -> float | None:
    """None where that of one model is unknown."""
    values = [accuracy.value_ratio for accuracy in accuracies]
    return min((value for value in values if value is not None), default=None) if None not in values else None
