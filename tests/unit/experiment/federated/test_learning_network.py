"""Gradients of many networks at once: against finite differences, and against the trainer of a single network."""

from __future__ import annotations

import numpy as np
import pytest

from sim.experiment.federated.learning_network import Shape

SHAPES = [(), (7,), (6, 5)]


def batch(networks: int = 3, images: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    shares = rng.random((networks, images))
    return rng.random((networks, images, 64)), rng.integers(0, 10, (networks, images)), shares / shares.sum(axis=1, keepdims=True)


def rows_of(shape: Shape, networks: int = 3) -> np.ndarray:
    return np.stack([shape.start(seed) for seed in range(networks)]) + 0.05 * np.random.default_rng(9).standard_normal((networks, shape.elements))


@pytest.mark.parametrize("hidden", SHAPES)
def test_gradients_are_the_slopes_of_the_loss(hidden):
    shape, (images, labels, shares) = Shape(hidden), batch()
    rows = rows_of(shape)
    _, slopes = shape.gradients(rows, images, labels, shares)
    step = 1e-6
    for element in np.random.default_rng(4).choice(shape.elements, 60, replace=False):
        moved = np.zeros(shape.elements)
        moved[element] = step
        above, below = (shape.gradients(rows + sign * moved, images, labels, shares)[0] for sign in (1, -1))
        assert slopes[:, element] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-8)


def test_networks_do_not_see_each_other():
    shape, (images, labels, shares) = Shape((6, 5)), batch()
    rows = rows_of(shape)
    losses, slopes = shape.gradients(rows, images, labels, shares)
    for number in range(3):
        one = slice(number, number + 1)
        loss, slope = shape.gradients(rows[one], images[one], labels[one], shares[one])
        assert loss == pytest.approx(losses[one], rel=1e-12)
        assert slope == pytest.approx(slopes[one], rel=1e-12, abs=1e-15)


def test_an_image_without_a_share_counts_for_nothing():
    shape, (images, labels, shares) = Shape((6,)), batch()
    shares[:, -1] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    whole = shape.gradients(rows_of(shape), images, labels, shares)
    without = shape.gradients(rows_of(shape), images[:, :-1], labels[:, :-1], shares[:, :-1])
    assert whole[0] == pytest.approx(without[0], rel=1e-12) and whole[1] == pytest.approx(without[1], rel=1e-10, abs=1e-14)


def test_softmax_regression_agrees_with_scikit_learn():
    """The loss and the accuracy of a given linear network are those of another library."""
    metrics = pytest.importorskip("sklearn.metrics")
    shape, rng = Shape(()), np.random.default_rng(0)
    images, labels, row = rng.random((50, 64)), rng.integers(0, 10, 50), rng.standard_normal(650)
    logits = images @ row[:640].reshape(10, 64).T + row[640:]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    accuracy, loss = shape.judged(row, images, labels)
    assert loss == pytest.approx(metrics.log_loss(labels, shares, labels=range(10)), rel=1e-9)
    assert accuracy == metrics.accuracy_score(labels, logits.argmax(axis=1))


def test_infinite_weights_are_right_about_nothing():
    shape = Shape(())
    assert shape.judged(np.full(shape.elements, np.inf), np.ones((3, 64)), np.zeros(3, dtype=int)) == (0.0, float("inf"))
