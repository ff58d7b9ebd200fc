"""Structural parameters of the GPU law: what is expected of each before any measurement, and fits that leave measurements out."""

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
from sim.fidelity.cpu_factors import NOISE, fit_factors
from sim.fidelity.cpu_features import with_structure
from sim.fidelity.cpu_structure import Parameter
from sim.fidelity.gpu_devices import DATA, UNIT
from sim.fidelity.gpu_features import POWERS, PRECISION, Placed, features, price

SHARED = "*"
_PRIORS, _FOLDS = DATA / "ncnn_gpu_priors.csv", DATA / "ncnn_gpu_folds.csv"
_SLOPE_STEP, _ENOUGH = 0.02, 1e-4


@dataclass(frozen=True)
class Measured:
    """One GPU with its networks: kernels, what runs beside them, and seconds measured ``[networks]`` (NaN: not)."""

    device: DeviceSpec
    placed: Placed
    beside: tuple[np.ndarray, np.ndarray]
    measured_s: np.ndarray


@cache
def parameters() -> tuple[Parameter, ...]:
    """All structural parameters that are fitted, from ``ncnn_gpu_priors.csv``."""
    with _PRIORS.open(newline="", encoding="utf-8") as file:
        return tuple(
            Parameter(row["cost_class"], row["table"], tuple(row["names"].split()), float(row["mean"]), float(row["sd"])) for row in csv.DictReader(file)
        )


@cache
def folds() -> dict[str, np.ndarray]:
    """Natural logarithms of the parameters fitted without something, by its name (``all``, ``family resnet``, ``gpu gm20b``), ``[parameters]``."""
    return folds_file.read_folds(_FOLDS)


def write_folds(fits: dict[str, np.ndarray]) -> None:
    """Write what :func:`folds` reads."""
    folds_file.write_folds(_FOLDS, (parameter.key for parameter in parameters()), fits)


def prior_means() -> np.ndarray:
    """Natural logarithms of what is expected of the parameters, ``[parameters]``."""
    return np.log([parameter.mean for parameter in parameters()])


def catalogued() -> np.ndarray:
    """Natural logarithms of the parameters as the catalogue's cost classes have them, ``[parameters]``."""
    found = []
    for parameter in parameters():
        known = cost_classes()["gpu_mali" if parameter.cost_class == SHARED else parameter.cost_class]
        table = known.values if parameter.table == "values" else known.table(parameter.table)
        found.append(float(np.log(float(table[parameter.names[0]]))))
    return np.array(found)


def structured(device: DeviceSpec, logs: np.ndarray) -> DeviceSpec:
    """The device whose GPU has these parameters in place of its class's."""
    structure: dict[str, dict[str, Figure]] = {}
    for parameter, log in zip(parameters(), logs, strict=True):
        if parameter.serves(device, UNIT):
            figure = Figure(float(np.exp(log)), "ncnn_fit", "derived", "fit with measurements left out")
            structure.setdefault(parameter.table, {}).update(dict.fromkeys(parameter.names, figure))
    return with_structure(device, UNIT, structure)


def parts_of(rows: Sequence[Measured], logs: np.ndarray) -> np.ndarray:
    """Parts of the latency of every network on every GPU, ``[gpus, networks, parts]``."""
    return np.stack([features(row.placed, row.beside, structured(row.device, logs), UNIT) for row in rows])


def factors(parts: np.ndarray, measured_s: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Natural logarithms of the factors of each GPU, ``[gpus, factors]``."""
    return fit_factors(parts, measured_s, start, powers=POWERS, precision=PRECISION)


def fit_structure(rows: Sequence[Measured], start: np.ndarray, iterations: int) -> np.ndarray:
    """Natural logarithms of the parameters, ``[parameters]``: maximum a posteriori, the GPUs' own factors fitted along."""
    from scipy.optimize import least_squares

    measured_s = np.stack([row.measured_s for row in rows])
    means, sds = prior_means(), np.array([parameter.sd for parameter in parameters()])
    served = [[index for index, row in enumerate(rows) if parameter.serves(row.device, UNIT)] for parameter in parameters()]

    def misfit(logs: np.ndarray) -> np.ndarray:
        return np.concatenate([_misfit(rows, logs, measured_s).ravel(), (logs - means) / sds])

    def slopes(logs: np.ndarray) -> np.ndarray:
        here = _misfit(rows, logs, measured_s)
        found = np.zeros((*here.shape, len(logs)))
        for position, own in enumerate(served):
            if own:
                moved = logs + _SLOPE_STEP * (np.arange(len(logs)) == position)
                found[own, :, position] = (_misfit([rows[index] for index in own], moved, measured_s[own]) - here[own]) / _SLOPE_STEP
        return np.concatenate([found.reshape(-1, len(logs)), np.diag(1.0 / sds)])

    return np.asarray(least_squares(misfit, start, jac=slopes, x_scale=sds, ftol=_ENOUGH, max_nfev=iterations).x)


def _misfit(rows: Sequence[Measured], logs: np.ndarray, measured_s: np.ndarray) -> np.ndarray:
    """Weighted residuals of the measurements and of the GPUs' factors, ``[gpus, networks + factors]``."""
    parts = parts_of(rows, logs)
    own = factors(parts, measured_s)
    errors = np.nan_to_num(np.log(price(parts, own)) - np.log(measured_s))
    soft = errors * np.sqrt(2.0 / (1.0 + np.sqrt(1.0 + (errors / SOFT_SCALE) ** 2))) / NOISE
    return np.concatenate([soft, own * np.sqrt(PRECISION)], axis=1)
