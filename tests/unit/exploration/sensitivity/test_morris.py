"""Morris screening against functions whose effects are known, and against SALib where it is installed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.exploration.sensitivity.morris import effects, step, trajectories

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 6), st.sampled_from((2, 4, 6, 8)), st.integers(0, 1000))


def values_of(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    return function(points.reshape(-1, points.shape[2])).reshape(points.shape[:2])


@given(SIZES)
def test_a_trajectory_moves_every_input_once_by_one_step_on_the_grid(size: tuple[int, int, int, int]) -> None:
    inputs, count, levels, seed = size
    points = trajectories(inputs, count, levels, seed)
    assert points.shape == (count, inputs + 1, inputs)
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    on_grid = points * (levels - 1)
    np.testing.assert_allclose(on_grid, np.round(on_grid), atol=1e-12)
    moved = np.abs(np.diff(points, axis=1))
    np.testing.assert_allclose(moved.max(axis=2), step(levels))
    np.testing.assert_allclose(moved.sum(axis=1), step(levels))  # every input in every trajectory, and only once


def test_every_level_is_started_from_equally_often() -> None:
    first = trajectories(1, 8000, 4, 3)[:, 0, 0]
    shares = [float(np.mean(np.isclose(first, level / 3))) for level in range(4)]
    assert shares == pytest.approx([0.25] * 4, abs=0.02)


@given(SIZES, st.lists(st.floats(-100, 100), min_size=9, max_size=9))
def test_a_linear_function_has_its_coefficients_as_effects_everywhere(size: tuple[int, int, int, int], coefficients: list[float]) -> None:
    inputs, count, levels, seed = size
    slopes = np.array(coefficients[:inputs])
    points = trajectories(inputs, count, levels, seed)
    for slope, effect in zip(slopes, effects(points, values_of(lambda at: 7.0 + at @ slopes, points)), strict=True):
        assert effect.count == count
        assert effect.mu == pytest.approx(slope, abs=1e-9)
        assert effect.mu_star == pytest.approx(abs(slope), abs=1e-9)
        if count > 1:
            assert effect.sigma == pytest.approx(0.0, abs=1e-9)
            assert effect.confidence == pytest.approx(0.0, abs=1e-8)


def test_effects_of_opposite_signs_cancel_in_mu_only() -> None:
    points = trajectories(2, 200, 4, 1)
    parabola, still = effects(points, values_of(lambda at: (at[:, 0] - 0.5) ** 2, points))
    # on four levels a step of 2/3 goes from 0 to 2/3 or from 1/3 to 1: changes of (1/36 - 1/4) and (1/4 - 1/36), each in half of the trajectories
    expected = (1 / 4 - 1 / 36) / (2 / 3)
    assert parabola.mu_star == pytest.approx(expected)
    assert abs(parabola.mu or 0.0) < 0.2 * expected
    assert parabola.sigma == pytest.approx(expected, rel=0.05)
    assert (still.mu, still.mu_star, still.sigma) == (0.0, 0.0, 0.0)


def g_function(at: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sobol's: inputs of small weights matter."""
    return np.prod((np.abs(4.0 * at - 2.0) + weights) / (1.0 + weights), axis=1)


def test_the_g_function_ranks_its_inputs_by_their_weights() -> None:
    weights = np.array([99.0, 0.0, 9.0, 1.0, 4.5])
    points = trajectories(5, 60, 8, 5)
    found = effects(points, values_of(lambda at: g_function(at, weights), points))
    order = sorted(range(5), key=lambda index: -(found[index].mu_star or 0.0))
    assert order == [1, 3, 4, 2, 0]


def morris_function(at: np.ndarray) -> np.ndarray:
    """Morris's own test function (1991): 20 inputs, of which the first ten matter; coefficients of the rest are small (here 0)."""
    weights = 2.0 * (at - 0.5)
    for index in (2, 4, 6):
        weights[:, index] = 2.0 * (1.1 * at[:, index] / (at[:, index] + 0.1) - 0.5)
    result = 20.0 * weights[:, :10].sum(axis=1)
    for i in range(6):
        for j in range(i + 1, 6):
            result -= 15.0 * weights[:, i] * weights[:, j]
            for k in range(j + 1, 5):
                if j < 5:
                    result -= 10.0 * weights[:, i] * weights[:, j] * weights[:, k]
    return result + 5.0 * weights[:, 0] * weights[:, 1] * weights[:, 2] * weights[:, 3]


