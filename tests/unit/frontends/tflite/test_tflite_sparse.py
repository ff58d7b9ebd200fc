"""Sparse tensors of .tflite files: the published layout, written with the schema's builders and compared with the dense values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_models import Net, Sparse

from sim.errors import ModelError
from sim.frontends.load import load_model
from sim.frontends.tflite import import_tflite
from sim.graph.ir import Graph, Sparsity


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Net], Graph]:
    def load(net: Net) -> Graph:
        (tmp_path / "net.tflite").write_bytes(net.bytes())
        return import_tflite(tmp_path / "net.tflite")

    return load


def matrix() -> np.ndarray:
    """8 x 12, three of four elements zero."""
    rng = np.random.default_rng(4)
    values = np.round(rng.normal(size=(8, 12)), 3).astype(np.float32)
    values[rng.random((8, 12)) < 0.75] = 0
    return values


def rows(values: np.ndarray) -> tuple[np.ndarray, Sparse]:
    """Compressed rows: the first dimension dense, the second compressed."""
    kept = [np.nonzero(row)[0] for row in values]
    segments = np.cumsum([0, *(len(part) for part in kept)])
    layout = Sparse((0, 1), (), ((len(values), None, None), (0, segments, np.concatenate(kept))))
    return values[values != 0], layout


def blocks(values: np.ndarray, height: int, width: int) -> tuple[np.ndarray, Sparse]:
    """Compressed rows of blocks."""
    cut = values.reshape(values.shape[0] // height, height, values.shape[1] // width, width).transpose(0, 2, 1, 3)
    present = (cut != 0).any(axis=(2, 3))
    kept = [np.nonzero(row)[0] for row in present]
    segments = np.cumsum([0, *(len(part) for part in kept)])
    levels = ((present.shape[0], None, None), (0, segments, np.concatenate(kept)), (height, None, None), (width, None, None))
    return cut[present].ravel(), Sparse((0, 1, 2, 3), (0, 1), levels)


def network(dense: np.ndarray, kept: np.ndarray, layout: Sparse) -> Net:
    net = Net()
    x = net.add(1, dense.shape[1])
    weight = net.stored(kept.astype("f4"), sparse=layout)
    net.tensors[weight].shape = dense.shape
    net.op("FULLY_CONNECTED", (x, weight), net.add(1, dense.shape[0]))
    return net


@pytest.mark.parametrize("index_kind", [1, 2, 3])
def test_compressed_rows(load: Callable[[Net], Graph], index_kind: int) -> None:
    values = matrix()
    kept, layout = rows(values)
    layout.index_kind = index_kind
    graph = load(network(values, kept, layout))
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.sparsity == Sparsity(1 - kept.size / values.size)
    assert weight.load is not None
    np.testing.assert_array_equal(weight.load(), values)
    assert graph.notes["sparse_weights"] == {weight.name: kept.nbytes}


def test_blocks(load: Callable[[Net], Graph]) -> None:
    values = matrix()
    values.reshape(2, 4, 3, 4)[:, :, 1] = 0
    kept, layout = blocks(values, 4, 4)
    graph = load(network(values, kept, layout))
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.sparsity is not None and weight.sparsity.structure == "block" and weight.sparsity.block == (4, 4)
    assert weight.sparsity.ratio == pytest.approx(1 - kept.size / values.size) and weight.load is not None
    np.testing.assert_array_equal(weight.load(), values)


def test_size_on_the_device_is_the_files(tmp_path: Path) -> None:
    """Stored compressed: less than the dense tensor, whatever the graph computes with."""
    values = np.tile(matrix(), (8, 8))
    kept, layout = rows(values)
    (tmp_path / "net.tflite").write_bytes(network(values, kept, layout).bytes())
    graph = load_model("net.tflite", directory=tmp_path)
    assert graph.stored_bytes() + graph.notes["structure_bytes"] == (tmp_path / "net.tflite").stat().st_size < values.nbytes


@pytest.mark.parametrize(
    "change",
    [
        lambda layout: setattr(layout, "order", (0, 0)),
        lambda layout: setattr(layout, "order", (0, 5)),
        lambda layout: setattr(layout, "block_map", (7,)),
        lambda layout: setattr(layout, "levels", (layout.levels[0], (0, np.array([0, 5]), layout.levels[1][2]))),
        lambda layout: setattr(layout, "levels", (layout.levels[0], (0, layout.levels[1][1], layout.levels[1][2] + 100))),
        lambda layout: setattr(layout, "levels", ((-3, None, None), layout.levels[1])),
        lambda layout: setattr(layout, "levels", ((2**31 - 1, None, None), layout.levels[1])),
    ],
)
def test_layouts_that_do_not_fit_are_refused(load: Callable[[Net], Graph], change: Any) -> None:
    values = matrix()
    kept, layout = rows(values)
    change(layout)
    with pytest.raises(ModelError, match="damaged file"):
        load(network(values, kept, layout))
