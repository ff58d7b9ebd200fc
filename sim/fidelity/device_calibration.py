"""A device's few parameters fitted to a user's own latencies, unit by unit, and how well that predicts what was left out.

Prior: every parameter of a unit is off by a common factor and by one of its own, which the unit's tables (thread counts, number
formats) share in part (``catalog/calibration.yaml``). One measurement so moves mostly the common factor; more measurements of
different networks tell arithmetic, memory and overhead apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device_models.map_fit import map_fit
from device_models.spec import DeviceSpec
from device_models.unit_parameters import SENSES, Key, UnitParameters, unit_parameters, with_parameters
from sim.errors import EdgesimError
from sim.fidelity.measured_cases import Measured
from sim.fidelity.predict import predict

NOISE = 0.1  # of the logarithm of a measured latency: what repeated measurements and the law's own form leave
FEW = 5  # models up to which a calibration is called by their number
UNSEEN_COUNT = 3  # networks that the error of unseen ones, known of the class, counts as
LEAST_LEFT_OUT = 3  # models from which leaving one out says something about unseen ones
_ROUNDS, _SETTLED = 8, 1e-4  # linearisations of the latencies' logarithms, and the change of a parameter's at which they stop
_STEP = 1e-3


@dataclass(frozen=True)
class FittedUnit:
    """One unit: its parameters before and after, and how well it predicts what was left out of the fit.

    ``left_out``: mean relative error of networks predicted by a fit without them, None if only one was measured. ``error``: what to
    expect of unseen ones: that, weighed with what is known of such units; None where too few were measured.
    """

    unit: str
    before: UnitParameters
    after: dict[Key, float]
    models: tuple[str, ...]
    measurements: int
    left_out: float | None
    error: float | None

    @property
    def calibration(self) -> str:
        """What the device file calls it."""
        return f"{len(self.models)}-shot" if len(self.models) <= FEW else f"fitted on {self.measurements} measurements"


@dataclass(frozen=True)
class Row:
    """One measurement with the simulator's predictions, s: as the device was, as fitted, and fitted without this model (None: nothing else was measured)."""

    measured: Measured
    before_s: float
    after_s: float
    left_out_s: float | None

    @property
    def measured_s(self) -> float:
        return self.measured.case.measured


@dataclass(frozen=True)
class DeviceCalibration:
    """``device``: with the fitted parameters."""

    base: DeviceSpec
    device: DeviceSpec
    units: tuple[FittedUnit, ...]
    rows: tuple[Row, ...]


def calibrate_device(measured: Sequence[Measured], base: DeviceSpec) -> DeviceCalibration:
    """Fit every unit that was measured. Raises EdgesimError without SciPy."""
    _need_scipy()
    device, units, rows = base, list[FittedUnit](), list[Row]()
    for unit in dict.fromkeys(item.case.unit for item in measured):
        mine = [item for item in measured if item.case.unit == unit]
        fit = _UnitFit(base, unit, mine)
        after = fit.fitted(np.ones(len(mine), dtype=bool))
        fitted = with_parameters(base, unit, after)
        device = with_parameters(device, unit, after)
        found = [_row(item, base, fitted, fit) for item in mine]
        models = tuple(dict.fromkeys(item.model for item in mine))
        errors = [abs(row.left_out_s / row.measured_s - 1) for row in found if row.left_out_s is not None]
        left_out = float(np.mean(errors)) if errors else None
        units.append(FittedUnit(unit, fit.before, after, models, len(mine), left_out, _expected(left_out, len(models), fit.before)))
        rows += found
    return DeviceCalibration(base, device, tuple(units), tuple(rows))


def _expected(left_out: float | None, models: int, parameters: UnitParameters) -> float | None:
    """Few left-out networks may all be lucky: the class's error counts as some of them."""
    if left_out is None or models < LEAST_LEFT_OUT:
        return None
    unseen = float(parameters.priors.unseen)
    return math.sqrt((models * left_out**2 + UNSEEN_COUNT * unseen**2) / (models + UNSEEN_COUNT))


def _need_scipy() -> None:
    try:
        import scipy.optimize  # noqa: F401
    except ImportError:
        raise EdgesimError("fitting needs scipy; install it with: pip install 'edgesim[calibrate]'") from None


def _row(item: Measured, base: DeviceSpec, fitted: DeviceSpec, fit: _UnitFit) -> Row:
    """The table's predictions, all through the simulator."""
    others = fit.others(item)
    left_out = predict(item.case, with_parameters(base, fit.unit, fit.fitted(others))) if others.any() else None
    return Row(item, predict(item.case, base), predict(item.case, fitted), left_out)


