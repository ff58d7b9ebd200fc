"""The verdict: each budget of a scenario against what the run did. What nobody knows does not hold a budget.

Thermal runaway fails a run whatever its budgets are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from device_models.spec import DeviceSpec
from device_models.thermal_feedback import JUNCTION_MAX_C
from device_models.units import format_quantity
from sim.report.device_metrics import RunawayMetrics
from sim.report.generation_budgets import GENERATION_RULES, GenerationRule, worst_answer
from sim.report.metrics import Metrics
from sim.report.numbers import band, celsius, count, percent, rate, seconds, traffic
from sim.report.request_metrics import WorkloadMetrics
from sim.report.uncertainty import Interval, Path, Uncertainty, likelihood
from sim.scenario.model import Budgets, Scenario
from sim.workload.loadgen_rules import TimeRule

RUNAWAY = "thermal_runaway"  # the name of the verdict that is of no budget


@dataclass(frozen=True)
class Verdict:
    """One budget. ``value`` and ``limit`` in the SI unit of ``dimension``; ``value`` None: unknown, so not held.

    ``interval``: what the value may be; ``chance``: the probability that the budget is held. None where nothing is known of that.
    """

    name: str
    title: str
    workload: str  # which one it is of, "" for the whole device
    dimension: str
    value: float | None
    limit: float
    at_least: bool
    ok: bool
    detail: str  # why it is not held, where that can be said
    interval: Interval | None = None
    chance: float | None = None

    @property
    def limit_text(self) -> str:
        if self.dimension == "bytes" and self._is_decimal:
            return traffic(self.limit)
        return f"{self.limit:g} degC" if self.dimension == "temperature" else format_value(self.limit, self.dimension)

    @property
    def value_text(self) -> str:
        if self.value is None:
            return "unknown"
        if self.dimension == "bytes" and self._is_decimal:
            return traffic(self.value)
        return format_value(self.value, self.dimension)

    @property
    def interval_text(self) -> str:
        """What the value may be, in brackets; empty where that is unknown or no wider than it is written."""
        if self.interval is None:
            return ""
        return band(self.value_text, self.interval.low, self.interval.high, lambda value: format_value(value, self.dimension))

    @property
    def likelihood(self) -> str:
        """A word for the chance that it is held; empty where that is unknown."""
        return "" if self.chance is None else likelihood(self.chance)

    @property
    def _is_decimal(self) -> bool:
        """Whether a limit of bytes was set as 20 MB or so, rather than as 256 MiB."""
        step = max((1024.0**power for power in range(1, 5) if 1024.0**power <= self.limit), default=1.0)
        return self.limit >= 1000 and float(f"{self.limit:.3g}") == self.limit and not (self.limit / step).is_integer()


@dataclass(frozen=True)
class _Rule:
    field: str
    title: str
    dimension: str
    at_least: bool = False


_OF_WORKLOADS = (
    _Rule("latency_p50_s", "latency p50", "time"),
    _Rule("latency_p90_s", "latency p90", "time"),
    _Rule("latency_p95_s", "latency p95", "time"),
    _Rule("latency_p99_s", "latency p99", "time"),
    _Rule("latency_p999_s", "latency p99.9", "time"),
    _Rule("latency_max_s", "latency max", "time"),
    _Rule("throughput_hz", "throughput", "rate", at_least=True),
    _Rule("miss_rate", "deadline misses", "ratio"),
    _Rule("drop_rate", "drops", "ratio"),
)
_OF_DEVICE = (
    _Rule("power_w", "power average", "power"),
    _Rule("energy_per_inference_j", "energy/answer", "energy"),
    _Rule("skin_temperature_c", "skin peak", "temperature"),
    _Rule("die_temperature_c", "die peak", "temperature"),
    _Rule("memory_bytes", "memory peak", "bytes"),
    _Rule("storage_bytes", "storage", "bytes"),
    _Rule("accuracy", "accuracy", "accuracy", at_least=True),
    _Rule("battery_life_s", "battery life", "time", at_least=True),
)


def judge(metrics: Metrics, scenario: Scenario, device: DeviceSpec, known: Uncertainty | None = None) -> tuple[Verdict, ...]:
    """A verdict per budget, in the order a report shows them: thermal runaway, those of load generators, of workloads, of the device, of single workloads.

    It is the predicted value that holds a budget or not; ``known`` adds how likely that is.
    """
    verdicts = [] if metrics.heat.runaway is None else [runaway_verdict(metrics.heat.runaway)]
    verdicts += _of_loadgen(metrics)
    verdicts += _verdicts(scenario.budgets, metrics.workloads, metrics, device, known)
    for name, own in scenario.budgets.per.items():
        verdicts += _verdicts(own, {name: metrics.workloads[name]}, metrics, device, known)
    return tuple(verdicts)


def _verdicts(budgets: Budgets, workloads: dict[str, WorkloadMetrics], metrics: Metrics, device: DeviceSpec, known: Uncertainty | None) -> list[Verdict]:
    limits = {rule: getattr(budgets, rule.field) for rule in (*_OF_WORKLOADS, *_OF_DEVICE)}
    found = []
    for rule in _OF_WORKLOADS:
        if limits[rule] is not None:
            name, verdict = _worst(rule, float(limits[rule]), workloads, metrics, device)
            found.append(_with_chance(verdict, known, _path_of(rule, name), [_path_of(rule, other) for other in workloads]))
    found += [
        _of_answers(of_answers, float(limit), workloads, metrics, known)
        for of_answers in GENERATION_RULES
        if (limit := getattr(budgets, of_answers.field)) is not None
    ]
    for rule in _OF_DEVICE:
        if limits[rule] is not None:
            path = _DEVICE_PATHS.get(rule.field, ())
            found.append(_with_chance(_of_device(rule, float(limits[rule]), metrics, device), known, path, [path]))
    return found


def _of_loadgen(metrics: Metrics) -> list[Verdict]:
    """The rules of load generators, which hold whatever the budgets are."""
    found = []
    for workload, result in metrics.loadgen.items():
        shown = workload if len(metrics.workloads) > 1 else ""
        for name, rule in result.rules.items():
            dimension = "time" if isinstance(rule, TimeRule) else "count"
            value = rule.value if math.isfinite(rule.value) else None
            found.append(Verdict(f"loadgen_{name}", f"LoadGen {rule.title}", shown, dimension, value, rule.limit, rule.at_least, rule.ok, rule.advice))
    return found


def _path_of(rule: _Rule, workload: str) -> Path:
    """Where the metric of a workload's budget stands."""
    return ("workloads", workload, *_WORKLOAD_PATHS[rule.field])


