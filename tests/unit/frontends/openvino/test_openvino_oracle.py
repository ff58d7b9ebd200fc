"""Against openvino itself: its shapes of every layer, its values of stored weights, and the ONNX import of the same models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.work import DType
from sim.frontends.onnx import import_onnx
from sim.frontends.openvino import import_openvino
from sim.graph.work import graph_work, total_macs

ov = pytest.importorskip("openvino")
op = pytest.importorskip("openvino.opset13")
RNG = np.random.default_rng(0)


def stored(*shape: int) -> Any:
    return op.constant(RNG.normal(size=shape).astype(np.float32))


def ints(*values: int) -> Any:
    return op.constant(np.array(values, np.int64))


def image() -> Any:
    return op.parameter([1, 8, 12, 12], np.float32, name="x")


def rows() -> Any:
    return op.parameter([2, 6, 16], np.float32, name="x")


W = {"strides": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1], "dilations": [1, 1]}
# name -> (input, what is done to it, operator that must be in the graph)
LAYERS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], str]] = {
    "convolution": (image, lambda x: op.convolution(x, stored(4, 8, 3, 3), **(W | {"strides": [2, 1]})), "Conv"),
    "same_upper": (image, lambda x: op.convolution(x, stored(4, 8, 3, 3), [2, 2], [0, 0], [0, 0], [1, 1], auto_pad="same_upper"), "Conv"),
    "valid": (image, lambda x: op.convolution(x, stored(4, 8, 3, 3), [2, 2], [0, 0], [0, 0], [2, 2], auto_pad="valid"), "Conv"),
    "group_convolution": (image, lambda x: op.group_convolution(x, stored(4, 3, 2, 3, 3), **W), "Conv"),
    "transposed": (
        image,
        lambda x: op.convolution_backprop_data(x, stored(8, 4, 3, 3), [2, 2], pads_begin=[1, 1], pads_end=[1, 1], output_padding=[1, 1]),
        "ConvTranspose",
    ),
    "transposed_to": (image, lambda x: op.convolution_backprop_data(x, stored(8, 4, 3, 3), [2, 2], output_shape=ints(24, 25)), "ConvTranspose"),
    "group_transposed": (image, lambda x: op.group_convolution_backprop_data(x, stored(4, 2, 3, 3, 3), [2, 2]), "ConvTranspose"),
    "max_pool": (image, lambda x: op.max_pool(x, [2, 2], [1, 1], [0, 0], [1, 1], [3, 3], rounding_type="ceil").output(0), "MaxPool"),
    "avg_pool": (image, lambda x: op.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], True, "ceil"), "AveragePool"),
    "adaptive": (image, lambda x: op.adaptive_avg_pool(x, ints(3, 4)), "AveragePool"),
    "global": (image, lambda x: op.reduce_mean(x, ints(2, 3), True), "GlobalAveragePool"),
    "reduce": (rows, lambda x: op.reduce_max(x, ints(-1), False), "Reduce"),
    "matmul": (rows, lambda x: op.matmul(x, stored(16, 5), False, False), "Dense"),
    "matmul_t": (rows, lambda x: op.matmul(x, stored(5, 16), False, True), "Dense"),
    "matmul_3": (rows, lambda x: op.matmul(x, stored(2, 16, 5), False, False), "MatMul"),
    "matmul_left": (rows, lambda x: op.matmul(stored(4, 6), x, False, False), "MatMul"),
    "matmul_ta": (rows, lambda x: op.matmul(x, stored(6, 5), True, False), "MatMul"),
    "einsum": (rows, lambda x: op.einsum([x, stored(16, 4)], "bti,io->bto"), "Einsum"),
    "gelu": (rows, lambda x: op.gelu(x, "tanh"), "Gelu"),
    "swish": (rows, lambda x: op.swish(x), "Swish"),
    "hswish": (rows, op.hswish if hasattr(op, "hswish") else lambda x: op.relu(x), "HardSwish"),
    "clamp": (rows, lambda x: op.clamp(x, 0.0, 6.0), "Relu6"),
    "prelu": (image, lambda x: op.prelu(x, stored(8)), "PRelu"),
    "elu": (rows, lambda x: op.elu(x, 1.0), "Elu"),
    "softmax": (rows, lambda x: op.softmax(x, 1), "Softmax"),
    "log_softmax": (rows, lambda x: op.log_softmax(x, -1), "LogSoftmax"),
    "power": (rows, lambda x: op.power(x, op.constant(np.float32(2))), "Square"),
    "divide": (rows, lambda x: op.divide(x, stored(6, 1)), "Div"),
    "compare": (rows, lambda x: op.select(op.greater(x, stored(1)), x, stored(16)), "Where"),
    "cast": (rows, lambda x: op.convert(x, "f16"), "Cast"),
    "batch_norm": (image, lambda x: op.batch_norm_inference(x, stored(8), stored(8), stored(8), op.constant(np.ones(8, np.float32)), 1e-5), "BatchNorm"),
    "mvn": (rows, lambda x: op.mvn(x, ints(-1), True, 1e-6, "inside_sqrt"), "MVN"),
    "l2": (image, lambda x: op.normalize_l2(x, ints(1), 1e-6, "add"), "L2Norm"),
    "lrn": (image, lambda x: op.lrn(x, ints(1), 1, 0.5, 1, 5), "LRN"),
    "group_norm": (image, lambda x: op.group_normalization(x, stored(8), stored(8), 2, 1e-5), "GroupNorm"),
    "cum_sum": (rows, lambda x: op.cum_sum(x, op.constant(np.int32(1))), "CumSum"),
    "reshape": (rows, lambda x: op.reshape(x, ints(0, -1), True), "Reshape"),
    "squeeze": (image, lambda x: op.squeeze(x, ints(0)), "Squeeze"),
    "unsqueeze": (rows, lambda x: op.unsqueeze(x, ints(0, -1)), "Unsqueeze"),
    "transpose": (rows, lambda x: op.transpose(x, ints(2, 0, 1)), "Transpose"),
    "concat": (rows, lambda x: op.concat([x, op.relu(x)], 1), "Concat"),
    "split": (rows, lambda x: op.split(x, op.constant(np.int64(2)), 4).output(2), "Split"),
    "variadic": (rows, lambda x: op.variadic_split(x, op.constant(np.int64(1)), ints(1, 2, -1)).output(2), "Split"),
    "slice": (rows, lambda x: op.slice(x, ints(1, -1), ints(5, -9), ints(2, -2), ints(1, 2)), "Slice"),
    "strided": (
        rows,
        lambda x: op.strided_slice(x, ints(0, 0, -3, 1), ints(1, 0, -1, 9), ints(1, 1, 1, 2), [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0] * 4),
        "Slice",
    ),
    "ellipsis": (image, lambda x: op.strided_slice(x, ints(0, 2), ints(0, 9), ints(1, 3), [0, 0], [0, 0], [0, 0], [0, 0], [1, 0]), "Slice"),
    "reversed": (rows, lambda x: op.strided_slice(x, ints(0, 0, 0), ints(0, 0, 0), ints(1, -1, -1), [1, 1, 1], [1, 1, 1]), "Slice"),
    "pad": (image, lambda x: op.pad(x, ints(0, 0, 1, 2), ints(0, 0, 3, -4), "constant", op.constant(np.float32(0))), "Pad"),
    "broadcast": (rows, lambda x: op.broadcast(x, ints(3, 1, 6, 16), broadcast_spec="BIDIRECTIONAL"), "Expand"),
    "broadcast_explicit": (rows, lambda x: op.broadcast(x, ints(2, 6, 4, 16), ints(0, 1, 3), "EXPLICIT"), "Expand"),
    "tile": (rows, lambda x: op.tile(x, ints(2, 1, 1, 3)), "Tile"),
    "depth_to_space": (image, lambda x: op.depth_to_space(x, "blocks_first", 2), "DepthToSpace"),
    "space_to_depth": (image, lambda x: op.space_to_depth(x, "depth_first", 3), "SpaceToDepth"),
    "batch_to_space": (image, lambda x: op.batch_to_space(op.tile(x, ints(4, 1, 1, 1)), ints(1, 1, 2, 2), ints(0, 0, 1, 0), ints(0, 0, 0, 1)), "BatchToSpace"),
    "space_to_batch": (image, lambda x: op.space_to_batch(x, ints(1, 1, 2, 2), ints(0, 0, 1, 0), ints(0, 0, 1, 0)), "SpaceToBatch"),
    "shuffle": (image, lambda x: op.shuffle_channels(x, 1, 2), "ChannelShuffle"),
    "reverse_sequence": (rows, lambda x: op.reverse_sequence(x, op.constant(np.array([3, 6])), 0, 1), "Reverse"),
    "roll": (rows, lambda x: op.roll(x, ints(1), ints(1)), "Reverse"),
    "interpolate": (image, lambda x: op.interpolate(x, ints(24, 36), "linear", "sizes", axes=ints(2, 3)), "Resize"),
    "interpolate_scales": (image, lambda x: op.interpolate(x, op.constant(np.array([1.5, 2.7], np.float32)), "nearest", "scales", axes=ints(2, 3)), "Resize"),
    "gather": (rows, lambda x: op.gather(x, ints(0, 3, 2), op.constant(np.int64(1))), "Gather"),
    "gather_batch": (rows, lambda x: op.gather(x, op.constant(np.zeros((2, 3), np.int64)), op.constant(np.int64(1)), 1), "GatherElements"),
    "gather_elements": (rows, lambda x: op.gather_elements(x, op.constant(np.zeros((2, 6, 4), np.int64)), 2), "GatherElements"),
    "gather_nd": (rows, lambda x: op.gather_nd(x, op.constant(np.zeros((5, 2), np.int64))), "GatherND"),
    "gather_nd_batch": (rows, lambda x: op.gather_nd(x, op.constant(np.zeros((2, 3, 1), np.int64)), 1), "GatherND"),
    "scatter": (rows, lambda x: op.scatter_nd_update(x, op.constant(np.zeros((1, 1), np.int64)), stored(1, 6, 16)), "ScatterND"),
    "scatter_elements": (
        rows,
        lambda x: op.scatter_elements_update(x, op.constant(np.zeros((1, 2, 3), np.int64)), stored(1, 2, 3), op.constant(np.int64(0))),
        "ScatterElements",
    ),
    "top_k": (rows, lambda x: op.topk(x, op.constant(np.int64(3)), 1, "max", "value").output(1), "TopK"),
    "one_hot": (
        rows,
        lambda x: op.one_hot(op.convert(x, "i64"), op.constant(np.int64(4)), op.constant(np.float32(1)), op.constant(np.float32(0)), 1),
        "OneHot",
    ),
    "grid_sample": (image, lambda x: op.grid_sample(x, stored(1, 5, 6, 2), {}), "GridSample"),
    "non_max": (
        rows,
        lambda x: op.non_max_suppression(
            op.strided_slice(x, ints(0, 0, 0), ints(2, 6, 4), ints(1, 1, 1), [0] * 3, [0] * 3), stored(2, 3, 6), op.constant(np.int64(4))
        ).output(2),
        "NonMaxSuppression",
    ),
    "attention": (lambda: op.parameter([1, 2, 6, 8], np.float32, name="x"), lambda x: op.scaled_dot_product_attention(x, x, x, causal=True), "Attention"),
    "attention_3": (rows, lambda x: op.scaled_dot_product_attention(x, op.relu(x), x, stored(6, 6)), "Attention"),
    "lstm": (
        rows,
        lambda x: op.lstm_sequence(
            x, stored(2, 1, 4), stored(2, 1, 4), op.constant(np.array([6, 6])), stored(1, 16, 16), stored(1, 16, 4), stored(1, 16), 4, "forward"
        ).output(0),
        "LSTM",
    ),
    "gru": (
        rows,
        lambda x: op.gru_sequence(
            x, stored(2, 2, 4), op.constant(np.array([6, 6])), stored(2, 12, 16), stored(2, 12, 4), stored(2, 12), 4, "bidirectional"
        ).output(1),
        "GRU",
    ),
    "lstm_cell": (
        lambda: op.parameter([2, 16], np.float32, name="x"),
        lambda x: op.lstm_cell(x, stored(2, 4), stored(2, 4), stored(16, 16), stored(16, 4), stored(16), 4).output(1),
        "LSTM",
    ),
    "roi_align": (image, lambda x: op.roi_align(x, stored(3, 4), op.constant(np.zeros(3, np.int64)), 4, 5, 2, 1.0, "avg"), "RoiAlign"),
    "nonzero": (rows, lambda x: op.relu(op.convert(op.non_zero(x), "f32")), "NonZero"),
}


def saved(tmp_path: Path, output: Any, *inputs: Any) -> Path:
    path = tmp_path / "net.xml"
    ov.save_model(ov.Model([output], list(inputs), "net"), path, compress_to_fp16=False)
    return path


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_the_shapes_openvino_gives_them(tmp_path: Path, name: str) -> None:
    make, layer, type = LAYERS[name]
    x = make()
    made = layer(x)
    graph = import_openvino(saved(tmp_path, made, x))
    found = graph.tensors[graph.outputs[0]]
    partial = made.get_partial_shape() if hasattr(made, "get_partial_shape") else made.output(0).get_partial_shape()
    expected = [dimension.get_length() if dimension.is_static else -1 for dimension in partial]
    assert len(found.shape) == len(expected) and all(b in (-1, a) for a, b in zip(found.shape, expected, strict=True))
    assert type in {each.type for each in graph.ops}
    if all(extent != -1 for extent in expected):
        assert not [text for text in graph.notes.get("warnings", []) if "file states" in text]


def test_open_extents_are_bound_as_reshape_would(tmp_path: Path) -> None:
    """A network with open batch, height and width, bound here, against openvino's own reshape of it."""
    x = op.parameter([-1, 8, -1, -1], np.float32, name="x")
    y = op.relu(op.convolution(x, stored(16, 8, 3, 3), **(W | {"strides": [2, 2]})))
    shape = op.shape_of(y)
    zero = op.constant(np.int64(0))
    flat = op.concat(
        [op.gather(shape, ints(0, 1), zero), op.reshape(op.multiply(op.gather(shape, ints(2), zero), op.gather(shape, ints(3), zero)), ints(1), False)], 0
    )
    z = op.matmul(op.transpose(op.reshape(y, flat, False), ints(0, 2, 1)), stored(16, 5), False, False)
    model = ov.Model([z], [x], "net")
    ov.save_model(model, tmp_path / "open.xml", compress_to_fp16=False)
    graph = import_openvino(tmp_path / "open.xml", shapes={"batch": 3, "height": 32, "width": 20})
    model.reshape([3, 8, 32, 20])
    assert graph.tensors[graph.outputs[0]].shape == tuple(model.output(0).shape)
    ov.save_model(model, tmp_path / "fixed.xml", compress_to_fp16=False)
    fixed = import_openvino(tmp_path / "fixed.xml")
    assert total_macs(graph) == total_macs(fixed)  # reshaping folds the transposition into the product
    assert _of_layers(graph, "macs") == _of_layers(fixed, "macs")


