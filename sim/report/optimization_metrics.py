"""What a search for a better scenario looks at in a run: the quantities of its table, the budgets, each model's accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sim.report.accuracy import FLOAT_PRECISIONS, MEASURED, AccuracyMetrics
from sim.report.budgets import Verdict, format_value, judge
from sim.report.metrics import Metrics, measure
from sim.report.numbers import percent
from sim.report.request_metrics import LatencyMetrics
from sim.report.run_result import RunResult

_TIMES = 10.0  # larger growth is written as a factor


@dataclass(frozen=True)
class Column:
    """A quantity of the table. ``least``: smaller changes do not count: a share of the value, or, where ``is_absolute``, in its own unit."""

    name: str  # as the scenario names the objective
    field: str  # as the JSON names it, with its unit
    title: str
    short: tuple[str, str]  # above the column
    dimension: str
    higher_is_better: bool = False
    is_absolute: bool = False
    least: float = 0.005

    def change(self, new: float, old: float) -> float:
        """As a share of the old value, or in the quantity's own unit."""
        if self.is_absolute:
            return new - old
        return (new - old) / abs(old) if old else (float("inf") if new > old else 0.0)

    def is_better(self, new: float | None, old: float | None) -> bool | None:
        """None: there is no difference worth speaking of, or one side is unknown."""
        if new is None or old is None or abs(change := self.change(new, old)) < self.least:
            return None
        return (change > 0) == self.higher_is_better

    def change_text(self, new: float | None, old: float | None) -> str:
        """Such as ``-12 %``, ``+1.3 K``, ``-0.4 pt``; ``=`` where nothing changed; empty where a side is unknown."""
        if new is None or old is None:
            return ""
        change = self.change(new, old)
        if abs(change) < self.least / 10:
            return "="
        if self.is_absolute:
            return f"{change:+.1f} K" if self.dimension == "temperature" else f"{_three_digits(100 * change)} pt"
        if change >= _TIMES:
            return f"x{new / old:.3g}"
        return f"{100 * change:+.1f} %" if abs(change) < 0.0995 else f"{100 * change:+.0f} %"


def _three_digits(value: float) -> str:
    """With a sign, and no more digits after the point than a cell has room for."""
    return f"{value:+.0f}" if abs(value) >= 9.95 else f"{value:+.1f}" if abs(value) >= 0.095 else f"{value:+.2f}"


COLUMNS = (
    Column("latency_p50", "latency_p50_s", "latency p50", ("latency", "p50"), "time"),
    Column("latency_p99", "latency_p99_s", "latency p99", ("latency", "p99"), "time"),
    Column("energy", "energy_per_inference_j", "energy/answer", ("energy", "each"), "energy"),
    Column("power", "power_w", "power", ("", "power"), "power"),
    Column("memory", "memory_bytes", "memory peak", ("memory", "peak"), "bytes"),
    Column("storage", "storage_bytes", "storage", ("", "storage"), "bytes"),
    Column("accuracy", "accuracy_ratio", "accuracy", ("accu-", "racy"), "accuracy", higher_is_better=True, is_absolute=True, least=0.0005),
    Column("throughput", "throughput_hz", "throughput", ("", "rate"), "rate", higher_is_better=True),
    Column("miss_rate", "miss_ratio", "misses", ("", "misses"), "ratio", is_absolute=True, least=0.0005),
    Column("skin_temperature", "skin_temperature_c", "skin", ("", "skin"), "temperature", is_absolute=True, least=0.05),
)
FURTHER = (  # objectives without a column
    Column("latency_p90", "latency_p90_s", "latency p90", ("latency", "p90"), "time"),
    Column("latency_max", "latency_max_s", "latency max", ("latency", "max"), "time"),
    Column("die_temperature", "die_temperature_c", "die", ("", "die"), "temperature", is_absolute=True, least=0.05),
    Column("battery_life", "battery_life_s", "battery life", ("battery", "life"), "time", higher_is_better=True),
)
QUANTITIES: Mapping[str, Column] = {column.name: column for column in (*COLUMNS, *FURTHER)}


@dataclass(frozen=True)
class ModelAccuracy:
    """``value`` None: unknown, ``note`` says what is known. ``is_share``: of right answers; else an error, of which less is better."""

    value: float | None
    is_share: bool
    metric: str
    kind: str
    source: str
    note: str

    @property
    def text(self) -> str:
        """``71.9 %``, ``0.0123``, ``unknown``."""
        if self.value is None:
            return "unknown"
        return percent(self.value) if self.is_share else f"{self.value:.3g}"