def _with_chance(verdict: Verdict, known: Uncertainty | None, path: Path, every: list[Path]) -> Verdict:
    """The verdict with the interval at ``path``; all of ``every`` must hold the budget, so the least likely one counts."""
    if known is None or verdict.value is None:
        return verdict
    chances = [interval.chance(verdict.limit, verdict.at_least) for other in every if (interval := known.find(*other)) is not None]
    return replace(verdict, interval=known.find(*path), chance=min(chances, default=None))


def runaway_verdict(found: RunawayMetrics) -> Verdict:
    """That heat ended the run."""
    detail = (
        f"at {seconds(found.time_s)} each kelvin more of leakage brings back {found.gain_ratio:.3g} K; it needs a trip point, better cooling or less leakage"
    )
    return Verdict(RUNAWAY, f"runaway of {found.node}", "", "temperature", found.temperature_c, JUNCTION_MAX_C, False, False, detail)


def is_valid(verdicts: Iterable[Verdict]) -> bool:
    """Whether every budget is held (a run without budgets is valid)."""
    return all(verdict.ok for verdict in verdicts)


def format_value(value: float, dimension: str) -> str:
    """A budget's value for people."""
    writer = _WRITERS.get(dimension)
    return format_quantity(value, dimension) if writer is None else writer(value)


