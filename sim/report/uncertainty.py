"""How sure the metrics of a run are: intervals that hold the truth with a probability of 80 %, and the chance that a budget is held.

Latency, throughput, misses and drops: from runs with slower and faster units (see :class:`Perturbed`). Between and beyond them a metric is
taken as linear in how much longer a class of units takes; what several classes do to it is added up, their errors being independent.
Energy: each component's share times what energies of its class were off by. Everything else has no interval, and radio transfers are
taken as exact. A run that trains a model has none, see :func:`training_units`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from device_models.catalog.catalog import residuals, unit_residuals
from device_models.residuals import ANY, LEVEL, REGIMES, ZERO_SHOT, Residuals, Slowdown, regime_of
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.compiler.slowdown import program_slowdown
from sim.report.generation_metrics import AnswerMetrics, generation_metrics
from sim.report.metrics import Metrics
from sim.report.request_metrics import WorkloadMetrics, workload_metrics
from sim.report.run_result import RunResult
from sim.trace import Trace

SAMPLES = 2048
UNMEASURED_TRAINING = "training priced by the laws of inference, whose error was not measured: no intervals"
LATENCIES = ("p50_s", "p90_s", "p95_s", "p99_s", "p999_s", "max_s")
TOKEN_TIMES = ("p50_s", "p99_s", "max_s")
REST = "rest"  # row of the residuals for what is no unit: memory, base, storage, fan, radios
Path = tuple[str, ...]
# Words for the chance that a budget is held; a chance of at least so much is called so.
LIKELIHOODS: tuple[tuple[float, str], ...] = ((0.95, "very likely"), (0.7, "likely"), (0.3, "toss-up"), (0.05, "unlikely"), (0.0, "very unlikely"))


class PerturbedRun(Protocol):
    """A run in which units of a cost class take what they take at most with probability ``share``."""

    @property
    def cost_class(self) -> str: ...

    @property
    def share(self) -> float: ...

    @property
    def trace(self) -> Trace: ...


class Perturbed(Protocol):
    """``base``: the run as predicted over the same simulated time ``window_s``; ``slowdowns`` by cost class. Without runs: first order only."""

    @property
    def base(self) -> Trace: ...

    @property
    def runs(self) -> Sequence[PerturbedRun]: ...

    @property
    def slowdowns(self) -> Mapping[str, Slowdown]: ...

    @property
    def window_s(self) -> float: ...


@dataclass(frozen=True)
class Interval:
    """What a metric may be, in its SI unit: ``low`` to ``high`` with a probability of :data:`LEVEL`; ``samples`` equally probable, ascending."""

    low: float
    high: float
    samples: np.ndarray = field(repr=False, compare=False)

    @classmethod
    def of(cls, samples: np.ndarray) -> Interval:
        """The interval of equally probable values ``[n]``."""
        ordered = np.sort(samples)
        low, high = np.quantile(ordered, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
        return cls(float(low), float(high), ordered)

    def chance(self, limit: float, at_least: bool) -> float:
        """The probability that the metric is at most (``at_least``: at least) ``limit``."""
        below = np.searchsorted(self.samples, limit, side="left" if at_least else "right") / len(self.samples)
        return float(1.0 - below if at_least else below)


@dataclass(frozen=True)
class UnitTrust:
    """What is known of predictions of a unit: its regime, and the interval of measured over predicted times; of how many residuals of what."""

    regime: str
    low_ratio: float
    high_ratio: float
    residuals_count: int  # 0: estimated
    of: str


@dataclass(frozen=True)
class Uncertainty:
    """Intervals by path in :class:`Metrics` without unit suffixes, such as ``("workloads", "camera", "latency", "p99")``.

    ``regime``: the least certain of the units that did a tenth of the work or more. ``window_s``: simulated time of the runs they come
    from, 0 where they come from shares of the work alone. ``units``: of those that ran.
    """

    intervals: Mapping[Path, Interval]
    regime: str
    window_s: float
    units: Mapping[str, UnitTrust]

    def find(self, *path: str) -> Interval | None:
        """The interval of a metric, if it has one."""
        return self.intervals.get(path)


def likelihood(chance: float) -> str:
    """The word for a probability, see :data:`LIKELIHOODS`."""
    return next(word for least, word in LIKELIHOODS if chance >= least)


def uncertainty(result: RunResult, metrics: Metrics, perturbed: Perturbed) -> Uncertainty:
    """Intervals of all metrics of a run that have one. Pure: the same runs give the same numbers."""
    device, busy_s = result.device, result.trace.totals["busy_s"]
    training = training_units(result.programs)
    intervals = {} if training else {**_request_intervals(result, metrics, perturbed), **_energy_intervals(metrics, device)}
    units = {name: unit_trust(device, name) for name, seconds in busy_s.items() if seconds > 0 and name not in training}
    total_s = sum(busy_s.values())
    regimes = [units[name].regime for name in units if busy_s[name] >= 0.1 * total_s]
    regime = max(regimes, key=REGIMES.index, default=ZERO_SHOT)
    return Uncertainty(intervals, regime, perturbed.window_s if perturbed.runs else 0.0, units)


def training_units(programs: Mapping[str, Program]) -> frozenset[str]:
    """Units that run steps of training: what predictions were off by was measured of inferences only, so that nothing is known of them.

    Whatever shares a device with them waits for them and is powered with them: a run with such a unit has no intervals at all.
    """
    steps = [program for program in programs.values() if program.graph is not None and "training" in program.graph.notes]
    return frozenset(segment.unit for program in steps for segment in program.segments)


def unit_trust(device: DeviceSpec, unit: str) -> UnitTrust:
    """What latencies predicted of a unit were off by, whatever the number format."""
    spec = device.units[unit]
    found = unit_residuals(spec)
    low, high = np.exp(found.interval())
    return UnitTrust(regime_of(spec), float(low), float(high), found.count, found.of)


def draws(position: int) -> np.ndarray:
    """Equally spaced probabilities in an order of their own for each ``position``, so that errors drawn with them are independent, ``[SAMPLES]``."""
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    return shares if position == 0 else np.random.default_rng(position).permutation(shares)


def _request_intervals(result: RunResult, metrics: Metrics, perturbed: Perturbed) -> dict[Path, Interval]:
    factors = {name: slowdown.at(draws(position)) for position, (name, slowdown) in enumerate(perturbed.slowdowns.items())}
    found: dict[Path, Interval] = {}
    if not factors:  # no unit did anything: nothing is known of what radios are off by
        return found
    seen = _Runs(result, perturbed)
    for workload, own in metrics.workloads.items():
        for path, value, read, bounded in _of_workload(workload, own):
            samples = seen.samples(workload, value, read, bounded, factors)
            if samples is None and path[2:3] == ("latency",):
                samples = value * _shared(result, factors)
            if samples is not None:
                found[path] = Interval.of(samples)
    for stage, answer in (metrics.generation.answers if metrics.generation else {}).items():
        for path, value, read_answer in _of_answers(stage, answer):
            samples = seen.samples(stage, value, read_answer, False, factors)
            if samples is not None:
                found[path] = Interval.of(samples)
    return found


Reader = Callable[[Any], float | None]  # of the metrics of a workload, or of a stage that generates


def _of_answers(stage: str, metrics: AnswerMetrics) -> list[tuple[Path, float, Reader]]:
    """Times to and between tokens, and rates of tokens: path, value, and how to read it of another run."""
    found: list[tuple[Path, float, Reader]] = []
    for part in ("first_token", "between_tokens"):
        if (times := getattr(metrics, part)) is not None:
            found += [(("generation", "answers", stage, part, key.removesuffix("_s")), getattr(times, key), _token_time(part, key)) for key in TOKEN_TIMES]
    found.append((("generation", "answers", stage, "token_rate"), metrics.token_rate_hz, lambda run: run.token_rate_hz))
    if metrics.request_token_rate_hz is not None:
        found.append((("generation", "answers", stage, "request_token_rate"), metrics.request_token_rate_hz, lambda run: run.request_token_rate_hz))
    return found


def _token_time(part: str, key: str) -> Reader:
    return lambda run: None if getattr(run, part) is None else float(getattr(getattr(run, part), key))


def _of_workload(name: str, metrics: WorkloadMetrics) -> list[tuple[Path, float, Reader, bool]]:
    """Metrics with an interval: path, value, how to read it of another run, and whether it is a share of one."""
    found: list[tuple[Path, float, Reader, bool]] = []
    if metrics.latency is not None:
        for key in LATENCIES:
            found.append((("workloads", name, "latency", key.removesuffix("_s")), getattr(metrics.latency, key), _latency(key), False))
    found.append((("workloads", name, "throughput"), metrics.throughput_hz, lambda run: run.throughput_hz, False))
    if metrics.miss_ratio is not None:
        found.append((("workloads", name, "miss"), metrics.miss_ratio, lambda run: run.miss_ratio, True))
    if metrics.drop_ratio is not None:
        found.append((("workloads", name, "drop"), metrics.drop_ratio, lambda run: run.drop_ratio, True))
    return found


def _latency(key: str) -> Reader:
    return lambda run: None if run.latency is None else float(getattr(run.latency, key))


class _Runs:
    """Metrics of the perturbed runs, and what they say of a metric of the whole run."""

    def __init__(self, result: RunResult, perturbed: Perturbed) -> None:
        scenario = result.scenario
        warmup_s = min(float(scenario.warmup_s), perturbed.window_s / 2.0)
        starts_s = {name: float(workload.start_s) for name, workload in scenario.workloads.items()}
        self._slowdowns = perturbed.slowdowns
        self._base = _all_metrics(perturbed.base, warmup_s, starts_s)
        self._runs = [(run, _all_metrics(run.trace, warmup_s, starts_s)) for run in perturbed.runs]

    def samples(self, name: str, value: float, read: Reader, bounded: bool, factors: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Equally probable values of a metric of a workload or stage; None where the runs do not show it."""
        base = read(self._base[name])
        if base is None or not self._runs:
            return None
        change = np.zeros(SAMPLES)
        for cost_class, factor in factors.items():
            seen = [(run.share, read(metrics[name])) for run, metrics in self._runs if run.cost_class == cost_class]
            known = {1.0: base} | {float(self._slowdowns[cost_class].at(np.array(share))): found for share, found in seen if found is not None}
            if len(known) < 1 + len(seen):
                return None
            change += _line(factor, known) - base
        if bounded:
            return np.clip(value + change, 0.0, 1.0)
        return np.maximum(value * (1.0 + change / base), 0.0) if base > 0 else np.full(SAMPLES, value)