@dataclass(frozen=True)
class ModelProfile:
    """One inference on an otherwise idle device: how long, how long on each unit, how many kernels run elsewhere than wanted."""

    alone_s: float
    units_s: Mapping[str, float]
    kernels_count: int
    fallback_kernels_count: int


@dataclass(frozen=True)
class RunMeasures:
    """``values``: by quantity, None where nobody knows; of several workloads the worst, as budgets judge.

    ``accuracies`` and ``profiles``: of the models optimized.
    """

    values: Mapping[str, float | None]
    budgets: tuple[Verdict, ...]
    accuracies: Mapping[str, ModelAccuracy]
    profiles: Mapping[str, ModelProfile] = field(default_factory=dict)


def measures_of(result: RunResult, models: Iterable[str]) -> RunMeasures:
    """Of a run. Pure: the same trace gives the same numbers."""
    metrics, wanted = measure(result), set(models)
    found = {name: model for name, model in metrics.models.items() if name.partition("@")[0] in wanted}
    accuracies = {name: _accuracy(result, name, model.accuracy) for name, model in found.items()}
    profiles = {name: ModelProfile(model.alone_s, model.units_s, model.kernels_count, model.fallback_kernels_count) for name, model in found.items()}
    return RunMeasures(_values(metrics, accuracies), judge(metrics, result.scenario, result.device), accuracies, profiles)


def budget_title(verdict: Verdict) -> str:
    """Such as ``latency p99 of camera``."""
    return f"{verdict.title} of {verdict.workload}" if verdict.workload else verdict.title


def value_text(column: Column, value: float | None) -> str:
    """For people; a dash where nobody knows."""
    return "-" if value is None else format_value(value, column.dimension)


def trade(new: RunMeasures, old: RunMeasures) -> tuple[list[Column], list[Column]]:
    """Quantities of the table that got better, and those that got worse."""
    verdicts = [(column, column.is_better(new.values[column.name], old.values[column.name])) for column in COLUMNS]
    return [column for column, is_better in verdicts if is_better], [column for column, is_better in verdicts if is_better is False]


def _values(metrics: Metrics, accuracies: Mapping[str, ModelAccuracy]) -> dict[str, float | None]:
    workloads = list(metrics.workloads.values())
    latencies = [workload.latency for workload in workloads]
    return {
        "latency_p50": _slowest(latencies, lambda latency: latency.p50_s),
        "latency_p90": _slowest(latencies, lambda latency: latency.p90_s),
        "latency_p99": _slowest(latencies, lambda latency: latency.p99_s),
        "latency_max": _slowest(latencies, lambda latency: latency.max_s),
        "energy": 1 / metrics.inferences_per_j if metrics.inferences_per_j else None,
        "power": metrics.power.average_w,
        "memory": metrics.memory.peak_bytes,
        "storage": metrics.memory.storage_bytes,
        "accuracy": _least(accuracies.values()),
        "throughput": metrics.throughput_hz,
        "miss_rate": max((workload.miss_ratio for workload in workloads if workload.miss_ratio is not None), default=None),
        "skin_temperature": metrics.heat.skin_peak_c,
        "die_temperature": metrics.heat.die_peak_c,
        "battery_life": metrics.power.battery_life_s,
    }


def _slowest(latencies: Sequence[LatencyMetrics | None], of: Callable[[LatencyMetrics], float]) -> float | None:
    """Of the slowest workload; None where one had no answer."""
    known = [of(latency) for latency in latencies if latency is not None]
    return max(known) if known and len(known) == len(latencies) else None


def _least(accuracies: Iterable[ModelAccuracy]) -> float | None:
    """Of the least accurate model; None where one is unknown or no share of right answers."""
    values = [one.value if one.is_share else None for one in accuracies]
    return min((value for value in values if value is not None), default=None) if None not in values else None


def _accuracy(result: RunResult, name: str, found: AccuracyMetrics) -> ModelAccuracy:
    program = result.programs[name]
    measured = program.graph.notes.get(MEASURED) if program.graph else None
    if measured and not measured["is_share"] and program.precision in FLOAT_PRECISIONS:
        return ModelAccuracy(measured["value"], False, found.metric, "measured", found.source, "")
    return ModelAccuracy(found.value_ratio, True, found.metric, found.kind, found.source, found.note)
