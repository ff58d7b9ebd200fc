"""Clipping, and what compression leaves of updates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sim.experiment.federated.learning_updates import Sender, clipped, largest, masked_sums, quantized, sketched
from sim.scenario.federated.model import UpdateCompression

ROWS = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-1e6, 1e6))


def compression(**fields):
    return UpdateCompression.model_validate(fields)


@given(ROWS, st.floats(0.1, 1e3))
def test_clipping_bounds_the_norm_and_keeps_the_direction(rows, norm):
    shorter = clipped(rows, norm)
    lengths = np.linalg.norm(rows, axis=1)
    assert (np.linalg.norm(shorter, axis=1) <= norm * (1 + 1e-12)).all()
    assert shorter[lengths <= norm] == pytest.approx(rows[lengths <= norm])
    assert shorter * np.maximum(lengths, norm)[:, None] == pytest.approx(rows * norm, rel=1e-9, abs=1e-12)


@given(ROWS, st.integers(2, 24))
def test_quantization_is_off_by_half_a_level_at_most(rows, bits):
    levels = 2.0 ** (bits - 1) - 1
    half = np.abs(rows).max(axis=1, keepdims=True) / levels / 2
    assert (np.abs(quantized(rows, bits) - rows) <= half * (1 + 1e-9) + 1e-300).all()


def test_32_bits_are_as_good_as_all():
    rows = np.random.default_rng(0).standard_normal((4, 500))
    assert quantized(rows, 32) == pytest.approx(rows, abs=1e-8)


@given(ROWS, st.integers(1, 12))
def test_the_largest_are_kept_and_nothing_else(rows, number):
    kept = largest(rows, number)
    assert ((kept == rows) | (kept == 0)).all()
    assert ((kept != 0).sum(axis=1) <= number).all()
    by_size = -np.sort(-np.abs(rows), axis=1)[:, :number]
    assert -np.sort(-np.abs(kept), axis=1)[:, :number] == pytest.approx(by_size)


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=8), min_size=1, max_size=8), st.integers(0, 2**31))
def test_what_is_left_out_comes_later(rounds, seed):
    """Of each client: all that was sent and what is still with it are the sum of its updates, however often it took part."""
    rng, elements = np.random.default_rng(seed), 20
    sender = Sender(compression(kind="top_k", keep=0.15), 5, elements, rng)
    sent, given_in = np.zeros((5, elements)), np.zeros((5, elements))
    for clients in rounds:
        updates = rng.standard_normal((len(clients), elements))
        arrived = sender.sent(np.array(clients), updates)
        assert ((arrived != 0).sum(axis=1) == 3).all()
        np.add.at(given_in, clients, updates)
        np.add.at(sent, clients, arrived)
    assert sent + sender.remainder == pytest.approx(given_in, abs=1e-9)


def test_all_elements_of_a_top_k_are_the_update():
    updates = np.random.default_rng(0).standard_normal((3, 40))
    assert (Sender(compression(kind="top_k", keep=1.0), 3, 40, np.random.default_rng(0)).sent(np.arange(3), updates) == updates).all()


def test_a_sketch_finds_what_is_large_and_is_right_on_average():
    rng = np.random.default_rng(1)
    updates = np.zeros((2, 400))
    updates[0, 7], updates[1, 300] = 5.0, -3.0
    assert sketched(updates, 5, 40, rng) == pytest.approx(updates), "one large element collides with nothing"
    updates = rng.standard_normal((1, 60))
    mean = np.mean([sketched(updates, 1, 30, rng) for _ in range(4000)], axis=0)
    # of each reading the variance is the rest's squares by columns (Charikar, Chen and Farach-Colton)
    spread = np.sqrt((updates**2).sum() / 30 / 4000)
    assert np.abs(mean - updates).max() < 5 * spread


def test_a_sketch_with_more_columns_is_better():
    updates = np.random.default_rng(2).standard_normal((4, 300))
    errors = [np.linalg.norm(sketched(updates, 5, columns, np.random.default_rng(3)) - updates) for columns in (30, 300, 30_000)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_what_masks_add_up_is_whole_steps_of_a_common_range():
    """The weighted sum that the server reads is a whole number of steps, no further than half a step for each answer from the exact one."""
    rng = np.random.default_rng(4)
    updates, weights = rng.standard_normal((7, 30)), rng.integers(1, 20, 7).astype(float)
    for bits in (4, 8, 16):
        summed = (weights / weights.max()) @ masked_sums(updates, weights, bits)
        exact = (weights / weights.max()) @ updates
        step = np.abs(updates * (weights / weights.max())[:, None]).max() / (2 ** (bits - 1) - 1)
        assert np.abs(summed / step - np.rint(summed / step)).max() < 1e-6
        assert 0 < np.abs(summed - exact).max() <= 3.5 * step
    assert (masked_sums(np.zeros((3, 4)), np.ones(3), 8) == 0).all()
