"""What is known of a unit's speed: the parameters of its cost law that fits to measurements change, each and all together, with how far off they may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from statistics import NormalDist

from device_models.catalog.catalog import cost_classes, unit_residuals
from device_models.figure import Figure
from device_models.residuals import LEVEL, ZERO_SHOT, regime_of
from device_models.spec import UnitSpec
from device_models.unit_parameters import SENSES, LawPriors, law_priors
from sim.exploration.sensitivity.parameter import Cell, Parameter, Range

_HALF_WIDTH = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)  # of the interval, in standard deviations
Tables = Mapping[str, Mapping[str, float]]


def speed_parameters(name: str, unit: UnitSpec, runtimes: Iterable[str]) -> Iterator[Parameter]:
    """``units.NAME.speed``, on which all rates and costs of the unit's law depend, and its single parameters. ``runtimes``: that may run on the unit.

    Nothing for a unit whose law has no parameters that measurements could change.
    """
    known = cost_classes()[unit.cost_class]
    priors = law_priors(known.form)
    if priors is None:
        return
    tables = _tables(unit, priors, runtimes)
    residuals = unit_residuals(unit)
    low, high = (math.exp(quantile) for quantile in residuals.interval())
    of = f"published measurements of {residuals.of} ({residuals.count})" if residuals.count else residuals.of
    regime = regime_of(unit)
    common = tuple(
        Cell(f"units.{name}.parameters.{table}.{key}", value, "ratio", power=-SENSES[priors.parameters[key].sense])
        for table, values in tables.items()
        for key, value in values.items()
        if priors.parameters[key].sense != "factor"
    )
    kind = "estimated" if regime == ZERO_SHOT else "derived"
    note = f"{unit.calibration}: where so much is known of a unit, 80 % of times lie between {low:.2f} and {high:.2f} of the predicted ones"
    yield Parameter(f"units.{name}.speed", "compute", common, kind, str(unit.cost_class), note, Range(1.0 / high, 1.0 / low, of))
    for key, prior in priors.parameters.items():
        cells = tuple(Cell(f"units.{name}.parameters.{table}.{key}", values[key], "ratio") for table, values in tables.items() if key in values)
        if cells:
            width = math.exp(_HALF_WIDTH * float(prior.sd))
            figure = _figure(unit, key)
            range_ = Range(1.0 / width, width, f"{prior.sd.source}: {prior.sd.note}")
            yield Parameter(f"units.{name}.parameters.{key}", "compute", cells, figure.kind, figure.source, figure.note, range_)


def _tables(unit: UnitSpec, priors: LawPriors, runtimes: Iterable[str]) -> Tables:
    """Tables of ``parameters`` that hold what the law uses now, so that the same numbers written there change nothing."""
    if priors.keys == "threads":
        own = {table: values for table, values in unit.parameters.items() if table.startswith("threads_")}
        return {table: _filled(values, priors) for table, values in own.items()} or {"threads_1": dict.fromkeys(priors.parameters, 1.0)}
    if priors.keys == "format":
        return _by_format(unit, priors, runtimes)
    plain = _filled(unit.parameters.get(priors.keys, {}), priors)
    others = {table: values for table, values in unit.parameters.items() if table.startswith(priors.keys + ".")}
    return {priors.keys: plain, **{table: {**plain, **_filled(values, priors, only=True)} for table, values in others.items()}}


def _by_format(unit: UnitSpec, priors: LawPriors, runtimes: Iterable[str]) -> Tables:
    """The class's tables are read beneath the unit's own, those of a runtime above the plain ones: each is written out as it counts."""
    known = cost_classes()[unit.cost_class].replaced(unit.structure)
    found: dict[str, dict[str, float]] = {}
    for key in ("float", "int8", "int16"):
        plain = {**known.table(key), **unit.parameters.get(key, {})}
        if not plain:
            continue
        found[key] = _filled(plain, priors, only=True)
        for runtime in dict.fromkeys(runtimes):
            own = f"{key}.{runtime}"
            merged = {**known.table(key), **known.table(own), **unit.parameters.get(key, {}), **unit.parameters.get(own, {})}
            found[own] = _filled(merged, priors, only=True)
    return found


def _filled(values: Mapping[str, Figure], priors: LawPriors, *, only: bool = False) -> dict[str, float]:
    """The law's adjustable parameters, 1 for a factor that a table does not name unless ``only`` those it names are wanted."""
    return {name: float(values.get(name, 1.0)) for name in priors.parameters if name in values or not only}


def _figure(unit: UnitSpec, name: str) -> Figure:
    """Where a parameter comes from: the unit's own description, else its class."""
    tables = [*unit.parameters.values(), *cost_classes()[unit.cost_class].tables.values()]
    found = next((table[name] for table in tables if name in table), None)
    return found or Figure(1.0, "none", "estimated", "as the mean of its class")
