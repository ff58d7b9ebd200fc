"""Fits of token rates: for each class of unit and engine the class's parameters, and two factors of every device.

Every factor stands in a table of the unit's cost class that a device may replace (``structure``): ``stream`` (share of the memory's
bandwidth), ``launch`` (s a kernel, or a layer's attention), ``prefill`` (cost of many-row products), on NPUs ``attention``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz
from device_models.figure import Figure
from device_models.map_fit import map_fit
from device_models.spec import DeviceSpec
from device_models.work import Work
from sim.compiler.program import Program
from sim.fidelity.case import Case

Price = Callable[[Case, DeviceSpec], float]
DIFFERENCE, LONGEST_STEP, CLOSE_ENOUGH, MOST_TANGENTS = 0.05, 1.0, 0.01, 6  # natural logarithms of parameters; tangents
KEPT_SD = 1e-6
DEVICE_SD = 0.2  # of a device's own factor, from the scatter between devices of a class
CLASS_SD = 0.6  # of a class's parameter about where the fit starts
# where nothing was measured: a well blocked product in float at half of what vision transformers cost, one of low bits by int8 dot products
PREFILL_START = {"float": 0.5, "low": 0.15}


class Line(NamedTuple):
    """A unit of a device under an engine: what has factors of its own."""

    device: str
    unit: str
    runtime: str


class Parameter(NamedTuple):
    """A figure of a cost class: table, row, the value the fit starts from; ``of_device``: each device has a factor on it.

    ``shared`` names what is one parameter in a class: engines that differ in the row alone share it where it is the same.
    """

    table: str
    row: str
    start: float
    of_device: bool
    shared: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}.{self.shared or self.row}"


def line_of(case: Case) -> Line:
    return Line(case.device, case.unit, str(case.use["runtime"]))


def class_of(case: Case) -> tuple[str, ...]:
    """What shares parameters: units of a cost class under an engine in a phase; CPUs of all classes, and in prefill of all engines."""
    unit, runtime = case.spec.units[case.unit], str(case.use["runtime"])
    if unit.kind == "cpu":
        return ("cpu", case.metric) if case.metric == "prefill_tokens_per_s" else ("cpu", case.metric, runtime)
    return unit.cost_class, case.metric, runtime


def parameters_of(case: Case) -> list[Parameter]:
    """What is fitted for a case's kind of unit, engine and phase."""
    kind, runtime = case.spec.units[case.unit].kind, str(case.use["runtime"])
    decode = case.metric == "decode_tokens_per_s"
    if kind == "npu":
        row = f"{runtime}.{'integer' if case.use['precision'] == 'w4a16' else 'float'}"
        if decode:
            return [Parameter("stream", row, 20.0, True), Parameter("launch", row, 1e-4, False, runtime)]
        return [Parameter("stream", row, 20.0, False), Parameter("prefill", row, 2.0, True), Parameter("attention", row, 6.0, False)]
    if decode:
        second = Parameter("launch", runtime, 8e-6, False) if kind == "gpu" else Parameter("values", "stream_bandwidth_power", 0.8, False)
        return [Parameter("stream", runtime, 0.6, True), second]
    row = "float" if case.use["precision"] == "float16" else "low"
    return [Parameter("prefill", f"{runtime}.{row}", PREFILL_START[row], True, row)]


@dataclass
class Fit:
    """Fitted figures: of classes ``(class, parameter)``, and of devices ``(line, table)`` as factors on them."""

    of_class: dict[tuple[tuple[str, ...], str], float] = field(default_factory=dict)
    of_device: dict[tuple[Line, str], float] = field(default_factory=dict)

    def device(self, case: Case) -> DeviceSpec:
        """The case's device with the figures of its class, and the factors of its own where it has been measured."""
        found = {(p.table, p.row): self.value(case, p) for p in parameters_of(case)}
        return with_figures(case.spec, case.unit, found)

    def value(self, case: Case, parameter: Parameter) -> float:
        whole = self.of_class.get((class_of(case), parameter.name), parameter.start)
        return whole * (self.of_device.get((line_of(case), parameter.table), 1.0) if parameter.of_device else 1.0)


def with_figures(spec: DeviceSpec, unit: str, figures: dict[tuple[str, str], float]) -> DeviceSpec:
    """The device with figures ``(table, row) -> value`` in the structure of a unit."""
    old = spec.units[unit]
    structure = {name: dict(table) for name, table in old.structure.items()}
    for (table, row), value in figures.items():
        structure.setdefault(table, {})[row] = Figure(value, "llm_decode_fit", "derived", "fitted to published token rates")
    return spec.model_copy(update={"units": {**spec.units, unit: old.model_copy(update={"structure": structure})}})