def test_the_function_of_the_paper_falls_into_its_three_groups() -> None:
    points = trajectories(20, 40, 4, 2)
    found = effects(points, values_of(morris_function, points))
    interacting = [found[index] for index in (0, 1, 2, 3, 4, 5)]
    additive = [found[index] for index in (7, 8, 9)]  # the seventh bends
    inert = found[10:]
    assert all((effect.mu_star or 0.0) < 1e-9 for effect in inert)
    assert all((effect.sigma or 0.0) < 1e-9 and effect.mu == pytest.approx(40.0) for effect in additive)
    assert all((effect.sigma or 0.0) > 10.0 for effect in interacting)
    assert (found[6].sigma or 0.0) > 1.0


def test_steps_without_a_result_are_left_out_and_the_rest_still_counts() -> None:
    points = trajectories(3, 5, 4, 0)
    values = values_of(lambda at: at @ np.array([1.0, 2.0, 3.0]), points)
    values[0, 0] = np.nan
    found = effects(points, values)
    assert sum(effect.count for effect in found) == 14
    assert [effect.mu for effect in found] == pytest.approx([1.0, 2.0, 3.0])
    nothing = effects(points, np.full(values.shape, np.nan))
    assert [(effect.mu, effect.count) for effect in nothing] == [(None, 0)] * 3


def test_the_interval_is_students() -> None:
    stats = pytest.importorskip("scipy.stats")
    for count in (2, 3, 4, 5, 10, 40):
        points = trajectories(1, count, 2, 0)
        sizes = np.sort(np.random.default_rng(count).uniform(1.0, 2.0, count))
        start_to_end = np.stack([np.zeros(count), sizes * (points[:, 1, 0] - points[:, 0, 0])], axis=1)
        width = effects(points, start_to_end)[0].confidence
        exact = stats.t.ppf(0.975, count - 1) * sizes.std(ddof=1) / np.sqrt(count)
        assert width == pytest.approx(exact, rel=0.01)


def test_spread_trajectories_lie_further_apart() -> None:
    def spread_of(points: np.ndarray) -> float:
        pairs = [(one, other) for index, one in enumerate(points) for other in points[:index]]
        return sum(float(np.linalg.norm(one[:, None] - other[None], axis=2).sum()) ** 2 for one, other in pairs)

    plain, spread = (spread_of(trajectories(6, 5, 4, 1, spread=choice)) for choice in (False, True))
    assert spread > plain


def test_the_same_seed_gives_the_same_points_and_another_seed_others() -> None:
    assert np.array_equal(trajectories(4, 3, 4, 9), trajectories(4, 3, 4, 9))
    assert not np.array_equal(trajectories(4, 3, 4, 9), trajectories(4, 3, 4, 10))


@pytest.mark.parametrize(("inputs", "count", "levels"), [(3, 2, 3), (3, 2, 0), (0, 2, 4), (3, 0, 4)])
def test_what_cannot_be_a_design_is_refused(inputs: int, count: int, levels: int) -> None:
    with pytest.raises(ValueError, match=r"levels|at least one"):
        trajectories(inputs, count, levels)


def test_effects_equal_those_of_salib() -> None:
    analyze = pytest.importorskip("SALib.analyze.morris")
    inputs, weights = 6, np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])
    problem = {"num_vars": inputs, "names": [f"x{index}" for index in range(inputs)], "bounds": [[0.0, 1.0]] * inputs}
    points = trajectories(inputs, 30, 4, 8)
    values = values_of(lambda at: g_function(at, weights), points)
    theirs = analyze.analyze(problem, points.reshape(-1, inputs), values.reshape(-1), num_levels=4, num_resamples=2000, seed=1)
    ours = effects(points, values)
    np.testing.assert_allclose([effect.mu for effect in ours], theirs["mu"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose([effect.mu_star for effect in ours], theirs["mu_star"], rtol=1e-9)
    np.testing.assert_allclose([effect.sigma for effect in ours], theirs["sigma"], rtol=1e-9)
    # theirs is a bootstrap with the normal quantile and without Bessel's correction; ours is Student's: a few per cent wider
    ratio = np.array([effect.confidence for effect in ours]) / np.asarray(theirs["mu_star_conf"], dtype=float)
    assert ratio == pytest.approx(np.full(inputs, 2.045 / 1.960 * np.sqrt(30 / 29)), rel=0.08)
    sampled = pytest.importorskip("SALib.sample.morris").sample(problem, 30, num_levels=4, seed=3)
    again = effects(sampled.reshape(30, inputs + 1, inputs), g_function(sampled, weights).reshape(30, inputs + 1))
    on_theirs = analyze.analyze(problem, sampled, g_function(sampled, weights), num_levels=4, num_resamples=10, seed=1)
    np.testing.assert_allclose([effect.mu_star for effect in again], on_theirs["mu_star"], rtol=1e-9)
