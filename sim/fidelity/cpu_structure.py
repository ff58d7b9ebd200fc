"""Structural parameters of the CPU law: what is expected of each before any measurement, and fits that leave measurements out.

Each parameter is pulled to a round number that how the kernels work suggests, the more so the more networks share it: a network's
rows on a hundred configurations err together, so that they must not count as a hundred witnesses.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from device_models.catalog.catalog import cost_classes
from device_models.figure import Figure
from device_models.map_fit import SOFT_SCALE
from device_models.spec import DeviceSpec
from sim.fidelity import folds as folds_file
from sim.fidelity.cpu_devices import DATA
from sim.fidelity.cpu_factors import NOISE, PRECISION, fit_factors, residuals
from sim.fidelity.cpu_features import Stacked, features, with_structure

Structure = dict[str, dict[str, Figure]]
SHARED = "*"
_PRIORS, _FOLDS = DATA / "ncnn_cpu_priors.csv", DATA / "ncnn_cpu_folds.csv"
_LONGEST, _SLOPE_STEP, _ENOUGH = 0.7, 0.01, 3e-4


@dataclass(frozen=True)
class Parameter:
    """One structural parameter: the cost class it belongs to (``*``: all CPU classes), its table and the names in it that share it."""

    cost_class: str
    table: str
    names: tuple[str, ...]
    mean: float
    sd: float  # of its logarithm

    @property
    def key(self) -> tuple[str, str, str]:
        return self.cost_class, self.table, " ".join(self.names)

    def serves(self, device: DeviceSpec, unit: str) -> bool:
        """Whether it matters to a unit."""
        spec = device.units[unit]
        return self.cost_class == SHARED or (self.cost_class == spec.cost_class and (self.table != "cores" or spec.core in self.names))


@dataclass(frozen=True)
class Measured:
    """One configuration (device, cores, threads) with its networks: kernels, and seconds measured ``[networks]`` (NaN: not)."""

    device: DeviceSpec
    unit: str
    threads: int
    stacked: Stacked
    measured_s: np.ndarray


@cache
def parameters() -> tuple[Parameter, ...]:
    """All structural parameters that are fitted, from ``ncnn_cpu_priors.csv``."""
    with _PRIORS.open(newline="", encoding="utf-8") as file:
        return tuple(
            Parameter(row["cost_class"], row["table"], tuple(row["names"].split()), float(row["mean"]), float(row["sd"])) for row in csv.DictReader(file)
        )


def catalogued() -> np.ndarray:
    """Natural logarithms of the parameters as the catalogue's cost classes have them, ``[parameters]``."""
    classes = cost_classes()
    found = []
    for parameter in parameters():
        known = classes["cpu_x86" if parameter.cost_class == SHARED else parameter.cost_class]
        table = known.values if parameter.table == "values" else known.table(parameter.table)
        found.append(
            float(np.log(table[parameter.names[0]] if parameter.table != "cores" else table.get(parameter.names[0], 1.0)))
        )  # a core that is not named is the class's mean
    return np.array(found)


@cache
def folds() -> dict[str, np.ndarray]:
    """Natural logarithms of the parameters fitted without something, by its name (``family resnet``, ``soc rk3588``), ``[parameters]``."""
    return folds_file.read_folds(_FOLDS)


def write_folds(fits: dict[str, np.ndarray]) -> None:
    """Write what :func:`folds` reads."""
    folds_file.write_folds(_FOLDS, (parameter.key for parameter in parameters()), fits)


def structure_of(cost_class: str, logs: np.ndarray) -> Structure:
    """The parameters of one class as :attr:`~device_models.spec.UnitSpec.structure` takes them."""
    found: Structure = {}
    for parameter, log in zip(parameters(), logs, strict=True):
        if parameter.cost_class in (SHARED, cost_class):
            figure = Figure(float(np.exp(log)), "ncnn_fit", "derived", "fit with measurements left out")
            found.setdefault(parameter.table, {}).update(dict.fromkeys(parameter.names, figure))
    return found


def parts_of(rows: Sequence[Measured], logs: np.ndarray) -> np.ndarray:
    """Parts of the latency of every network on every configuration, ``[configurations, networks, parts]``."""
    structures = {name: structure_of(name, logs) for name in {row.device.units[row.unit].cost_class for row in rows}}
    return np.stack(
        [features(row.stacked, with_structure(row.device, row.unit, structures[row.device.units[row.unit].cost_class]), row.unit, row.threads) for row in rows]
    )


def fit_structure(rows: Sequence[Measured], start: np.ndarray, iterations: int) -> np.ndarray:
    """Natural logarithms of the parameters, ``[parameters]``: maximum a posteriori, the units' own factors fitted along.

    Gauss-Newton with slopes by differences; a step that does not help is damped.
    """
    means, sds = (np.array([getattr(parameter, name) for parameter in parameters()]) for name in ("mean", "sd"))
    means = np.log(means)
    measured_s = np.stack([row.measured_s for row in rows])
    logs, misfit, factors = start.copy(), *_misfit(rows, start, measured_s, None, 12)
    cost, damping = _cost(misfit, (logs - means) / sds), 1e-3
    for _ in range(iterations):
        slopes = _slopes(rows, logs, measured_s, misfit, factors)
        downhill = slopes.T @ misfit.ravel() + (logs - means) / sds**2
        curvature = slopes.T @ slopes + np.diag(1.0 / sds**2)
        before = cost
        for _attempt in range(5):
            damped = curvature + damping * np.diag(np.diag(curvature))
            moved = logs - np.clip(np.linalg.solve(damped, downhill), -_LONGEST, _LONGEST)
            new_misfit, new_factors = _misfit(rows, moved, measured_s, factors, 6)
            if (new_cost := _cost(new_misfit, (moved - means) / sds)) < cost:
                logs, misfit, factors, cost, damping = moved, new_misfit, new_factors, new_cost, max(damping / 10, 1e-6)
                break
            damping *= 10
        if before - cost < _ENOUGH * before:
            break
    return logs


def _cost(misfit: np.ndarray, pulls: np.ndarray) -> float:
    return float((misfit**2).sum() + (pulls**2).sum())


def _misfit(rows: Sequence[Measured], logs: np.ndarray, measured_s: np.ndarray, start: np.ndarray | None, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted residuals of the measurements and of the units' factors, ``[configurations, networks + factors]``, and the factors."""
    parts = parts_of(rows, logs)
    factors = fit_factors(parts, measured_s, start, steps)
    errors = np.nan_to_num(residuals(parts, measured_s, factors))
    soft = np.sign(errors) * SOFT_SCALE * np.sqrt(2.0 * (np.sqrt(1.0 + (errors / SOFT_SCALE) ** 2) - 1.0)) / NOISE
    return np.concatenate([soft, factors * np.sqrt(PRECISION)], axis=1), factors


def _slopes(rows: Sequence[Measured], logs: np.ndarray, measured_s: np.ndarray, misfit: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Change of the residuals with each parameter, ``[residuals, parameters]``; only configurations it serves are priced again."""
    slopes = np.zeros((misfit.size, len(logs)))
    for position, parameter in enumerate(parameters()):
        served = [index for index, row in enumerate(rows) if parameter.serves(row.device, row.unit)]
        if not served:
            continue
        moved = logs.copy()
        moved[position] += _SLOPE_STEP
        there, _ = _misfit([rows[index] for index in served], moved, measured_s[served], factors[served], 2)
        change = np.zeros_like(misfit)
        change[served] = (there - misfit[served]) / _SLOPE_STEP
        slopes[:, position] = change.ravel()
    return slopes
