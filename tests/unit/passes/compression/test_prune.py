"""Pruning: channels that go together, zeros by magnitude, sizes of sparse forms, and what units make of zeros."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from device_models.work import DType
from sim.frontends.zoo import build
from sim.graph.ir import Sparsity, Tensor
from sim.graph.storage import file_bytes
from sim.graph.text import from_text, to_text
from sim.passes.compression import compress
from sim.passes.compression.channel_rules import channels_of
from sim.passes.compression.channels import reshaped
from sim.passes.compression.cluster import centroids
from sim.passes.compression.knapsack import Choice, least_loss
from sim.passes.compression.prune import schedule
from sim.scenario.compression import PruneOptions


def test_an_addition_couples_the_channels_it_joins(residual):
    channels = channels_of(residual)
    assert np.array_equal(channels.roots(channels.stored["stem.weight", 0]), channels.roots(channels.stored["inner.weight", 0]))
    assert not channels.roots(channels.stored["head.weight", 0]).any()  # outputs stay
    made = compress(residual, [{"prune": {"structured": "channels", "remove": {"stem": [1, 5]}}}]).graph
    assert made.tensors["inner.weight"].shape == (6, 6, 3, 3) and made.tensors["head.weight"].shape == (10, 6) and made.tensors["bn.mean"].shape == (6,)
    kept = [0, 2, 3, 4, 6, 7]
    assert np.array_equal(made.tensors["inner.weight"].load(), residual.tensors["inner.weight"].load()[kept][:, kept])


def test_the_least_important_channels_go(residual):
    norms = np.abs(residual.tensors["stem.weight"].load()).sum(axis=(1, 2, 3)) + np.abs(residual.tensors["inner.weight"].load()).sum(axis=(1, 2, 3))
    made = compress(residual, [{"prune": {"structured": "channels", "ratio": 0.25}}]).graph
    kept = np.sort(np.argsort(norms)[2:])
    assert np.array_equal(made.tensors["stem.weight"].load(), residual.tensors["stem.weight"].load()[kept])


def test_heads_go_whole():
    made = compress(build("vit_b_16"), [{"prune": {"structured": "channels", "ratio": 0.5, "only": ["*qkv"]}}]).graph
    heads = {t.shape for t in made.tensors.values() if len(t.shape) == 4 and t.shape[-1] == 64 and t.role == "activation"}
    assert heads and all(6 in shape for shape in heads)


def test_reshapes_move_atoms_as_they_move_elements():
    shuffled = reshaped(reshaped(np.arange(12).reshape(1, 12, 1, 1), (1, 12, 2, 2), (1, 3, 4, 2, 2)).transpose(0, 2, 1, 3, 4), (1, 4, 3, 2, 2), (1, 12, 2, 2))
    assert np.array_equal(shuffled.ravel(), np.arange(12).reshape(3, 4).T.ravel())
    flat = reshaped(np.arange(1, 4).reshape(1, 3, 1, 1), (1, 3, 2, 2), (1, 12))
    assert np.array_equal(flat.ravel(), np.repeat([1, 2, 3], 4))


def test_the_smallest_weights_become_zero(residual):
    made = compress(residual, [{"prune": {"sparsity": 0.75, "only": ["inner"]}}]).graph
    old, new = residual.tensors["inner.weight"].load(), made.tensors["inner.weight"].load()
    assert np.mean(new == 0) == pytest.approx(0.75) and np.abs(old[new == 0]).max() <= np.abs(new[new != 0]).min()
    assert made.tensors["inner.weight"].sparsity == Sparsity(0.75)
    assert to_text(from_text(to_text(made))) == to_text(made)


def test_two_of_four_keeps_the_larger_two(residual):
    made = compress(residual, [{"prune": {"granularity": "2:4", "only": ["head"]}}]).graph
    old, new = (graph.tensors["head.weight"].load().reshape(-1, 4) for graph in (residual, made))
    assert ((new != 0).sum(axis=1) == 2).all()
    assert np.allclose(np.abs(new).sum(axis=1), np.sort(np.abs(old), axis=1)[:, 2:].sum(axis=1))


def test_global_pruning_has_one_threshold(residual):
    made = compress(residual, [{"prune": {"sparsity": 0.5, "scope": "global"}}]).graph
    names = ("stem.weight", "inner.weight", "head.weight")
    kept, gone = [], []
    for name in names:
        old, new = residual.tensors[name].load().ravel(), made.tensors[name].load().ravel()
        kept += list(np.abs(new[new != 0]))
        gone += list(np.abs(old[new == 0]))
    assert max(gone) <= min(kept) and len(gone) / (len(gone) + len(kept)) == pytest.approx(0.5, abs=0.01)


def test_sparse_forms_count_only_where_they_save():
    tensor = Tensor("w", (64, 128), DType.I8, "weight", sparsity=Sparsity(0.9))
    assert file_bytes(tensor, ("bitmap",)) == pytest.approx(8192 * 0.1 + 8192 / 8)
    assert file_bytes(tensor, ("csr",)) == pytest.approx(2 * 8192 * 0.1 + 4 * 65)
    assert file_bytes(Tensor("w", (64, 128), DType.I8, "weight", sparsity=Sparsity(0.05)), ("bitmap", "csr")) == 8192
    assert file_bytes(Tensor("w", (64, 128), DType.F32, "weight", clusters=16), ("palette",)) == 8192 / 2 + 16 * 4
    assert file_bytes(tensor, ()) == 8192


def test_gradual_schedule_ends_at_the_target():
    found = schedule(PruneOptions.model_validate({"sparsity": 0.9, "schedule": "iterative", "steps": 4}))
    assert found["targets"][-1] == pytest.approx(0.9) and np.all(np.diff(found["targets"]) > 0) and np.all(np.diff(found["targets"], 2) < 0)
    assert schedule(PruneOptions.model_validate({"sparsity": 0.9, "schedule": "lottery_ticket"}))["rewind"]


def test_mixed_precision_is_the_best_of_all_choices():
    random = np.random.default_rng(3)
    for _ in range(30):
        rows = [[Choice(float(cost), float(loss)) for cost, loss in random.integers(1, 30, size=(3, 2))] for _ in range(5)]
        limit = float(random.integers(10, 90))
        fitting = [sum(c.loss for c in pick) for pick in itertools.product(*rows) if sum(c.cost for c in pick) <= limit]
        found = least_loss(rows, limit)
        assert (found is None) == (not fitting)
        if found is not None:
            assert sum(row[i].loss for row, i in zip(rows, found, strict=True)) == min(fitting)
            assert sum(row[i].cost for row, i in zip(rows, found, strict=True)) <= limit


def test_mixed_precision_holds_its_budget(residual):
    for budget, held in (({"average_bits": 5.0}, lambda graph: True), ({"size": "1.5 kB"}, lambda graph: graph.stored_bytes() <= 1500)):
        made = compress(residual, [{"mixed_precision": budget | {"activations": "none"}}]).graph
        formats = {t.dtype for t in made.tensors.values() if t.name.endswith("weight") and len(t.shape) > 1}
        assert formats <= {DType.I8, DType.I4} and held(made)


def test_low_rank_factors_multiply_to_the_nearest_matrix(residual):
    made = compress(residual, [{"low_rank": {"rank": 3}}]).graph
    inner, outer = made.tensors["head.weight.inner"].load(), made.tensors["head.weight.outer"].load()
    left, singular, right = np.linalg.svd(residual.tensors["head.weight"].load(), full_matrices=False)
    assert np.allclose(outer @ inner, (left[:, :3] * singular[:3]) @ right[:3], atol=1e-5)


def test_clusters_are_the_means_of_what_is_nearest():
    values = np.concatenate([np.random.default_rng(0).normal(c, 0.05, 50) for c in (-2, 0.5, 3)])
    assert np.allclose(centroids(values, 3), [values[:50].mean(), values[50:100].mean(), values[100:].mean()])


def test_a_student_takes_the_teachers_place_and_answers_alike():
    from sim.errors import EdgesimError
    from sim.passes.compression import Means

    means = Means(network=lambda name, options, shapes: build(name, **options))
    made = compress(build("resnet18"), [{"distill": {"student": "mobilenet_v2"}}], means=means).graph
    assert made.notes["distillation"] == {"teacher": "resnet18", "temperature": 4.0, "alpha": 0.5}
    with pytest.raises(EdgesimError, match="gives outputs of shapes"):
        compress(build("resnet18"), [{"distill": {"student": "ds_cnn"}}], means=means)