def fit_class(cases: Sequence[Case], price: Price, known: Fit | None = None) -> Fit:
    """Parameters of one class (:func:`class_of`) and its devices' factors from measurements. ``price``: the law's tokens per second.

    The classes' parameters stand first in the vector, the devices' factors behind them; with ``known`` its classes' parameters
    are kept and only the factors fitted. The law is nearly a power law of each: it is followed along its tangent, a few times.
    """
    shared = {p.name: p.start if known is None else known.value(case, p) for case in cases for p in parameters_of(case)}
    names = list(shared)
    own = list(dict.fromkeys((line_of(case), p.table) for case in cases for p in parameters_of(case) if p.of_device))
    columns = [[(names.index(p.name), own.index((line_of(case), p.table)) if p.of_device else None) for p in parameters_of(case)] for case in cases]
    spread = np.zeros((len(cases), max(map(len, columns)), len(names) + len(own)))  # parameters of a case from the vector
    for row, places in enumerate(columns):
        for column, (a, b) in enumerate(places):
            spread[row, column, a] = 1.0
            if b is not None:
                spread[row, column, len(names) + b] = 1.0
    prior = np.array([CLASS_SD if known is None else KEPT_SD] * len(names) + [DEVICE_SD] * len(own))
    measured, vector = np.array([case.measured for case in cases]), np.zeros(len(prior))
    for _ in range(MOST_TANGENTS):
        start = vector
        tangents = [_tangent(case, price, shared, (spread[row] @ start)[: len(columns[row])]) for row, case in enumerate(cases)]
        level = np.array([value for value, _ in tangents])
        slope = np.array([np.pad(slopes, (0, spread.shape[1] - len(slopes))) @ spread[row] for row, (_, slopes) in enumerate(tangents)])
        found = map_fit(lambda deltas, at=start, level=level, slope=slope: np.exp(level + slope @ (deltas - at)), measured, prior)  # type: ignore[misc]
        vector = start + np.clip(found.deltas - start, -LONGEST_STEP, LONGEST_STEP)
        if np.abs(vector - start).max() < CLOSE_ENOUGH:
            break
    factors = np.exp(vector)
    return Fit(
        {(class_of(cases[0]), name): shared[name] * float(factor) for name, factor in zip(names, factors, strict=False)},
        {key: float(factor) for key, factor in zip(own, factors[len(names) :], strict=True)},
    )


def _tangent(case: Case, price: Price, shared: dict[str, float], logs: np.ndarray) -> tuple[float, np.ndarray]:
    """ln of the rate where the case's parameters are ``exp(logs)`` times ``shared``, and its slope along each of them."""
    parameters = parameters_of(case)
    values = tuple(shared[p.name] * float(np.exp(log)) for p, log in zip(parameters, logs, strict=True))
    level = _log_rate(case, price, values)
    steps = (tuple(value * (1.0 + DIFFERENCE * (i == j)) for j, value in enumerate(values)) for i in range(len(values)))
    return level, np.array([(_log_rate(case, price, moved) - level) / np.log1p(DIFFERENCE) for moved in steps])


def _log_rate(case: Case, price: Price, values: tuple[float, ...]) -> float:
    figures = {(p.table, p.row): value for p, value in zip(parameters_of(case), values, strict=True)}
    return float(np.log(price(case, with_figures(case.spec, case.unit, figures))))


@dataclass(frozen=True)
class Kernels:
    """A compiled network as its distinct kernels and how often each runs, so that a fit can price it many times."""

    unit: str
    work: Work
    counts: np.ndarray
    entry_s: float
    weight_bytes: float
    threads: int
    precision: str
    runtime: str
    tokens: float

    @classmethod
    def of(cls, program: Program, case: Case, runtime: str) -> Kernels:
        """Of a program that runs on one unit. Raises ValueError for any other."""
        if len(program.segments) != 1:
            raise ValueError(f"{case.model} on {case.device} runs in {len(program.segments)} segments")
        segment, work = program.segments[0], program.kernels.work
        columns = np.column_stack([getattr(work, name).astype(float) for name in work.__dataclass_fields__])
        _, first, counts = np.unique(columns, axis=0, return_index=True, return_counts=True)
        tokens = float(case.use["options"]["sequence"]) if case.metric == "prefill_tokens_per_s" else 1.0
        return cls(segment.unit, work.take(first), counts, segment.entry_s, program.weights_bytes, int(segment.cores), program.precision, runtime, tokens)

    def tokens_per_s(self, device: DeviceSpec) -> float:
        """What the law says on a device that differs in parameters only."""
        costs = kernel_costs(
            self.work, device, self.unit, threads=self.threads, precision=self.precision, runtime=self.runtime, network_weight_bytes=self.weight_bytes
        )
        return self.tokens / (self.entry_s + float(self.counts @ kernel_seconds(costs, max_frequency_hz(device, self.unit))))