@pytest.mark.parametrize("element", ["f32", "f16", "bf16", "i8", "u8", "i4", "u4", "nf4", "i32", "i64", "boolean"])
def test_stored_values_are_openvinos(tmp_path: Path, element: str) -> None:
    """Values of a constant of each element type, as openvino converts them to floats."""
    values = RNG.integers(0, 2, (3, 7)) if element == "boolean" else RNG.integers(0, 8, (3, 7))
    kind = getattr(ov.Type, element)
    source = op.constant(values.astype(np.float32) / (8 if element == "nf4" else 1), kind) if element != "boolean" else op.constant(values.astype(bool))
    x = op.parameter([3, 7], np.float32, name="x")
    graph = import_openvino(saved(tmp_path, op.add(x, op.multiply(op.convert(source, "f32"), x)), x))
    tensor = next(tensor for tensor in graph.tensors.values() if tensor.is_stored)
    assert tensor.load is not None
    request = ov.compile_model(ov.Model([op.convert(source, "f32")], [], "net"), "CPU").create_infer_request()
    expected = next(iter(request.infer({}).values()))
    np.testing.assert_allclose(np.asarray(tensor.load(), np.float64), expected, rtol=1e-6)


MODELS = ("dscnn", "resnet8", "mbv1_025_96", "mbv2_050", "squeeze_11", "unet16_128", "yolov5n_320", "resnet8.int8", "mbv3_small.int8", "shufflev2_05")


