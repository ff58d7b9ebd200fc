"""The dataset of GPUs: what was measured on what, and that a prediction never sees what its regime leaves out."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sim.fidelity.datasets.ncnn_gpu import DATASET, SHOTS, gpu_of, measured_rows
from sim.fidelity.gpu_devices import CPU, DATA, UNIT, rows, specification
from sim.fidelity.gpu_features import FACTORS, TABLE, factors_of, invocation_s, price, with_factors
from sim.fidelity.gpu_structure import factors, folds, parameters, parts_of


def test_every_row_is_a_float_case_of_a_known_gpu() -> None:
    with (DATA / "ncnn_gpu.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    cases = DATASET.cases()
    assert len(cases) == len(table) == 421
    assert len({case.device for case in cases}) == 25
    assert not any(case.model.endswith("_int8") for case in cases)  # ncnn runs them on the CPU
    for case in cases:
        row = table[case.line - 2]
        assert (row["network"], float(row["min_ms"])) == (case.model, pytest.approx(case.measured * 1e3))
        assert row["device"] in rows()
        assert case.source.startswith("Tencent/ncnn@")
    assert Counter(case.spec.units[UNIT].cost_class for case in cases).keys() == {
        "gpu_adreno",
        "gpu_mali",
        "gpu_nvidia",
        "gpu_desktop",
        "gpu_apple",
        "gpu_powervr",
    }


def test_no_measurement_is_beyond_the_peak() -> None:
    """Winograd saves at most four in five multiplications: nothing is quicker than a fifth of the peak's time."""
    cases = DATASET.cases()
    names = sorted({case.model for case in cases})
    placed = measured_rows(cases, ())[0][0].placed
    macs = dict(zip(names, np.add.reduceat(placed.work.macs, placed.first), strict=True))
    for case in cases:
        unit = case.spec.units[UNIT]
        hertz = float(case.spec.domains[UNIT].operating_points[-1].frequency_hz)
        peak = float(unit.cores) * float(unit.macs_per_cycle["float16"]) * hertz
        assert case.measured > macs[case.model] / peak / 5, (case.device, case.model)


def test_specifications_carry_nothing_fitted() -> None:
    for name in rows():
        device = specification(name)
        assert set(device.units) == {UNIT, CPU}
        assert not device.units[UNIT].parameters
        assert not device.units[UNIT].structure


def test_every_fold_leaves_something_out() -> None:
    cases = DATASET.cases()
    wanted = {"all", *(f"family {case.family}" for case in cases), *(f"gpu {gpu_of(case)}" for case in cases)}
    assert set(folds()) == wanted
    assert all(len(fold) == len(parameters()) and np.isfinite(fold).all() for fold in folds().values())


@pytest.mark.parametrize("regime", ["leave-family-out", "zero-shot", "k-shot"])
def test_what_is_left_out_has_no_say(regime: str) -> None:
    """The left-out measurements a hundred times as long: the same devices."""
    cases = [case for case in DATASET.cases() if case.spec.name in ("rk3399", "kirin_970")]
    before = DATASET.devices(cases, regime, 3)  # type: ignore[arg-type]
    hidden = [row for row, case in enumerate(cases) if case.family == "vgg"]
    changed = [replace(case, measured=case.measured * 100) if row in hidden else case for row, case in enumerate(cases)]
    after = DATASET.devices(changed, regime, 3)  # type: ignore[arg-type]
    for row in hidden:
        assert before[row] == after[row]


def test_measured_shots_are_not_predicted() -> None:
    cases = [case for case in DATASET.cases() if case.spec.name == "rk3399"]
    devices = DATASET.devices(cases, "k-shot", 3)
    assert {case.model for case, device in zip(cases, devices, strict=True) if device is None} == set(SHOTS[:3])


def test_factors_come_back_from_latencies_made_with_them() -> None:
    cases = DATASET.cases()
    one = measured_rows(cases, ())[0][0]
    parts = parts_of([one], folds()["all"])
    true = np.array([[0.3, -0.2, 0.2, 0.1, 0.1, -0.1]])
    found = factors(parts, price(parts, true))
    assert price(parts, found) == pytest.approx(price(parts, true), rel=0.05)  # pulled a little to the prior
    assert np.abs(price(parts, 0 * true) / price(parts, true) - 1).max() > 0.15  # which factors of 1 would not do


def test_a_unit_states_its_factors() -> None:
    device = specification("rk3399")
    unit = with_factors(device, UNIT, dict(zip(FACTORS, (2.0, 1.5, 0.5, 3.0, 1.1, 0.9), strict=True)))
    assert float(unit.parameters[TABLE]["invocation_s"]) == pytest.approx(3 * invocation_s(device, UNIT))
    fitted = device.model_copy(update={"units": {**device.units, UNIT: unit}})
    assert np.exp(factors_of(fitted, UNIT)) == pytest.approx([2.0, 1.5, 0.5, 3.0, 1.1, 0.9])
