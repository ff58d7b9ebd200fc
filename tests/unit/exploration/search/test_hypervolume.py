"""Volumes against what Optuna computes, against counting cells, and against what must hold for any of them; fronts against comparing all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.exploration.search.front import knee, non_dominated
from sim.exploration.search.hypervolume import hypervolume

points = st.integers(1, 3).flatmap(lambda m: st.lists(st.lists(st.integers(0, 6), min_size=m, max_size=m), min_size=1, max_size=20))


def counted(found, corner):
    """Whole-number points: how many unit cells below the corner some point dominates."""
    cells = np.array(np.meshgrid(*[np.arange(end) for end in corner], indexing="ij")).reshape(len(corner), -1).T
    return sum(any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in found) for cell in cells)


@given(points)
def test_it_is_the_number_of_dominated_cells(found):
    corner = [5] * len(found[0])
    assert hypervolume(found, corner) == counted(found, corner)


@pytest.mark.parametrize("objectives", [2, 3])
def test_optuna_says_the_same(objectives):
    optuna = pytest.importorskip("optuna._hypervolume")
    random = np.random.default_rng(objectives)
    for count in (1, 7, 60):
        found, corner = random.random((count, objectives)), np.full(objectives, 1.0)
        assert hypervolume(found, corner) == pytest.approx(optuna.compute_hypervolume(found, corner), rel=1e-12)


def test_points_beyond_the_reference_add_nothing_and_others_are_not_cut_off():
    assert hypervolume([[1.0, 9.0], [0.5, 0.5]], [1.0, 1.0]) == 0.25
    assert hypervolume([], [1.0, 1.0]) == 0.0
    with pytest.raises(ValueError, match="4 objectives"):
        hypervolume([[0.0] * 4], [1.0] * 4)


def dominated(a, b):
    return all(y <= x for x, y in zip(a, b, strict=True)) and any(y < x for x, y in zip(a, b, strict=True))


@given(points)
def test_a_front_is_what_no_other_point_dominates(found):
    assert list(non_dominated(found)) == [not any(dominated(point, other) for other in found) for point in found]


def test_the_knee_is_nearest_to_the_best_of_everything():
    assert knee([[0.0, 10.0], [1.0, 2.0], [10.0, 0.0]]) == 1
    assert knee([[0.0, 1000.0], [1.0, 200.0], [10.0, 0.0]]) == 1  # whatever the units are
    assert knee([[0.0, 1.0], [1.0, 0.0]]) is None
    assert knee([[1.0, 1.0]] * 4) is None