def _worst(rule: _Rule, limit: float, workloads: dict[str, WorkloadMetrics], metrics: Metrics, device: DeviceSpec) -> tuple[str, Verdict]:
    """The budget against the workload that is worst off, and which that is; one with nothing to measure is worse than any number."""
    values = {name: _value_of_workload(rule, one) for name, one in workloads.items()}
    if rule.field in ("miss_rate", "drop_rate"):
        values = {name: value for name, value in values.items() if value is not None} or values
    sign = -1.0 if rule.at_least else 1.0
    name = max(values, key=lambda key: float("inf") if values[key] is None else sign * float(values[key] or 0.0))
    value = values[name]
    ok = value is not None and _holds(value, limit, rule.at_least)
    detail = "" if ok else _why_late(workloads[name], metrics, device)
    shown = name if len(metrics.workloads) > 1 else ""
    return name, Verdict(rule.field, rule.title, shown, rule.dimension, value, limit, rule.at_least, ok, detail)


def _value_of_workload(rule: _Rule, workload: WorkloadMetrics) -> float | None:
    if rule.field == "miss_rate":
        return workload.miss_ratio
    if rule.field == "drop_rate":
        return workload.drop_ratio
    if rule.field == "throughput_hz":
        return workload.throughput_hz
    return None if workload.latency is None else float(getattr(workload.latency, rule.field.removeprefix("latency_")))


def _of_device(rule: _Rule, limit: float, metrics: Metrics, device: DeviceSpec) -> Verdict:
    value, detail = _DEVICE_VALUES[rule.field](metrics, device)
    ok = value is not None and _holds(value, limit, rule.at_least)
    return Verdict(rule.field, rule.title, "", rule.dimension, value, limit, rule.at_least, ok, "" if ok else detail)


def _of_answers(rule: GenerationRule, limit: float, workloads: dict[str, WorkloadMetrics], metrics: Metrics, known: Uncertainty | None) -> Verdict:
    worst = worst_answer(rule, metrics.generation, list(workloads))
    ok = worst.value is not None and _holds(worst.value, limit, rule.at_least)
    name = worst.path[2].partition("/")[0] if worst.path and len(metrics.workloads) > 1 else ""
    verdict = Verdict(rule.field, rule.title, name, rule.dimension, worst.value, limit, rule.at_least, ok, worst.why)
    return _with_chance(verdict, known, worst.path, list(worst.every))


def _holds(value: float, limit: float, at_least: bool) -> bool:
    return value >= limit if at_least else value <= limit


def _why_late(workload: WorkloadMetrics, metrics: Metrics, device: DeviceSpec) -> str:
    """When it went wrong and what the device did then."""
    if not workload.arrived_count:
        return "no request arrived after the warm-up"
    if workload.latency is None:
        return "no request was answered"
    parts = []
    if workload.miss_ratio and workload.first_miss_s is not None and workload.last_miss_s is not None:
        parts.append(f"misses {percent(workload.miss_ratio)}, {_when(workload.first_miss_s, workload.last_miss_s, metrics)}")
    if workload.drop_ratio:
        parts.append(f"drops {percent(workload.drop_ratio)}")
    if throttled := _throttled(metrics, device):
        parts.append(throttled)
    return "; ".join(parts)


def _throttled(metrics: Metrics, device: DeviceSpec) -> str:
    """The limited domain that had most to do."""
    busy_s = {name: sum(metrics.units[unit].busy_s for unit, spec in device.units.items() if spec.domain == name) for name in metrics.heat.domains}
    if not any(busy_s.values()):
        return ""
    name = max(busy_s, key=lambda domain: busy_s[domain])
    domain = metrics.heat.domains[name]
    return f"{name} throttled to {format_quantity(domain.lowest_hz, 'frequency')} from {seconds(domain.first_s)}"