@pytest.mark.parametrize("name", MODELS)
def test_converted_models_have_the_work_of_their_onnx_import(tmp_path: Path, shared: Path, name: str) -> None:
    """MACs, parameters and kernel geometry of convolutions and products; number formats of quantized ones."""
    source = shared / "models" / "onnx" / f"{name}.onnx"
    ov.save_model(ov.convert_model(source), tmp_path / "net.xml", compress_to_fp16=False)
    graph, reference = import_openvino(tmp_path / "net.xml"), import_onnx(source)
    assert total_macs(graph) == total_macs(reference)
    assert graph.parameters() == reference.parameters() and graph.stored_bytes() == reference.stored_bytes()
    columns = ("kind", "macs", "h_out", "w_out", "c_in", "c_out", "kernel_h", "stride", "groups", "dtype", "weight_bytes", "in_bytes", "out_bytes")
    mine, theirs = (
        sorted(zip(*(_of_layers(each, column) for column in columns), strict=True)) for each in (graph, reference)
    )  # branches may be ordered otherwise
    assert mine == theirs
    assert not graph.notes.get("warnings")


def _of_layers(graph: Any, column: str) -> list[float]:
    ops, work = graph_work(graph)
    return [float(getattr(work, column)[i]) for i, each in enumerate(ops) if each.type in ("Conv", "ConvTranspose", "Dense", "MatMul")]


def test_weights_in_half_precision_stay_so(tmp_path: Path) -> None:
    x = image()
    ov.save_model(ov.Model([op.convolution(x, stored(4, 8, 3, 3), **W)], [x], "net"), tmp_path / "net.xml", compress_to_fp16=True)
    graph = import_openvino(tmp_path / "net.xml")
    weight = next(tensor for tensor in graph.tensors.values() if tensor.role == "weight")
    assert weight.dtype is DType.F16 and weight.bytes == 4 * 8 * 9 * 2
    assert graph.tensors[graph.outputs[0]].dtype is DType.F32