def _all_metrics(trace: Trace, warmup_s: float, starts_s: Mapping[str, float]) -> dict[str, Any]:
    """Of workloads by name, and of stages that generate by ``workload/stage``."""
    generation = generation_metrics(trace, warmup_s, 0.0)
    return {**workload_metrics(trace, warmup_s, starts_s), **(generation.answers if generation else {})}


def _line(at: np.ndarray, known: Mapping[float, float]) -> np.ndarray:
    """Straight lines through the known points, carried on beyond the outermost."""
    x = np.array(sorted(known))
    y = np.array([known[value] for value in sorted(known)])
    if len(x) < 2:
        return np.full(len(at), y[0])
    slopes = np.diff(y) / np.diff(x)
    return np.interp(at, x, y) + np.minimum(at - x[0], 0.0) * slopes[0] + np.maximum(at - x[-1], 0.0) * slopes[-1]


def _shared(result: RunResult, factors: Mapping[str, np.ndarray]) -> np.ndarray:
    """To first order: each class's share of all work times how much longer it takes."""
    busy_s = dict.fromkeys(factors, 0.0)
    for unit, seconds in result.trace.totals["busy_s"].items():
        cost_class = result.device.units[unit].cost_class
        if cost_class in busy_s:
            busy_s[cost_class] += seconds
    total_s = sum(busy_s.values())
    return np.asarray(sum(busy_s[name] / total_s * factor for name, factor in factors.items())) if total_s else np.ones(SAMPLES)


