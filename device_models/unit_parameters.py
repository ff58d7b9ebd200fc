"""The few parameters of a unit that measurements may change: which there are, what they are now, and a unit with others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from device_models.catalog.catalog import calibration_priors, cost_classes
from device_models.figure import Figure, Quantity
from device_models.spec import DeviceSpec, Spec, UnitSpec
from device_models.work import DType

SENSES = {"rate": -1.0, "cost": 1.0, "factor": 0.0}  # what a common factor on the unit's times does to a parameter
FITTED_SHARE = 0.6  # of the deviations where the unit has fitted parameters already: boards with one SoC still differ by 8 to 17 %
Key = tuple[str, str]  # a table of ``parameters`` and a name in it


class Adjustable(Spec):
    """One parameter: how the common factor acts on it, and its own standard deviation before anything is measured (of its logarithm)."""

    sense: Literal["rate", "cost", "factor"]
    sd: Annotated[Figure, Quantity("ratio", gt=0)]


class LawPriors(Spec):
    """What measurements may change under one cost law. ``keys``: which table of ``parameters`` a measurement speaks of."""

    keys: Literal["threads", "format", "float", "int8"]
    scale: Annotated[Figure, Quantity("ratio", gt=0)]
    unseen: Annotated[Figure, Quantity("ratio", gt=0)]
    kept: Annotated[Figure, Quantity("ratio", ge=0, le=1)]
    parameters: dict[str, Adjustable] = Field(min_length=1)


@cache
def law_priors(form: str) -> LawPriors | None:
    """Priors of a cost law, None where nothing may be fitted."""
    raw = calibration_priors().get(form)
    return None if raw is None else LawPriors.model_validate(raw)


@dataclass(frozen=True)
class UnitParameters:
    """The adjustable parameters of one unit: ``values`` by (table, name), positive, in the unit their name says.

    ``measured``: the tables that measurements speak of; the others of ``values`` are what a change of those carries along.
    """

    unit: str
    priors: LawPriors
    measured: tuple[str, ...]
    values: Mapping[Key, float]
    widths: float  # of the priors: less than 1 where the unit is fitted already

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.priors.parameters)

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(table for table, _ in self.values))


def parameter_table(unit: UnitSpec, threads: int, numbers: str, runtime: str) -> str:
    """The table of ``parameters`` that a measurement with so many threads, in a format (:func:`numbers_of`), under a runtime speaks of.

    Raises ValueError for a unit whose law has nothing to fit.
    """
    priors = _priors_of(unit)
    if priors.keys == "threads":
        return f"threads_{threads}"
    plain = numbers if priors.keys == "format" else priors.keys
    own = f"{plain}.{runtime}"
    return own if own in unit.parameters else plain


def unit_parameters(device: DeviceSpec, unit: str, measured: tuple[str, ...]) -> UnitParameters:
    """What the unit's parameters are now, in the tables ``measured`` and, for thread counts, in those it has besides."""
    spec = device.units[unit]
    priors = _priors_of(spec)
    others = tuple(key for key in spec.parameters if key.startswith("threads_")) if priors.keys == "threads" else ()
    values = {(table, name): _current(spec, table, name) for table in dict.fromkeys((*measured, *others)) for name in priors.parameters}
    fitted = any(table in spec.parameters for table in (*measured, *others))
    return UnitParameters(unit, priors, tuple(dict.fromkeys(measured)), values, FITTED_SHARE if fitted else 1.0)


def with_parameters(device: DeviceSpec, unit: str, values: Mapping[Key, float], source: str = "", note: str = "") -> DeviceSpec:
    """The device with these parameters of one unit in place of its own; ``source`` and ``note`` go to every figure."""
    spec = device.units[unit]
    tables = {table: dict(known) for table, known in spec.parameters.items()}
    for (table, name), value in values.items():
        tables.setdefault(table, {})[name] = Figure(value, source, "derived", note)
    changed = spec.model_copy(update={"parameters": tables})
    return device.model_copy(update={"units": {**device.units, unit: changed}})


def numbers_of(unit: UnitSpec, precision: str, dtypes: np.ndarray) -> str:
    """``float``, ``int8`` or ``int16``: how a program counts on a unit, by its precision or (as stored) the format of most of its kernels ``[kernels]``."""
    wide = precision in ("w8a16", "w4a16") or (precision == "as_stored" and _mostly(dtypes, DType.I16))
    if wide and "int16" in unit.macs_per_cycle:
        return "int16"
    only_integers = not any(name in unit.macs_per_cycle for name in ("float16", "float32", "bfloat16"))
    stored = precision == "as_stored" and _mostly(dtypes, DType.I8, DType.I16, DType.I4)
    return "int8" if only_integers or wide or stored or precision in ("int8", "int4") else "float"


def _mostly(dtypes: np.ndarray, *formats: DType) -> bool:
    return len(dtypes) > 0 and float(np.mean(np.isin(dtypes, formats))) > 0.5


def _priors_of(unit: UnitSpec) -> LawPriors:
    form = cost_classes()[unit.cost_class].form
    priors = law_priors(form)
    if priors is None:
        raise ValueError(f"nothing of a unit of class {unit.cost_class!r} can be fitted to measurements")
    return priors


def _current(unit: UnitSpec, table: str, name: str) -> float:
    """The value the cost law uses: the unit's own, at other thread counts between its fitted ones, else the class's, else 1."""
    if name in unit.parameters.get(table, {}):
        return float(unit.parameters[table][name])
    if table.startswith("threads_"):
        return _between_threads(unit, int(table.removeprefix("threads_")), name)
    plain, _, _ = table.partition(".")
    known = cost_classes()[unit.cost_class]
    for place in (unit.parameters.get(plain, {}), known.table(table), known.table(plain)):
        if name in place:
            return float(place[name])
    return 1.0


def _between_threads(unit: UnitSpec, threads: int, name: str) -> float:
    """As the CPU's law does: log-log between fitted thread counts, the nearest one outside them, 1 without any."""
    fitted = sorted((int(key.removeprefix("threads_")), float(own[name])) for key, own in unit.parameters.items() if key.startswith("threads_") and name in own)
    if not fitted:
        return 1.0
    counts, factors = zip(*fitted, strict=True)
    return float(np.exp(np.interp(math.log(threads), np.log(counts), np.log(factors))))
