"""Zeros and clusters that the values of stored weights show."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.work import DType
from sim.frontends.recognition import MAX_CLUSTERS, measure_weights
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Quantization, Sparsity, Tensor
from sim.report.stored_weights import in_words, stored_weights

RNG = np.random.default_rng(7)


def measured(values: np.ndarray, dtype: DType = DType.F32, quantization: Quantization | None = None) -> Tensor:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, values.shape[1]))
    weight = builder.tensor("w", values.shape, dtype, "weight", quantization=quantization, load=lambda: values)
    return measure_weights(builder.finish(builder.add("Dense", [x, weight]))).tensors["w"]


def dense(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def test_dense_weights_have_neither() -> None:
    tensor = measured(dense(64, 64))
    assert tensor.sparsity is None and tensor.clusters == 0


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8])
def test_magnitude_pruning(ratio: float) -> None:
    values = dense(64, 64)
    values[np.abs(values) < np.quantile(np.abs(values), ratio)] = 0
    assert measured(values).sparsity == Sparsity(pytest.approx(ratio, abs=1e-3))  # type: ignore[arg-type]  # compares by value


def test_two_of_four_along_the_inputs() -> None:
    values = dense(32, 64)
    groups = values.reshape(-1, 4)
    np.put_along_axis(groups, np.abs(groups).argsort(axis=1)[:, :2], 0, axis=1)
    assert measured(groups.reshape(32, 64)).sparsity == Sparsity(0.5, "2:4")


@pytest.mark.parametrize("block", [(1, 4), (4, 4), (16, 1)])
def test_blocks(block: tuple[int, int]) -> None:
    keep = RNG.random((64 // block[0], 64 // block[1])) < 0.4
    values = dense(64, 64) * np.kron(keep, np.ones(block))
    found = measured(values).sparsity
    assert found is not None and found.structure == "block" and found.block == block and found.ratio == pytest.approx(1 - keep.mean())


def test_zero_of_integers_is_the_zero_point() -> None:
    values = RNG.integers(0, 255, (32, 64)).astype(np.uint8)
    values[RNG.random((32, 64)) < 0.7] = 17
    quantization = Quantization((0.1,), (17,), unsigned=True)
    found = measured(values, DType.I8, quantization).sparsity
    assert found is not None and found.ratio == pytest.approx((values == 17).mean())
    assert measured(values, DType.I8, Quantization((0.1,), (3,))).sparsity is None


@pytest.mark.parametrize("count", [4, 16, 32])
def test_clustered_weights(count: int) -> None:
    codebook = np.sort(dense(count))
    assert measured(codebook[RNG.integers(0, count, (64, 64))]).clusters == count


def test_more_values_than_a_codebook_has_are_no_clusters() -> None:
    codebook = dense(MAX_CLUSTERS * 4)
    assert measured(codebook[RNG.integers(0, len(codebook), (128, 128))]).clusters == 0
    assert measured(RNG.integers(-128, 127, (64, 64)).astype(np.int8), DType.I8).clusters == 0


def test_in_words() -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 64))
    values = dense(64, 64)
    values[np.abs(values) < np.quantile(np.abs(values), 0.6)] = 0
    first = builder.tensor("a", (64, 64), DType.I8, "weight", quantization=Quantization((0.1,) * 64, (0,) * 64, 0), load=lambda: values)
    graph = measure_weights(builder.finish(builder.add("Dense", [builder.add("Dense", [x, first]), builder.weight("b", (64, 64))])))
    assert in_words(stored_weights(graph)) == "int8 per channel 50 %, float32 50 %, 30 % zero (single weights)"
