"""Fits of sums of products of factors: what was put in comes out, priors rule where nothing was measured."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.posynomial_fit import Posynomial, fit_posynomial

RNG = np.random.default_rng(5)
TERMS = RNG.uniform(0.1, 10.0, (40, 3))
OWN = np.stack([np.eye(3)] * 40)  # a factor a term


def test_factors_come_out_as_they_were_put_in() -> None:
    model, true = Posynomial(TERMS, OWN), np.array([0.4, -1.1, 0.7])
    assert fit_posynomial(model, model.values(true), np.full(3, 50.0)) == pytest.approx(true, abs=1e-3)


def test_a_factor_enters_with_its_power() -> None:
    powers = np.zeros((40, 3, 1))
    powers[:, 0, 0], powers[:, 1, 0] = 1.0, 0.5
    model = Posynomial(TERMS, powers)
    assert model.values(np.array([np.log(4.0)])) == pytest.approx(4 * TERMS[:, 0] + 2 * TERMS[:, 1] + TERMS[:, 2])


def test_a_factor_nothing_was_measured_of_stays_at_its_prior() -> None:
    terms = TERMS.copy()
    terms[:, 2] = 0.0
    model = Posynomial(terms, OWN)
    assert fit_posynomial(model, model.values(np.array([0.3, 0.2, 9.0])), np.ones(3))[2] == 0.0


def test_a_narrow_prior_holds_and_a_wide_one_lets_go() -> None:
    """One row, one factor, one noise: the closed form of two Gaussians (the soft loss is quadratic near zero)."""
    model = Posynomial(np.array([[1.0]]), np.ones((1, 1, 1)))
    measured = np.array([np.exp(0.01)])
    found = [fit_posynomial(model, measured, np.array([sd]), noise=0.05)[0] for sd in (0.005, 0.05, 5.0)]
    assert found == pytest.approx([0.01 / (1 + (0.05 / sd) ** 2) for sd in (0.005, 0.05, 5.0)], rel=5e-3)


def test_one_outlier_among_many_does_not_rule() -> None:
    model = Posynomial(np.ones((21, 1)), np.ones((21, 1, 1)))
    measured = np.ones(21)
    measured[0] = 1000.0
    assert fit_posynomial(model, measured, np.array([10.0]))[0] < 0.05


@pytest.mark.parametrize(
    ("terms", "measured", "sd", "message"),
    [
        (np.ones((2, 1)), np.ones(3), np.ones(1), "shapes"),
        (np.ones((2, 1)), np.array([1.0, 0.0]), np.ones(1), "positive"),
        (np.ones((2, 1)), np.array([1.0, np.nan]), np.ones(1), "positive"),
        (np.ones((2, 1)), np.ones(2), np.zeros(1), "positive"),
        (np.array([[1.0], [0.0]]), np.ones(2), np.ones(1), "all zero"),
        (np.array([[1.0], [-1.0]]), np.ones(2), np.ones(1), "negative"),
    ],
)
def test_what_cannot_be_fitted_is_refused(terms: np.ndarray, measured: np.ndarray, sd: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_posynomial(Posynomial(terms, np.ones((2, 1, 1))), measured, sd)
