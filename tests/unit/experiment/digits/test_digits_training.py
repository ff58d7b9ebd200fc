"""The trainer: its slopes against finite differences, its masks and seeds, its networks against scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("onnxruntime")

from sim.errors import ModelError
from sim.experiment.digits import training
from sim.experiment.digits.bench import Bench, masks_of
from sim.experiment.digits.network import Layer, Network, graph_of, initial, logits, network_of
from sim.experiment.digits.techniques import TECHNIQUES
from sim.experiment.digits.training import Lesson, cross_entropy, softmax, trained
from sim.graph.builder import GraphBuilder


def _loss(network: Network, images: np.ndarray, targets: list[np.ndarray], lesson: Lesson) -> float:
    hard = -(targets[0] * np.log(softmax(logits(network, images)))).sum(axis=1).mean()
    if len(targets) == 1:
        return float(hard)
    soft = -(targets[1] * np.log(softmax(logits(network, images) / lesson.temperature))).sum(axis=1).mean()
    return float((1 - lesson.soft_share) * hard + lesson.soft_share * lesson.temperature**2 * soft)


@pytest.mark.parametrize("soft", [False, True])
def test_slopes_are_those_of_the_loss(soft: bool) -> None:
    random = np.random.default_rng(0)
    exact = tuple(Layer(layer.weight.astype(float), layer.bias.astype(float), layer.relu) for layer in initial((5, 7, 4), 1))
    images, targets = random.normal(size=(6, 5)), [np.eye(4)[random.integers(0, 4, 6)]]
    lesson = Lesson(temperature=3.0, soft_share=0.7)
    if soft:
        targets.append(softmax(random.normal(size=(6, 4))))
    slopes = training._slopes(exact, images, targets, lesson)
    values = [array for layer in exact for array in (layer.weight, layer.bias)]
    for value, slope in zip(values, slopes, strict=True):
        for index in np.ndindex(value.shape):
            kept, step = value[index], 1e-6
            value[index] = kept + step
            above = _loss(exact, images, targets, lesson)
            value[index] = kept - step
            below = _loss(exact, images, targets, lesson)
            value[index] = kept
            assert slope[index] == pytest.approx((above - below) / (2 * step), abs=1e-6)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench.of(7, effort=0.25)


def test_the_same_seed_gives_the_same_weights(bench: Bench) -> None:
    again = Bench.of(7, effort=0.25)
    for one, other in zip(bench.network, again.network, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
    assert any((one.weight != other.weight).any() for one, other in zip(bench.network, Bench.of(8, effort=0.25).network, strict=True))


def test_training_lowers_the_loss_and_leaves_the_start_alone(bench: Bench) -> None:
    before = [layer.weight.copy() for layer in bench.untrained]
    assert cross_entropy(bench.network, bench.split.images, bench.split.labels) < 0.3 * cross_entropy(bench.untrained, bench.split.images, bench.split.labels)
    for kept, layer in zip(before, bench.untrained, strict=True):
        np.testing.assert_array_equal(kept, layer.weight)


def test_masked_weights_stay_zero(bench: Bench) -> None:
    sparse = bench.shrunk(bench.network, [{"prune": {"sparsity": 0.8, "scope": "global"}}])
    tuned = bench.recover(sparse, masks=masks_of(sparse))
    for one, other in zip(sparse, tuned, strict=True):
        assert not other.weight[one.weight == 0].any()
        assert (other.weight != one.weight).any()


def test_no_image_is_both_trained_on_and_held_out(bench: Bench) -> None:
    split = bench.split
    assert len(split.images) + len(split.held_out) == 1797
    held = {image.tobytes() for image in split.held_out}
    assert not held & {image.tobytes() for image in split.images}


def test_a_graph_gives_its_network_back(bench: Bench) -> None:
    for one, other in zip(bench.network, network_of(graph_of(bench.network)), strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.bias, other.bias)
        assert one.relu == other.relu


def test_other_graphs_are_refused() -> None:
    builder = GraphBuilder("other")
    graph = builder.finish(builder.add("Sigmoid", [builder.input("x", (1, 4))]))
    with pytest.raises(ModelError, match="chain of dense layers"):
        network_of(graph)


def test_it_trains_as_well_as_scikit_learn() -> None:
    """The held-out accuracy of the same network, trained with the project's trainer and with MLPClassifier, one split."""
    bench = Bench.of(3)
    ours, theirs = (TECHNIQUES[name].make(bench).accuracy for name in ("fp32", "fp32_sklearn"))
    assert ours.value >= theirs.low and theirs.value >= ours.low
    assert ours.value > 0.95


def test_a_lesson_without_a_teacher_ignores_temperature(bench: Bench) -> None:
    lesson = Lesson(epochs=2)
    one, other = (trained(bench.untrained, bench.split.images, bench.split.labels, replace(lesson, temperature=t), 0) for t in (1.0, 9.0))
    np.testing.assert_array_equal(one[0].weight, other[0].weight)