def _energy_intervals(metrics: Metrics, device: DeviceSpec) -> dict[Path, Interval]:
    ratio = energy_ratio(metrics.energy.components_j, device)
    if ratio is None:
        return {}
    found: dict[Path, Interval] = {("energy", "total"): Interval.of(metrics.energy.total_j * ratio)}
    if metrics.power.average_w is not None:
        found["power", "average"] = Interval.of(metrics.power.average_w * ratio)
    if metrics.power.battery_life_s is not None:
        found["power", "battery_life"] = Interval.of(metrics.power.battery_life_s / ratio)
    if metrics.inferences_per_j:
        found[("inferences_per_j",)] = Interval.of(metrics.inferences_per_j / ratio)
        found[("energy_per_inference",)] = Interval.of(ratio / metrics.inferences_per_j)
    return found


def energy_ratio(components_j: Mapping[str, float], device: DeviceSpec) -> np.ndarray | None:
    """True over predicted energy, ``[SAMPLES]`` equally probable; None of no energy. Components of a class err together."""
    classes: dict[str, list[tuple[float, Residuals]]] = {}
    for name, energy_j in components_j.items():
        unit = device.units.get(name)
        if unit is None:
            classes.setdefault(REST, []).append((energy_j, residuals().find("energy", REST, REST, ANY, ZERO_SHOT)))
        else:
            classes.setdefault(unit.cost_class, []).append((energy_j, unit_residuals(unit, "energy")))
    total_j = sum(components_j.values())
    if not total_j > 0:
        return None
    parts = enumerate(classes.values())
    return np.asarray(sum(energy_j / total_j * np.exp(found.at(draws(position))) for position, members in parts for energy_j, found in members))


@dataclass(frozen=True)
class ProgramTrust:
    """Of one run of a program alone on a device: true over predicted time and energy, and the least certain regime of its units."""

    time_ratio: Interval
    energy_ratio: Interval
    regime: str


def program_trust(program: Program, device: DeviceSpec, units_s: Mapping[str, float], units_j: Mapping[str, float], memory_j: float) -> ProgramTrust | None:
    """``units_s``: time of each unit, ``units_j``: energy of each, ``memory_j``: of the memory's traffic. None of a step of training, see
    :func:`training_units`."""
    if training_units({program.name: program}):
        return None
    classes: dict[str, float] = {}
    for unit, seconds in units_s.items():
        cost_class = device.units[unit].cost_class
        classes[cost_class] = classes.get(cost_class, 0.0) + seconds
    total_s = sum(classes.values())
    parts = [seconds / total_s * program_slowdown((program,), device, name).at(draws(position)) for position, (name, seconds) in enumerate(classes.items())]
    energy = energy_ratio({**units_j, "memory": memory_j}, device)
    regimes = [regime_of(device.units[unit]) for unit, seconds in units_s.items() if seconds >= 0.1 * total_s]
    time = np.asarray(sum(parts))
    return ProgramTrust(Interval.of(time), Interval.of(time if energy is None else energy), max(regimes, key=REGIMES.index))
