"""Distributions of how far off predictions are."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.catalog.catalog import cost_classes, device_names, load_device, residuals, unit_residuals
from device_models.residuals import ANY, REGIMES, SHARES, Residuals, Slowdown, numbers_of, quantiles_of, read_residuals, regime_of
from device_models.work import DType, KernelWork, Kind, Work

NORMAL = Residuals(tuple(0.3 * NormalDist().inv_cdf(share) for share in SHARES))
FINITE = st.floats(-3.0, 3.0)


def test_a_normal_distribution_is_met_at_any_share() -> None:
    shares = np.array([0.001, 0.05, 0.1, 0.33, 0.5, 0.9, 0.999])
    expected = [0.3 * NormalDist().inv_cdf(share) for share in shares]
    np.testing.assert_allclose(NORMAL.at(shares), expected, atol=1e-12)
    assert NORMAL.interval() == pytest.approx((-0.3 * 1.2815515655, 0.3 * 1.2815515655))


@given(st.lists(FINITE, min_size=len(SHARES), max_size=len(SHARES)))
def test_quantiles_never_fall(values: list[float]) -> None:
    found = Residuals(tuple(sorted(values))).at(np.linspace(0.001, 0.999, 200))
    assert (np.diff(found) >= -1e-12).all()


@given(st.lists(FINITE, min_size=1, max_size=40))
def test_quantiles_of_residuals_ascend(values: list[float]) -> None:
    found = np.array(quantiles_of(np.array(values)))
    assert (np.diff(found) >= -1e-9).all() and found[0] <= max(values) and found[-1] >= min(values)


def test_the_next_residual_falls_inside_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        *seen, unseen = rng.standard_t(4, size=20)
        low, high = Residuals(quantiles_of(np.array(seen))).interval()
        inside += low <= unseen <= high
    assert inside / 2000 == pytest.approx(0.8, abs=0.03)


def test_no_residuals_have_no_quantiles() -> None:
    with pytest.raises(ValueError, match="at least one"):
        quantiles_of(np.zeros(0))


def test_parts_of_a_class_are_added_up_at_the_same_share() -> None:
    wide = Residuals(tuple(2 * value for value in NORMAL.quantiles))
    both = Slowdown(((0.25, NORMAL), (0.75, wide)))
    expected = 0.25 * np.exp(NORMAL.at(np.array([0.9]))) + 0.75 * np.exp(wide.at(np.array([0.9])))
    np.testing.assert_allclose(both.at(np.array([0.9])), expected)


def test_the_narrowest_row_with_enough_residuals_is_found() -> None:
    def measured(law: str, numbers: str, n: int, middle: float) -> dict[str, Any]:
        return {"quantity": "latency", "law": law, "numbers": numbers, "regime": "fitted", "n": n, "datasets": ["some"], "quantiles": [middle] * len(SHARES)}

    estimated = [{"quantity": "latency", "law": "any", "numbers": "any", "regime": regime, "sd": 0.5, "note": "wide"} for regime in REGIMES]
    rows = [measured("big", "int8", 4, 1.0), measured("big", "any", 40, 2.0), measured("cpu", "int8", 90, 3.0), measured("npu", "any", 3, 4.0)]
    table = read_residuals({"estimated": estimated, "measured": rows})
    assert table.find("latency", "big", "cpu", "int8", "fitted").quantiles[3] == 2.0  # four of int8 are too few
    assert table.find("latency", "small", "cpu", "int8", "fitted").quantiles[3] == 3.0
    for form, regime in (("cpu", "zero-shot"), ("npu", "fitted"), ("other", "k-shot")):
        found = table.find("latency", "small", form, "float", regime)
        assert found.count == 0 and found.of == "estimated: wide"
    with pytest.raises(ValueError, match="no residuals"):
        table.find("beauty", "small", "cpu", "float", "fitted")


def test_rows_must_ascend() -> None:
    row = {"quantity": "latency", "law": "cpu", "numbers": "any", "regime": "fitted", "n": 40, "datasets": ["some"], "quantiles": [0, 1, 2, 3, 4, 6, 5]}
    with pytest.raises(ValueError, match="ascending"):
        read_residuals({"estimated": [], "measured": [row]})


@pytest.mark.parametrize("name", device_names())
def test_every_unit_of_the_catalogue_has_residuals_for_latency_and_energy(name: str) -> None:
    for unit in load_device(name).units.values():
        for quantity in ("latency", "energy"):
            low, high = unit_residuals(unit, quantity).interval()
            assert -3 < low < high < 3


def test_rows_are_of_laws_that_exist() -> None:
    known = {*cost_classes(), *(one.form for one in cost_classes().values()), ANY, "rest"}
    assert {law for _, law, _, _ in residuals().rows} <= known


@pytest.mark.parametrize(
    ("calibration", "regime"), [("zero-shot", "zero-shot"), ("3-shot", "k-shot"), ("fitted on 26 networks", "fitted"), ("calibrated on 5 networks", "k-shot")]
)
def test_the_regime_is_read_from_a_units_own_words(calibration: str, regime: str) -> None:
    unit = load_device("raspberry_pi_4").units["cpu"].model_copy(update={"calibration": calibration})
    assert regime_of(unit) == regime


def test_numbers_are_those_of_most_multiply_accumulates() -> None:
    def work(*rows: tuple[float, DType]) -> Work:
        return Work.stack([KernelWork(Kind.PW, macs=macs, dtype=dtype, weight_dtype=dtype) for macs, dtype in rows])

    assert numbers_of(work((3.0, DType.I8), (2.0, DType.F32))) == "int8"
    assert numbers_of(work((2.0, DType.I8), (3.0, DType.F32))) == "float"
