"""Graphs rewritten for a batch: the same work as networks built for it, and the same numbers as one sample after the other."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.load import load_model
from sim.frontends.onnx.export import export_onnx, random_fill
from sim.frontends.zoo import MODELS, build
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph, Tensor
from sim.graph.work import graph_work
from sim.passes.rebatch import rebatched

DETECTORS = {name for name in MODELS if name.endswith("_voc") or name.startswith(("ssd_", "yolo"))} - {"yolox_nano", "yolox_tiny"}
SAMPLE = [name for name in MODELS if name not in DETECTORS]


def _same_work(one: Graph, other: Graph) -> list[str]:
    (_, ours), (_, theirs) = graph_work(one), graph_work(other)
    return [field.name for field in fields(ours) if not np.array_equal(getattr(ours, field.name), getattr(theirs, field.name))]


@pytest.mark.parametrize("name", SAMPLE)
def test_as_the_zoo_builds_it(name: str) -> None:
    """Every kernel of the rewritten network has the work of that of the network built for the batch."""
    if "batch" not in MODELS[name].options:
        pytest.skip("has no batch")
    assert _same_work(rebatched(build(name), 3), build(name, batch=3)) == []


def _filled(graph: Graph) -> Graph:
    """With weights that neither explode nor vanish; variances are positive."""
    fill = random_fill()

    def values(tensor: Tensor) -> np.ndarray:
        found = fill(tensor)
        if found.dtype.kind != "f":
            return found
        if len(tensor.shape) < 2:
            return np.abs(found) + np.asarray(0.1, found.dtype)
        return np.asarray(found / (np.abs(found).mean() * np.sqrt(tensor.elements / tensor.shape[0]) + 1e-6), found.dtype)

    for tensor in graph.tensors.values():
        if tensor.is_stored:
            tensor.load = lambda tensor=tensor: values(tensor)  # type: ignore[misc]
    return graph


def _outputs(graph: Graph, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = runtime.InferenceSession(export_onnx(graph).SerializeToString(), options)
    return [np.asarray(value) for value in session.run(None, feeds)]


def _agree(graph: Graph, samples: int = 3) -> None:
    """ONNX Runtime makes of a batch what it makes of its samples one by one."""
    rng = np.random.default_rng(0)
    feeds = {name: rng.normal(size=(samples, *graph.tensors[name].shape[1:])).astype(np.float32) for name in graph.inputs}
    together = _outputs(rebatched(graph, samples), feeds)
    apart = [_outputs(graph, {name: value[index : index + 1] for name, value in feeds.items()}) for index in range(samples)]
    for position, found in enumerate(together):
        wanted = np.concatenate([np.atleast_1d(one[position]) for one in apart]).reshape(found.shape)
        assert len({one[position].tobytes() for one in apart}) == samples  # samples matter
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max()))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v2", {"resolution": 64, "width": 0.35}),
        ("shufflenet_v2", {"resolution": 64}),
        ("mobilenet_v3_small", {"resolution": 64}),
        ("mobilevit_xxs", {}),
        ("levit_128s", {}),
    ],
)
def test_numbers_of_networks(name: str, options: dict[str, Any]) -> None:
    pytest.importorskip("onnx")
    _agree(_filled(build(name, **options)))


@pytest.mark.parametrize("file", ["dscnn.onnx", "resnet8.onnx", "fc_ae.onnx", "dscnn.int8.onnx", "resnet8.int8.onnx", "shufflev2_05.onnx"])
def test_files_with_a_fixed_batch_of_one(shared: Path, file: str) -> None:
    path = shared / "models" / "onnx" / file
    if not path.is_file():
        pytest.skip("file is not there")
    pytest.importorskip("onnx")
    _agree(load_model(str(path), directory=Path()))


def _net(*ops: tuple[str, dict[str, Any]], shape: tuple[int, ...] = (1, 4, 6), second: tuple[int, ...] | None = None) -> Graph:
    builder = GraphBuilder("net")
    x = builder.input("x", shape)
    for index, (kind, attributes) in enumerate(ops):
        inputs = [x, builder.weight("w", second)] if second is not None and index == 0 else [x]
        x = builder.add(kind, inputs, attributes, name=f"op{index}")
    return builder.finish(x)


def _shape(graph: Graph, size: int = 5) -> tuple[int, ...]:
    made = rebatched(graph, size)
    return made.tensors[made.outputs[0]].shape


@pytest.mark.parametrize(
    ("graph", "shape"),
    [
        (_net(("Reshape", {"shape": [1, -1]})), (5, 24)),
        (_net(("Reshape", {"shape": [4, 6]})), (20, 6)),  # heads or windows of one sample stay together
        (_net(("Reshape", {"shape": [4, 6]}), ("Reshape", {"shape": [1, 4, 6]})), (5, 4, 6)),
        (_net(("Transpose", {"perm": [1, 0, 2]}), ("Reshape", {"shape": [4, 1, 2, 3]})), (4, 5, 2, 3)),
        (_net(("Transpose", {"perm": [2, 1, 0]}), ("Flatten", {"axis": 2})), (24, 5)),
        (_net(("Squeeze", {"axes": [0]})), (5, 4, 6)),  # the last thing done: the axis stays
        (_net(("Squeeze", {}), shape=(1, 4, 1)), (5, 4)),
        (_net(("Unsqueeze", {"axes": [0, 2]})), (1, 5, 1, 4, 6)),
        (_net(("Reduce", {"mode": "mean", "axes": [1], "keepdims": False})), (5, 6)),
        (_net(("Slice", {"starts": [0, 1], "ends": [1, 3], "axes": [0, 1]})), (5, 2, 6)),
        (_net(("Concat", {"axis": 1}), second=(1, 2, 6)), (5, 6, 6)),  # a class token
        (_net(("Add", {}), second=(4, 6)), (5, 4, 6)),
        (_net(("Add", {}), second=(1, 4, 6)), (5, 4, 6)),
        (_net(("MatMul", {}), second=(6, 7)), (5, 4, 7)),
        (_net(("Expand", {"shape": [1, 4, 6]})), (5, 4, 6)),
        (_net(("TopK", {"k": 2, "axis": -1})), (5, 4, 2)),
    ],
)
def test_where_the_batch_goes(graph: Graph, shape: tuple[int, ...]) -> None:
    assert _shape(graph) == shape


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        (_net(("Softmax", {"axis": 0})), "op0 (Softmax) works along axis 0, where the batch is"),
        (_net(("Reduce", {"mode": "sum", "axes": [0]})), "works along axis 0"),
        (_net(("Reduce", {"mode": "sum"})), "works along axis 0"),
        (_net(("Concat", {"axis": 0}), second=(1, 4, 6)), "works along axis 0"),
        (_net(("Slice", {"starts": [0], "ends": [0], "axes": [0]})), "takes a part of the axis where the batch is"),
        (_net(("Squeeze", {"axes": [0]}), ("Relu", {})), "the axis of the batch is dropped"),
        (_net(("Transpose", {"perm": [1, 0, 2]}), ("Reshape", {"shape": [3, 8]})), "across the axis where the batch is"),
        (_net(("Expand", {"shape": [3, 4, 6]})), "repeats the axis where the batch is"),
        (_net(("Tile", {"repeats": [2, 1, 1]})), "repeats the axis where the batch is"),
        (_net(("Pad", {"pads": [1, 0, 0, 0, 0, 0]})), "adds samples to the batch"),
        (_net(("Relu", {}), shape=(2, 4)), "the first extent of its input 'x' [2, 4] is not a batch of 1"),
    ],
)
def test_what_mixes_samples_is_refused(graph: Graph, why: str) -> None:
    with pytest.raises(ModelError) as caught:
        rebatched(graph, 5)
    assert why in str(caught.value)
    assert "this model cannot be batched" in str(caught.value)


def test_attention_between_samples_is_refused() -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 4, 6))
    moved = builder.add("Transpose", [x], {"perm": [1, 0, 2]})
    x = builder.add("MatMul", [moved, builder.add("Transpose", [moved], {"perm": [0, 2, 1]})])  # rows of one sample by columns of another
    with pytest.raises(ModelError, match="multiplies samples with each other"):
        rebatched(builder.finish(x), 3)


def test_detections_are_refused() -> None:
    with pytest.raises(ModelError, match=r"DetectionOutput.*not known to treat samples apart; run it without batching"):
        rebatched(build("ssd_mobilenet_v2"), 2)


def test_the_given_graph_is_left_alone() -> None:
    graph = build("mobilenet_v2")
    before = {name: tensor.shape for name, tensor in graph.tensors.items()}
    attributes = [dict(op.attributes) for op in graph.ops]
    rebatched(graph, 4)
    assert {name: tensor.shape for name, tensor in graph.tensors.items()} == before
    assert [op.attributes for op in graph.ops] == attributes
    assert rebatched(graph, 1) is graph


def test_recurrent_state_and_indices() -> None:
    """Steps first: the batch is the second axis; a look-up of rows has the batch of its indices."""
    builder = GraphBuilder("net")
    tokens = builder.input("tokens", (1, 7), DType.I64)
    x = builder.add("Gather", [builder.weight("table", (50, 8)), tokens], {"axis": 0})
    made = rebatched(builder.finish(x), 4)
    assert made.tensors[made.outputs[0]].shape == (4, 7, 8)
    assert _same_work(rebatched(build("lstm"), 4), build("lstm", batch=4)) == []
