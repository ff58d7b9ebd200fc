"""Coefficients of :mod:`device_models.cost_ort` from timed operators, class by class, with priors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from device_models.cost_ort import COEFFICIENTS, far_share, operator_classes, operator_seconds
from device_models.map_fit import map_fit
from device_models.work import Work
from sim.fidelity.host.measure import Timed

# Prior: the geometric mean of a coefficient and the standard deviation of its logarithm. Orders of magnitude of a core at 2 to
# 5 GHz (some 50 GMAC/s, 30 GB/s from its caches, 10 GB/s from memory), so wide that a handful of measurements overrules them.
PRIORS: Mapping[str, tuple[float, float]] = {
    "overhead_s": (3e-6, 1.5),
    "far_overhead_s": (1e-6, 1.8),
    "s_per_mac": (2e-11, 1.5),
    "depth": (8.0, 1.5),
    "rows": (4.0, 1.5),
    "width": (1.0, 1.5),
    "columns": (8.0, 1.5),
    "misaligned": (0.2, 1.5),
    "s_per_byte": (3e-11, 1.5),
    "far_s_per_byte": (5e-11, 1.5),
    "s_per_weight_byte": (2e-11, 1.5),
    "far_s_per_weight_byte": (1e-10, 1.5),
    "s_per_exp": (2e-10, 1.5),
    "s_per_epilogue": (5e-11, 1.5),
    "s_per_step": (1e-6, 1.5),
}
LEAST_MEASUREMENTS = 6
SHORTEST_S = 6e-7  # below it a time is the profiler's resolution
Tables = dict[str, dict[str, float]]  # "float.s_per_mac" -> class -> value


@dataclass(frozen=True)
class Caches:
    """Second-level cache of a core and last-level cache, bytes."""

    near_bytes: float
    last_bytes: float


@dataclass(frozen=True)
class FitOfClass:
    """How well a class was fitted: its measurements and ln(predicted/measured) of each."""

    format: str
    name: str
    residuals: np.ndarray

    @property
    def median_error(self) -> float:
        """The median of |predicted / measured - 1|."""
        return float(np.median(np.abs(np.expm1(self.residuals))))


@dataclass(frozen=True)
class _Row:
    work: Work  # one kernel
    seconds: float
    far: float


def fit_host(operators: Mapping[str, Sequence[Timed]], caches: Caches) -> tuple[Tables, list[FitOfClass]]:
    """Tables of every class with enough measurements. Needs SciPy.

    Operators of several kernels (dynamic quantization and the product behind it) are fitted last: what the earlier classes
    predict for the other kernels is taken off.
    """
    tables: Tables = {f"{format}.{name}": {} for format in operators for name in COEFFICIENTS}
    fits: list[FitOfClass] = []
    groups = _grouped(operators, caches, single=True)
    for key in sorted(groups):
        _fit_class(key, groups[key], tables, fits)
    for key, rows in sorted(_grouped(operators, caches, single=False, tables=tables).items()):
        if key[1] not in tables[f"{key[0]}.overhead_s"]:
            _fit_class(key, rows, tables, fits)
    return tables, fits


def _fit_class(key: tuple[str, str], rows: list[_Row], tables: Tables, fits: list[FitOfClass]) -> None:
    if len(rows) < LEAST_MEASUREMENTS:
        return
    work = Work(**{field.name: np.concatenate([getattr(row.work, field.name) for row in rows]) for field in fields(Work)})
    measured, far = np.array([row.seconds for row in rows]), np.array([row.far for row in rows])
    means = np.array([PRIORS[name][0] for name in COEFFICIENTS])
    deviations = np.array([PRIORS[name][1] for name in COEFFICIENTS])

    def predict(deltas: np.ndarray) -> np.ndarray:
        columns = {name: np.full(len(rows), value) for name, value in zip(COEFFICIENTS, means * np.exp(deltas), strict=True)}
        return sum(operator_seconds(work, columns, far), start=np.zeros(len(rows)))

    found = map_fit(predict, measured, deviations, noise=0.12)
    for name, value in zip(COEFFICIENTS, means * np.exp(found.deltas), strict=True):
        tables[f"{key[0]}.{name}"][key[1]] = float(value)
    fits.append(FitOfClass(*key, found.residuals))


def _grouped(operators: Mapping[str, Sequence[Timed]], caches: Caches, *, single: bool, tables: Tables | None = None) -> dict[tuple[str, str], list[_Row]]:
    """Measurements by class; of several kernels the one with the most arithmetic counts, the others' time is taken off."""
    groups: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for timed in (timed for rows in operators.values() for timed in rows):
        if (len(timed.work) == 1) != single or timed.seconds < SHORTEST_S:
            continue
        far = far_share(timed.footprint_bytes, caches.near_bytes, caches.last_bytes)
        keys, main = operator_classes(timed.work), int(np.argmax(timed.work.macs))
        others_s = sum(_predicted_s(timed.work, index, keys[index], far, tables or {}) for index in range(len(keys)) if index != main)
        seconds = max(timed.seconds - others_s, 0.2 * timed.seconds)
        groups[keys[main]].append(_Row(timed.work.take(np.array([main])), seconds, far))
    return groups


def _predicted_s(work: Work, index: int, key: tuple[str, str], far: float, tables: Tables) -> float:
    """A kernel's time by the tables so far; 0 where its class has none."""
    format = next((format for format in (key[0], "int8", "float") if key[1] in tables.get(f"{format}.overhead_s", {})), None)
    if format is None:
        return 0.0
    columns = {name: np.array([tables[f"{format}.{name}"][key[1]]]) for name in COEFFICIENTS}
    return float(sum(part[0] for part in operator_seconds(work.take(np.array([index])), columns, far)))