def _when(first_s: float, last_s: float, metrics: Metrics) -> str:
    window_s = metrics.simulated_s - metrics.warmup_s
    if window_s <= 0 or first_s == last_s:
        return f"at {seconds(first_s)}"
    if first_s > metrics.warmup_s + 0.05 * window_s:
        return f"all after {seconds(first_s)}"
    if last_s < metrics.warmup_s + 0.5 * window_s:
        return f"all before {seconds(last_s)}"
    return "throughout"


def _energy_per_inference(metrics: Metrics, device: DeviceSpec) -> tuple[float | None, str]:
    return (1 / metrics.inferences_per_j, "") if metrics.inferences_per_j else (None, "no request was answered")


def _accuracy(metrics: Metrics, device: DeviceSpec) -> tuple[float | None, str]:
    """The least accurate model's; of models that answer in turn, as a cascade does, that of all their answers together."""
    mixed = metrics.adaptive.models if metrics.adaptive else ()
    found = {name: (model.accuracy.value_ratio, model.accuracy.note) for name, model in metrics.models.items() if name not in mixed}
    found |= {name: (accuracy.value_ratio, accuracy.note) for name, accuracy in (metrics.adaptive.judged() if metrics.adaptive else {}).items()}
    unknown: dict[str, list[str]] = {}
    for name, (value, note) in found.items():
        if value is None:
            unknown.setdefault(note, []).append(name)
    if unknown or not found:
        return None, "; ".join(f"{', '.join(names)}: {note}" for note, names in unknown.items()) or "the scenario has no model"
    return min(float(value or 0.0) for value, _ in found.values()), ""


def _battery_life(metrics: Metrics, device: DeviceSpec) -> tuple[float | None, str]:
    if metrics.power.battery_life_s is None:
        return None, f"{device.name} has no battery" if device.battery is None else "power is unknown"
    return metrics.power.battery_life_s, ""


_WORKLOAD_PATHS: dict[str, Path] = {
    "latency_p50_s": ("latency", "p50"),
    "latency_p90_s": ("latency", "p90"),
    "latency_p95_s": ("latency", "p95"),
    "latency_p99_s": ("latency", "p99"),
    "latency_p999_s": ("latency", "p999"),
    "latency_max_s": ("latency", "max"),
    "throughput_hz": ("throughput",),
    "miss_rate": ("miss",),
    "drop_rate": ("drop",),
}
_DEVICE_PATHS: dict[str, Path] = {
    "power_w": ("power", "average"),
    "energy_per_inference_j": ("energy_per_inference",),
    "battery_life_s": ("power", "battery_life"),
}
_WRITERS: dict[str, Callable[[float], str]] = {
    "rate": rate,
    "temperature": celsius,
    "accuracy": percent,
    "ratio": percent,
    "time": seconds,
    "count": count,
    "price": "{:.3g}".format,
    "traffic": traffic,
}
_DEVICE_VALUES: dict[str, Callable[[Metrics, DeviceSpec], tuple[float | None, str]]] = {
    "power_w": lambda metrics, device: (metrics.power.average_w, ""),
    "energy_per_inference_j": _energy_per_inference,
    "skin_temperature_c": lambda metrics, device: (
        metrics.heat.skin_peak_c,
        "no node of the device's thermal network is its skin" if metrics.heat.skin_peak_c is None else "",
    ),
    "die_temperature_c": lambda metrics, device: (metrics.heat.die_peak_c, "no temperature was recorded" if metrics.heat.die_peak_c is None else ""),
    "memory_bytes": lambda metrics, device: (metrics.memory.peak_bytes, ""),
    "storage_bytes": lambda metrics, device: (metrics.memory.storage_bytes, ""),
    "accuracy": _accuracy,
    "battery_life_s": _battery_life,
}
