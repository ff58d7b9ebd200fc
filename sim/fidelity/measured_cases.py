"""Measurements of a user as cases the simulator can predict: every word resolved against the device, every mistake collected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import get_args

from pydantic import ValidationError

from device_models.spec import DeviceSpec
from device_models.unit_parameters import parameter_table
from sim.compiler.pipeline import AS_STORED, resolve_runtime
from sim.compiler.runtimes import runtime_names
from sim.compiler.support import targets_of, units_of_kind
from sim.errors import EdgesimError, Problem
from sim.fidelity.case import Case
from sim.fidelity.measured_checks import contradiction, doubtful, wrong_units
from sim.fidelity.measured_names import Network, network_of, runtime_of, unit_of
from sim.fidelity.predict import lowered_of
from sim.fidelity.repricing import Repriced
from sim.measurements import Measurement, Readings
from sim.registry import near_names
from sim.scenario.lowering import Format
from sim.scenario.model import ModelUse

FEW_ON_UNIT = 0.5  # of the time, below which a measurement tells little of its unit


@dataclass(frozen=True)
class Measured:
    """One configuration with its measured latency: the median of ``repeats`` rows."""

    case: Case
    repriced: Repriced
    table: str  # of the unit's parameters it speaks of
    before_s: float  # predicted with the device as it is
    repeats: int
    measurement: Measurement  # the first of its rows

    @property
    def model(self) -> str:
        return self.case.model


def measured_cases(
    readings: Readings, device: DeviceSpec, *, runtime: str | None = None, models: Mapping[str, Network] = {}
) -> tuple[list[Measured], list[Problem]]:
    """The configurations that were measured, and warnings.

    ``runtime``: of rows that name none; rows of other engines are then left out. ``models``: the user's names of networks.
    Raises EdgesimError with every mistake, each at its line: unknown models, engines and units, more threads than cores, engines
    mixed on one unit, times in another unit than stated.
    """
    resolver = _Resolver(device, runtime, models)
    problems, warnings = list(readings.problems), list(readings.warnings)
    cases = []
    for measurement in readings.measurements:
        found = resolver.case(measurement)
        if isinstance(found, Case):
            cases.append((measurement, found))
        problems += found if isinstance(found, list) else []
    problems += _mixed_engines(cases)
    if problems:
        raise EdgesimError(_once(problems))
    warnings += resolver.warnings()
    if not cases:
        raise EdgesimError(Problem(what=f"no measurement is left: none is of runtime {runtime}"))
    measured, refused = _priced(cases, device, warnings)
    if refused:
        raise EdgesimError(_once(refused))
    if wrong := wrong_units(measured):
        raise EdgesimError(wrong)
    return measured, [*warnings, *doubtful(measured)]


class _Resolver:
    def __init__(self, device: DeviceSpec, runtime: str | None, models: Mapping[str, Network]) -> None:
        self.device, self.models = device, models
        self.engines = runtime_names()
        self.asked = None if runtime is None else self._asked(runtime)
        self.left_out: dict[str, list[Measurement]] = {}
        self.assumed: list[Measurement] = []

    def _asked(self, runtime: str) -> str:
        engine = runtime_of(runtime, self.engines)
        if engine is None:
            raise EdgesimError(Problem(path="--runtime", what=f"unknown runtime {runtime!r}; {near_names(runtime, self.engines)}"))
        if engine not in self.device.runtimes:
            raise EdgesimError(
                Problem(path="--runtime", what=f"{engine} does not exist for {self.device.name}; its runtimes: {', '.join(self.device.runtimes)}")
            )
        return engine

    def case(self, measurement: Measurement) -> Case | list[Problem] | None:
        """The case of a measurement, its mistakes, or None if it is of an engine that was not asked for."""
        engine = self._engine(measurement)
        if isinstance(engine, Problem):
            return [engine]
        if self.asked is not None and engine != self.asked:
            self.left_out.setdefault(engine, []).append(measurement)
            return None
        network = network_of(measurement.model, Path(measurement.file).parent, engine, self.models, measurement.naming)
        unit = self._unit(measurement, engine)
        precision = self._precision(measurement, network)
        problems = [measurement.problem(network, "model")] if isinstance(network, str) else []
        problems += [found for found in (unit, precision) if isinstance(found, Problem)]
        if problems or isinstance(unit, Problem) or isinstance(network, str) or isinstance(precision, Problem):
            return problems
        spec = self.device.units[unit]
        threads = measurement.threads if spec.kind == "cpu" else None
        use = {"source": network.source, "options": dict(network.options), "precision": precision, "runtime": engine, "placement": {"prefer": [unit]}}
        return Case(
            dataset="measured",
            group=f"{self.device.name} {unit}",
            device=self.device.name,
            spec=self.device,
            unit=unit,
            model=measurement.model,
            family=measurement.model,
            use=use if threads is None else {**use, "threads": threads},
            metric="latency_s",
            measured=measurement.seconds,
            source=measurement.file,
            line=measurement.line,
        )

    def _engine(self, measurement: Measurement) -> str | Problem:
        if not measurement.runtime:
            if self.asked is None:
                self.assumed.append(measurement)
            return self.asked or self.device.runtimes[0]
        engine = runtime_of(measurement.runtime, self.engines)
        if engine is None:
            return measurement.problem(f"unknown runtime {measurement.runtime[:60]!r}; {near_names(measurement.runtime[:60], self.engines)}", "runtime")
        if engine not in self.device.runtimes and engine == (self.asked or engine):
            return measurement.problem(f"runtime {engine} does not exist for {self.device.name}; its runtimes: {', '.join(self.device.runtimes)}", "runtime")
        return engine

    def _unit(self, measurement: Measurement, engine: str) -> str | Problem:
        runtime = resolve_runtime(engine)
        served = targets_of(self.device, runtime)
        if not measurement.unit:
            preferred = (name for kind in runtime.prefer for name in units_of_kind(self.device, kind) if name in served)
            unit = next(preferred, next(iter(served), None))
            if unit is not None and self.device.units[unit].kind == "cpu":
                unit = unit_of("cpu", measurement.threads, self.device)
        else:
            unit = unit_of(measurement.unit, measurement.threads, self.device)
        if unit is None:
            return measurement.problem(f"unit {measurement.unit[:60]!r} is not on {self.device.name}; its units: {', '.join(self.device.units)}", "unit")
        if unit not in served:
            return measurement.problem(f"runtime {engine} does not run on {unit} of {self.device.name}; it runs on {', '.join(served)}", "runtime")
        spec = self.device.units[unit]
        if spec.kind == "cpu" and measurement.threads is not None and measurement.threads > int(spec.cores):
            what = f"{measurement.threads} threads on {unit}, which has {int(spec.cores)} cores; give the number of threads that ran, or another unit"
            return measurement.problem(what, "threads")
        return unit

    def _precision(self, measurement: Measurement, network: Network | str) -> str | Problem:
        told = "" if isinstance(network, str) else network.precision
        precision = measurement.precision or told or AS_STORED
        names = get_args(Format)
        if precision in names:
            return precision
        return measurement.problem(f"unknown precision {precision[:60]!r}; {near_names(precision[:60], names)}", "precision")

    def warnings(self) -> list[Problem]:
        found = []
        for engine, rows in self.left_out.items():
            found.append(rows[0].problem(f"{_rows(len(rows))} of {engine} left out: --runtime asks for {self.asked}"))
        if self.assumed:
            what = f"no runtime is named: taken as {self.device.runtimes[0]}, the first of {self.device.name}; name it with --runtime"
            found.append(self.assumed[0].problem(what))
        return found


def _mixed_engines(cases: list[tuple[Measurement, Case]]) -> list[Problem]:
    """Engines differ by more than parameters of a unit can express, so each calibration is of one."""
    first: dict[str, dict[str, Measurement]] = {}
    for measurement, case in cases:
        first.setdefault(case.unit, {}).setdefault(str(case.use["runtime"]), measurement)
    problems = []
    for unit, engines in first.items():
        if len(engines) > 1:
            names = " and ".join(engines)
            problems += [
                row.problem(f"measurements of {names} on {unit} are mixed: calibrate one at a time, with --runtime {engine}") for engine, row in engines.items()
            ]
    return problems


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Problems with the same words once, at the first place, with how often they occur."""
    first: dict[tuple[str, str], Problem] = {}
    count: dict[tuple[str, str], int] = {}
    for problem in problems:
        key = (problem.file, problem.what)
        first.setdefault(key, problem)
        count[key] = count.get(key, 0) + 1
    found = [replace(problem, what=f"{problem.what} (and {_rows(count[key] - 1)} more)") if count[key] > 1 else problem for key, problem in first.items()]
    return sorted(found, key=lambda problem: (problem.file, problem.line, problem.column))


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def _priced(cases: list[tuple[Measurement, Case]], device: DeviceSpec, warnings: list[Problem]) -> tuple[list[Measured], list[Problem]]:
    """One entry a configuration, in the order of the rows; what cannot be compiled is a mistake of the row that asks for it."""
    groups: dict[tuple[object, ...], list[tuple[Measurement, Case]]] = {}
    for measurement, case in cases:
        use = case.use
        groups.setdefault((case.unit, case.model, use["source"], str(use["options"]), use["precision"], use.get("threads")), []).append((measurement, case))
    measured, refused = [], list[Problem]()
    for rows in groups.values():
        measurement, case = rows[0]
        times = [row.seconds for row, _ in rows]
        warnings += contradiction([row for row, _ in rows])
        try:
            repriced = Repriced(lowered_of(case), ModelUse.model_validate(dict(case.use), by_alias=True, by_name=False), device, case.unit)
            table = parameter_table(device.units[case.unit], repriced.used_threads, repriced.numbers, repriced.cost_name)
        except (EdgesimError, ValidationError, ValueError) as error:
            refused.append(measurement.problem(f"{case.model}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"))
            continue
        before_s = repriced.seconds(device)
        share = repriced.own_seconds(device) / before_s
        if share <= 0:
            refused.append(measurement.problem(f"{case.model}: nothing of it runs on {case.unit}: {repriced.notes[0]}"))
            continue
        if share < FEW_ON_UNIT:
            what = f"{case.model}: only {100 * share:.0f} % of the predicted time is on {case.unit}, so it tells little of it ({repriced.notes[0]})"
            warnings.append(measurement.problem(what))
        measured.append(Measured(replace(case, measured=float(median(times))), repriced, table, before_s, len(rows), measurement))
    return measured, refused
