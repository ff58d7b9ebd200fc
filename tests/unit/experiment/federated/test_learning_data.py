"""The digits divided: everything goes to somebody, once, and as unevenly as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sim.experiment.federated.learning_data import divided, divided_digits
from sim.scenario.federated.learning import DIGITS_TRAINED, DirichletSplit, ShardSplit

SPLITS = ["iid", DirichletSplit(kind="dirichlet", alpha=0.1), DirichletSplit(kind="dirichlet", alpha=1e-6), ShardSplit(kind="shards", per_client=2)]


@pytest.mark.parametrize("split", SPLITS, ids=str)
@pytest.mark.parametrize("clients", [1, 7, 100, 539])
def test_every_image_goes_to_one_client(split, clients):
    data = divided_digits(split, clients, seed=2)
    held = np.concatenate([row[:count] for row, count in zip(data.rows, data.counts, strict=True)])
    assert sorted(held) == list(range(DIGITS_TRAINED)) and len(data.labels) == DIGITS_TRAINED
    assert data.counts.min() >= 1


def classes(split, clients=100, seed=0):
    return divided_digits(split, clients, seed).classes().mean()


def test_splits_are_as_uneven_as_they_say():
    by_alpha = [classes(DirichletSplit(kind="dirichlet", alpha=alpha)) for alpha in (1e-3, 0.1, 1.0, 1e4)]
    assert by_alpha == sorted(by_alpha)
    assert by_alpha[0] < 1.5 and by_alpha[-1] == pytest.approx(classes("iid"), rel=0.05)
    one, two = (classes(ShardSplit(kind="shards", per_client=number)) for number in (1, 2))
    assert one < 1.3 and one < two < 2.3, "a shard lies on a border of classes now and then"


def test_shares_of_classes_follow_the_distribution():
    """With images without end, shares have the mean and the variance of a Dirichlet distribution: p (1 - p) / (10 alpha + 1)."""
    labels = np.tile(np.arange(10), 12_000)
    parts = divided(labels, DirichletSplit(kind="dirichlet", alpha=0.5), 600, np.random.default_rng(0))[:150]
    shares = np.stack([np.bincount(labels[part], minlength=10) / len(part) for part in parts])
    assert shares.var() == pytest.approx(0.09 / 6, rel=0.12)


def test_too_many_parts_are_refused():
    for split, clients in (("iid", 21), (ShardSplit(kind="shards", per_client=3), 7)):
        with pytest.raises(ValueError, match="cannot be divided"):
            divided(np.zeros(20, dtype=int), split, clients, np.random.default_rng(0))


def test_a_seed_is_a_split():
    first, again, other = (divided_digits(SPLITS[1], 30, seed) for seed in (1, 1, 2))
    assert (first.rows == again.rows).all() and not (first.rows == other.rows).all()