class _UnitFit:
    """The fit of one unit to some of its measurements; what does not depend on which is computed once."""

    def __init__(self, base: DeviceSpec, unit: str, items: Sequence[Measured]) -> None:
        self.base, self.unit, self.items = base, unit, items
        self.measured_s = np.array([item.case.measured for item in items])
        self.before = unit_parameters(base, unit, tuple(item.table for item in items))
        self.keys = list(self.before.values)
        self.mixing, self.widths = _hierarchy(self.before)
        self.misses = np.log(self.measured_s) - self._logs(np.zeros(len(self.keys)))
        self.found: dict[bytes, dict[Key, float]] = {}
        self.centre: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def others(self, item: Measured) -> np.ndarray:
        """Which measurements are of other models, ``[measurements]`` bool."""
        return np.array([other.model != item.model for other in self.items])

    def fitted(self, chosen: np.ndarray) -> dict[Key, float]:
        """Parameters fitted to the chosen measurements ``[measurements]`` bool."""
        name = chosen.tobytes()
        if name not in self.found:
            shifts = self._settled(chosen)
            self.found[name] = {key: self.before.values[key] * math.exp(float(shift)) for key, shift in zip(self.keys, shifts, strict=True)}
        return self.found[name]

    def _settled(self, chosen: np.ndarray) -> np.ndarray:
        """Log factors on the parameters ``[keys]``: logarithms of latencies are made linear in those of parameters, again and again.

        With one measurement left out of many the optimum is near that of all, where the linear form is known already.
        """
        rounds = _ROUNDS
        if self.centre is not None:
            base, logs, slopes = self.centre
            rounds = 2
        else:
            base = np.zeros(len(self.keys))
            logs, slopes = self._linear(base)
        for turn in range(rounds):
            shifts = self._step(chosen, base, logs, slopes)
            moved = float(np.max(np.abs(shifts - base)))
            base = shifts
            if moved < _SETTLED or turn == rounds - 1:
                break
            logs, slopes = self._linear(base) if self.centre is None else (self._logs(base), slopes)
        if self.centre is None:
            self.centre = (base, *self._linear(base))
        return base

    def _step(self, chosen: np.ndarray, base: np.ndarray, logs: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """The fit's optimum where latencies are ``exp(logs + slopes (shifts - base))``."""
        rows, offset = slopes[chosen] @ self.mixing, logs[chosen] - slopes[chosen] @ base
        fit = map_fit(lambda deltas: np.exp(offset + rows @ deltas), self.measured_s[chosen], self._widths(chosen), noise=NOISE)
        return np.asarray(self.mixing @ fit.deltas)

    def _widths(self, chosen: np.ndarray) -> np.ndarray:
        """The deltas' standard deviations: several networks that agree on a factor are believed, however far it is; one is not."""
        models = len({item.model for item, wanted in zip(self.items, chosen, strict=True) if wanted})
        agreed = float(np.median(self.misses[chosen]))
        widths = self.widths.copy()
        widths[0] = math.sqrt(widths[0] ** 2 + (1.0 - 1.0 / models) * agreed**2)
        return widths

    def _device(self, shifts: np.ndarray) -> DeviceSpec:
        values = {key: self.before.values[key] * math.exp(float(shift)) for key, shift in zip(self.keys, shifts, strict=True)}
        return with_parameters(self.base, self.unit, values)

    def _logs(self, shifts: np.ndarray) -> np.ndarray:
        device = self._device(shifts)
        return np.log([item.repriced.seconds(device) for item in self.items])

    def _linear(self, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the latencies ``[measurements]`` and their slopes by those of the parameters ``[measurements, keys]``."""
        logs = self._logs(shifts)
        slopes = np.zeros((len(self.items), len(self.keys)))
        for column, (table, _) in enumerate(self.keys):
            speakers = [row for row, item in enumerate(self.items) if item.table == table]
            if not speakers:
                continue
            moved = shifts.copy()
            moved[column] += _STEP
            device = self._device(moved)
            for row in speakers:
                slopes[row, column] = (math.log(self.items[row].repriced.seconds(device)) - logs[row]) / _STEP
        return logs, slopes


def _hierarchy(parameters: UnitParameters) -> tuple[np.ndarray, np.ndarray]:
    """What fitted deltas do to the logarithms of parameters, ``[keys, deltas]``, and their standard deviations ``[deltas]``.

    Deltas: the common factor; each name's, for all tables; each measured table's own part of each name.
    """
    priors, names = parameters.priors, parameters.names
    kept = float(priors.kept) if len(parameters.tables) > 1 else 1.0
    columns, widths = [[SENSES[priors.parameters[name].sense] for _, name in parameters.values]], [float(priors.scale)]
    for name in names:
        columns.append([float(other == name) for _, other in parameters.values])
        widths.append(math.sqrt(kept) * float(priors.parameters[name].sd))
    if kept < 1.0:
        for table in parameters.measured:
            for name in names:
                columns.append([float(key == (table, name)) for key in parameters.values])
                widths.append(math.sqrt(1.0 - kept) * float(priors.parameters[name].sd))
    kept_columns = [(column, width) for column, width in zip(columns, widths, strict=True) if width > 0]
    return np.array([column for column, _ in kept_columns]).T, parameters.widths * np.array([width for _, width in kept_columns])
