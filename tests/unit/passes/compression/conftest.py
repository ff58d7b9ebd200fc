"""A small network with values, as most techniques need them."""

from __future__ import annotations

import numpy as np
import pytest

from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph


def with_values(graph: Graph, seed: int = 0) -> Graph:
    """The graph with random values for everything stored."""
    from sim.frontends.onnx.export import random_fill

    fill = random_fill(seed)
    for tensor in graph.tensors.values():
        if tensor.is_stored:
            tensor.load = lambda tensor=tensor: fill(tensor)  # type: ignore[misc]  # bound now
    return graph


@pytest.fixture
def residual() -> Graph:
    """Two convolutions around an addition, pooling, a dense layer; batch norm in front."""
    builder = GraphBuilder("residual")
    x = builder.input("image", (1, 3, 8, 8))
    stem = builder.add("Conv", [x, builder.weight("stem.weight", (8, 3, 3, 3))], {"pads": 1}, name="stem")
    norm = [builder.weight(f"bn.{part}", (8,)) for part in ("weight", "bias")]
    norm += [builder.tensor(f"bn.{part}", (8,), None, "constant") for part in ("mean", "variance")]
    stem = builder.add("Relu", [builder.add("BatchNorm", [stem, *norm], name="bn")], name="relu")
    inner = builder.add("Conv", [stem, builder.weight("inner.weight", (8, 8, 3, 3)), builder.weight("inner.bias", (8,))], {"pads": 1}, name="inner")
    joined = builder.add("Add", [stem, inner], name="add")
    flat = builder.add("Flatten", [builder.add("GlobalAveragePool", [joined], name="pool")], {"axis": 1}, name="flat")
    made = builder.add("Dense", [flat, builder.weight("head.weight", (10, 8)), builder.weight("head.bias", (10,))], name="head")
    return with_values(builder.finish(made))


@pytest.fixture
def samples() -> dict[str, np.ndarray]:
    """Calibration data of :func:`residual`."""
    return {"image": np.random.default_rng(1).normal(size=(6, 3, 8, 8)).astype(np.float32)}
