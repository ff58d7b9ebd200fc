"""Scores and intervals against closed forms and brute force."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.experiment.accuracy.measure import score
from sim.experiment.accuracy.metrics import METRICS, estimate, wilson
from sim.scenario.accuracy import MetricName


def test_scenarios_offer_every_metric() -> None:
    assert set(get_args(MetricName)) == set(METRICS)


@given(st.integers(6, 20), st.integers(1, 30), st.integers(0, 10**6))
def test_top_k_is_membership_in_the_k_largest(classes: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    answers, labels = random.normal(size=(count, classes)), random.integers(0, classes, count)
    for name, k in (("top1", 1), ("top5", 5)):
        brute = np.mean([label in np.argsort(-row)[:k] for row, label in zip(answers, labels, strict=True)])
        assert score(name, answers, labels).value == pytest.approx(brute)


def test_ties_go_to_the_lower_class_as_argmax_has_it() -> None:
    answers = np.ones((2, 3))
    assert score("top1", answers, np.array([0, 1])).value == 0.5


def test_an_answer_that_is_no_number_is_wrong() -> None:
    assert score("top1", np.full((1, 3), np.nan), np.array([0])).value == 0


def test_one_hot_labels_are_classes() -> None:
    answers = np.eye(4)
    assert score("top1", answers, np.eye(4)).value == 1


def test_errors_are_means_of_samples() -> None:
    answers, labels = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [3.0, 4.0]])
    assert score("mse", answers, labels).value == pytest.approx(1.0)
    assert score("mae", answers, labels).value == pytest.approx(0.5)


def test_wilson_interval_of_a_published_example() -> None:
    """Newcombe 1998, Stat. Med. 17:857, table I, method 3: 81 of 263, 95 % interval 0.2553 to 0.3662."""
    low, high = wilson(81 / 263, 263)
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))


@given(st.integers(1, 5000), st.data())
def test_intervals_hold_the_mean_and_stay_shares(count: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, count))
    found = estimate(METRICS["top1"], np.arange(count) < right)
    assert 0 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1


@pytest.mark.parametrize(
    ("metric", "labels", "what"),
    [
        ("top1", np.array([0, 3]), "classes 0 to 2"),
        ("top1", np.array([0.5, 1]), "between 0.5"),
        ("top1", np.array([-1, 1]), "between -1"),
        ("top5", np.array([0, 1]), "always right"),
        ("top1", np.array(["a", "b"]), "finite numbers"),
        ("mse", np.zeros((2, 5)), "do not fit"),
        ("mse", np.array([[np.nan] * 3] * 2), "finite numbers"),
        ("top1", np.zeros(3), "answers to"),
    ],
)
def test_labels_that_do_not_fit(metric: str, labels: np.ndarray, what: str) -> None:
    with pytest.raises(EdgesimError, match=what):
        score(metric, np.zeros((2, 3)), labels)
