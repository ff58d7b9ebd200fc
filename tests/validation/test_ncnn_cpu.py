"""The CPU law against ncnn's published table, regime by regime; the table is printed (``pytest -s``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sim.fidelity.case import Case, Regime
from sim.fidelity.cpu_devices import device_of
from sim.fidelity.cpu_features import FACTORS, features, price
from sim.fidelity.cpu_structure import folds, parts_of
from sim.fidelity.datasets.ncnn_cpu import DATASET, SHOTS, measured_rows
from sim.fidelity.predict import predict

from .refit_ncnn_cpu import refit

FLOAT_1, FLOAT_MANY = "CPU float, 1 thread", "CPU float, threads"
INT8_1, INT8_MANY = "CPU int8, 1 thread", "CPU int8, threads"
# Mean and median of |predicted / measured - 1|: a little over what is reached today, so that they catch a regression.
BOUNDS: dict[tuple[Regime, int], dict[str, tuple[float, float]]] = {
    ("in-sample", 0): {FLOAT_1: (0.095, 0.065), FLOAT_MANY: (0.10, 0.07), INT8_1: (0.10, 0.06), INT8_MANY: (0.11, 0.075)},
    ("leave-family-out", 0): {FLOAT_1: (0.13, 0.095), FLOAT_MANY: (0.135, 0.10), INT8_1: (0.16, 0.115), INT8_MANY: (0.19, 0.145)},
    ("k-shot", 5): {FLOAT_1: (0.115, 0.083), FLOAT_MANY: (0.13, 0.097), INT8_1: (0.17, 0.117), INT8_MANY: (0.19, 0.147)},
    ("k-shot", 3): {FLOAT_1: (0.13, 0.09), FLOAT_MANY: (0.165, 0.11), INT8_1: (0.175, 0.12), INT8_MANY: (0.20, 0.14)},
    ("zero-shot", 0): {FLOAT_1: (0.26, 0.21), FLOAT_MANY: (0.33, 0.27), INT8_1: (0.36, 0.30), INT8_MANY: (0.39, 0.33)},
}


def relative_errors(cases: list[Case], regime: Regime, shots: int) -> Iterator[tuple[Case, float]]:
    """``predicted / measured - 1``, priced as the simulator does (:func:`test_the_simulator_says_the_same`) but many networks at once."""
    devices = DATASET.devices(cases, regime, shots)
    groups: dict[int, list[int]] = {}
    for row, device in enumerate(devices):
        if device is not None:
            groups.setdefault(id(device), []).append(row)
    names = sorted({case.model for case in cases})
    by_case = {id(cases[row]): one for one, rows in measured_rows(cases, ()) for row in rows}
    for rows in groups.values():
        device = devices[rows[0]]
        assert device is not None
        one = by_case[id(cases[rows[0]])]
        own = device.units[one.unit].parameters.get(f"threads_{one.threads}", {})
        factors = np.log([float(own.get(name, 1.0)) for name in FACTORS])
        seconds = price(features(one.stacked, device, one.unit, one.threads), factors)
        for row in rows:
            yield cases[row], float(seconds[names.index(cases[row].model)] / cases[row].measured - 1)


@pytest.mark.parametrize(("regime", "shots"), BOUNDS)
def test_errors_by_regime(regime: Regime, shots: int) -> None:
    errors: dict[str, list[float]] = {}
    for case, error in relative_errors(DATASET.cases(), regime, shots):
        errors.setdefault(case.group, []).append(abs(error))
    for group, sizes in sorted(errors.items()):
        print(f"{regime:17s} {shots or '':1} {group:40s} {len(sizes):4d} points   mean {np.mean(sizes):6.1%}   median {np.median(sizes):6.1%}")
    for group, (mean, median) in BOUNDS[regime, shots].items():
        assert np.mean(errors[group]) < mean, group
        assert np.median(errors[group]) < median, group


@pytest.mark.parametrize("regime", ["in-sample", "leave-family-out", "zero-shot", "k-shot"])
def test_the_simulator_says_the_same(regime: Regime) -> None:
    cases = [case for case in DATASET.cases() if device_of(case.device) in ("kirin_970", "dimensity_9300")]
    devices = DATASET.devices(cases, regime)
    errors = {id(case): error for case, error in relative_errors(cases, regime, 5)}
    for case, device in list(zip(cases, devices, strict=True))[::11]:
        if device is not None:
            assert predict(case, device) / case.measured - 1 == pytest.approx(errors[id(case)], rel=1e-6, abs=1e-6), case.model


def test_a_fold_is_what_a_refit_gives() -> None:
    """Without the ResNets, from the fit on everything; stored to four digits."""
    stored = folds()["family resnet"]
    assert np.abs(refit("family resnet", folds()["all"]) - stored).max() < 0.01
    assert np.abs(stored - folds()["all"]).max() > 0.05  # it makes a difference


def test_shots_are_networks_of_the_table() -> None:
    models = {case.model for case in DATASET.cases()}
    assert set(SHOTS) <= models
    assert parts_of([one for one, _ in measured_rows([case for case in DATASET.cases() if case.device.startswith("rk3288")], ())], folds()["all"]).min() >= 0
