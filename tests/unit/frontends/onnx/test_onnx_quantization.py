"""Q/DQ groups become integer operators; integer and QLinear operators keep their scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import CONTRIB, Const, f32, imported, model_of, run, shapes_of, single, value, weight

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Quantization
from sim.graph.work import op_work, total_macs

SCALES: dict[str, Any] = {"s": np.float32(0.5), "z": np.uint8(3), "t": np.float32(0.25), "ws": np.full(4, 0.1, np.float32), "wz": np.zeros(4, np.int8)}
W8 = np.arange(4 * 2 * 9, dtype=np.int8).reshape(4, 2, 3, 3)


def q(x: str, y: str, scale: str = "s") -> onnx.NodeProto:
    return helper.make_node("QuantizeLinear", [x, scale, "z"], [y])


def dq(x: str, y: str, scale: str = "s") -> onnx.NodeProto:
    return helper.make_node("DequantizeLinear", [x, scale, "z"], [y])


def build(nodes: list[onnx.NodeProto], folder: Path, outputs: list[str], **constants: Any) -> Graph:
    return imported(model_of(nodes, [value("x", [1, 2, 6, 6])], outputs, SCALES | constants), folder)


def types(graph: Graph) -> list[str]:
    return [op.type for op in graph]


CONV = [dq("a", "b"), helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], axis=0), helper.make_node("Conv", ["b", "wf"], ["c"])]


def test_a_full_group_is_one_integer_operator(tmp_path: Path) -> None:
    graph = build([q("x", "a"), *CONV, q("c", "d", "t"), dq("d", "y", "t")], tmp_path, ["y"], w=W8)
    assert types(graph) == ["Quantize", "Conv", "Dequantize"]
    conv = graph.ops[1]
    x, w, y = (graph.tensors[name] for name in (*conv.inputs, *conv.outputs))
    assert (x.dtype, w.dtype, y.dtype) == (DType.I8, DType.I8, DType.I8)
    assert x.quantization == Quantization((0.5,), (3,))
    assert y.quantization == Quantization((0.25,), (3,))
    assert w.quantization is not None and (len(w.quantization.scale), w.quantization.axis) == (4, 0)
    assert (w.load() == W8).all()
    work = op_work(graph, conv)
    assert (work.dtype, work.weight_dtype, work.weight_bytes) == (DType.I8, DType.I8, W8.size)


def test_activations_before_the_quantize_belong_to_the_group(tmp_path: Path) -> None:
    graph = build([q("x", "a"), *CONV, helper.make_node("Relu", ["c"], ["r"]), q("r", "d"), dq("d", "y")], tmp_path, ["y"], w=W8)
    assert types(graph) == ["Quantize", "Conv", "Relu", "Dequantize"]
    assert graph.tensors[graph.ops[1].outputs[0]].dtype == DType.I8


def test_other_activations_before_the_quantize_keep_the_operator_real(tmp_path: Path) -> None:
    """Their input would need a scale that the file does not give."""
    graph = build([q("x", "a"), *CONV, helper.make_node("HardSwish", ["c"], ["r"]), q("r", "d"), dq("d", "y")], tmp_path, ["y"], w=W8)
    assert types(graph) == ["Quantize", "Dequantize", "Conv", "HardSwish", "Quantize", "Dequantize"]


def test_a_scale_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no number"):
        build([helper.make_node("QuantizeLinear", ["x", "bad", "z"], ["y"])], tmp_path, ["y"], bad=np.float32("nan"))


def test_operators_of_two_inputs_need_both_quantized(tmp_path: Path) -> None:
    both = [q("x", "a"), dq("a", "b"), q("x", "e", "t"), dq("e", "f", "t"), helper.make_node("Add", ["b", "f"], ["c"]), q("c", "d"), dq("d", "y")]
    assert types(build(both, tmp_path, ["y"])) == ["Quantize", "Quantize", "Add", "Dequantize"]
    one = [q("x", "a"), dq("a", "b"), helper.make_node("Add", ["b", "x"], ["c"]), q("c", "d"), dq("d", "y")]
    graph = build(one, tmp_path, ["y"])
    assert types(graph) == ["Quantize", "Dequantize", "Add", "Quantize", "Dequantize"]
    assert graph.tensors[graph.ops[2].outputs[0]].dtype == DType.F32


@pytest.mark.parametrize("outputs", [["y", "c"], ["y", "other"]])
def test_a_result_that_is_also_read_unquantized_stays_real(outputs: list[str], tmp_path: Path) -> None:
    nodes = [q("x", "a"), *CONV, q("c", "d"), dq("d", "y"), helper.make_node("Neg", ["c"], ["other"])]
    graph = build(nodes, tmp_path, outputs, w=W8)
    assert types(graph)[:4] == ["Quantize", "Dequantize", "Conv", "Quantize"]
    assert graph.tensors["c"].dtype == DType.F32


def test_a_dequantize_with_a_real_reader_stays_for_it(tmp_path: Path) -> None:
    nodes = [q("x", "a"), dq("a", "b"), helper.make_node("MaxPool", ["b"], ["p"], kernel_shape=[2, 2]), q("p", "d"), helper.make_node("Neg", ["b"], ["n"])]
    assert types(build(nodes, tmp_path, ["d", "n"])) == ["Quantize", "Dequantize", "MaxPool", "Neg"]


def test_weights_the_file_quantizes_itself(tmp_path: Path) -> None:
    """Quantization-aware training exports real weights behind Q and DQ."""
    w = np.linspace(-1, 1, 72, dtype=np.float32).reshape(4, 2, 3, 3)
    nodes = [
        q("x", "a"), dq("a", "b"),
        helper.make_node("QuantizeLinear", ["w", "ws", "wz"], ["wq"], axis=0), helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["wf"], axis=0),
        helper.make_node("Conv", ["b", "wf"], ["c"]), q("c", "d"), dq("d", "y"),
    ]  # fmt: skip
    graph = build(nodes, tmp_path, ["y"], w=w)
    assert types(graph) == ["Quantize", "Conv", "Dequantize"]
    stored = graph.tensors[graph.ops[1].inputs[1]]
    assert stored.dtype == DType.I8
    expected = model_of([helper.make_node("QuantizeLinear", ["x", "ws", "wz"], ["y"], axis=0)], [value("x", w.shape)], ["y"], SCALES)
    assert (stored.load() == run(expected, {"x": w})[0]).all()


def test_only_the_weights_quantized(tmp_path: Path) -> None:
    nodes = [helper.make_node("DequantizeLinear", ["w", "s", "wz0"], ["wf"]), helper.make_node("MatMul", ["x", "wf"], ["y"])]
    graph = imported(model_of(nodes, [value("x", [3, 8])], ["y"], SCALES | {"w": np.ones((8, 5), np.int8), "wz0": np.int8(0)}), tmp_path)
    assert types(graph) == ["Dense"]
    assert graph.tensors[graph.outputs[0]].dtype == DType.F32
    assert graph.tensors[graph.ops[0].inputs[1]].dtype == DType.I8


def test_a_quantized_table_gives_real_rows(tmp_path: Path) -> None:
    nodes = [helper.make_node("DequantizeLinear", ["w", "s", "wz0"], ["wf"]), helper.make_node("Gather", ["wf", "ids"], ["y"])]
    constants = SCALES | {"w": np.ones((20, 5), np.int8), "wz0": np.int8(0)}
    graph = imported(model_of(nodes, [value("ids", [3], TensorProto.INT64)], ["y"], constants), tmp_path)
    assert types(graph) == ["Gather"]
    assert graph.tensors[graph.outputs[0]].dtype == DType.F32
    assert graph.parameters() == 100


def test_weights_in_blocks_keep_four_bits_and_their_scales(tmp_path: Path) -> None:
    packed = helper.make_tensor("w", TensorProto.INT4, [64, 32], np.ones(64 * 32, np.int8))
    nodes = [helper.make_node("DequantizeLinear", ["w", "bs"], ["wf"], axis=0, block_size=16), helper.make_node("MatMul", ["x", "wf"], ["y"])]
    graph = imported(model_of(nodes, [value("x", [3, 64])], ["y"], {"w": packed, "bs": f32(4, 32)}, opset=21), tmp_path)
    assert types(graph) == ["Dense"]
    work = op_work(graph, graph.ops[0])
    assert (work.weight_dtype, work.weight_bytes) == (DType.I4, 64 * 32 / 2 + 4 * 32 * 4)
    assert (graph.parameters(), total_macs(graph)) == (64 * 32, 3 * 64 * 32)


def test_matmul_with_packed_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 256, (32, 2, 8), dtype=np.uint8)  # 32 columns, 2 blocks of 16 values
    operands = [f32(3, 32), Const(packed), weight(64)]
    model, fed = single("MatMulNBits", operands, {"K": 32, "N": 32, "bits": 4, "block_size": 16}, domain=CONTRIB)
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [run(model, fed)[0].shape]
    assert (graph.parameters(), total_macs(graph)) == (32 * 32, 3 * 32 * 32)
    op = graph.ops[0]
    stored, scales = graph.tensors[op.inputs[1]], graph.tensors[op.inputs[3]]
    assert (stored.dtype, scales.role) == (DType.I4, "constant")
    real = (stored.load().astype(float) - 8) * np.repeat(scales.load().reshape(32, 2), 16, axis=1)
    np.testing.assert_allclose(fed["x0"] @ real.T, run(model, fed)[0], rtol=1e-2, atol=1e-2)


U8 = np.ones((1, 4, 6, 6), np.uint8)
S, Z = Const(np.float32(0.1)), Const(np.uint8(2))
QLINEAR = [
    ("QLinearConv", [U8, S, Z, Const(np.ones((3, 4, 3, 3), np.uint8)), S, Z, S, Z, Const(np.ones(3, np.int32))], {"pads": [1, 1, 1, 1]}, "", "Conv"),
    ("QLinearMatMul", [np.ones((3, 4), np.uint8), S, Z, Const(np.ones((4, 5), np.uint8)), S, Z, S, Z], {}, "", "Dense"),
    ("QLinearMatMul", [np.ones((2, 3, 4), np.uint8), S, Z, np.ones((2, 4, 5), np.uint8), S, Z, S, Z], {}, "", "MatMul"),
    ("QLinearAdd", [U8, S, Z, U8, S, Z, S, Z], {}, CONTRIB, "Add"),
    ("QLinearMul", [U8, S, Z, np.ones((1, 4, 1, 1), np.uint8), S, Z, S, Z], {}, CONTRIB, "Mul"),
    ("QLinearConcat", [S, Z, U8, S, Z, U8, S, Z], {"axis": 1}, CONTRIB, "Concat"),
    ("QLinearSigmoid", [U8, S, Z, S, Z], {}, CONTRIB, "Sigmoid"),
    ("QLinearLeakyRelu", [U8, S, Z, S, Z], {"alpha": 0.1}, CONTRIB, "LeakyRelu"),
    ("QLinearSoftmax", [U8, S, Z, S, Z], {"axis": 1, "opset": 13}, CONTRIB, "Softmax"),
    ("QLinearAveragePool", [U8, S, Z, S, Z], {"kernel_shape": [2, 2]}, CONTRIB, "AveragePool"),
    ("QLinearGlobalAveragePool", [U8, S, Z, S, Z], {"channels_last": 1}, CONTRIB, "GlobalAveragePool"),
    ("QLinearWhere", [np.ones((1, 4, 1, 1), bool), U8, S, Z, U8, S, Z, S, Z], {}, CONTRIB, "Where"),
    ("QGemm", [np.ones((3, 4), np.uint8), S, Z, Const(np.ones((5, 4), np.uint8)), S, Z, Const(np.ones(5, np.int32)), S, Z], {"transB": 1}, CONTRIB, "Dense"),
]


@pytest.mark.parametrize("type, inputs, attributes, domain, becomes", QLINEAR, ids=[f"{i}-{entry[0]}" for i, entry in enumerate(QLINEAR)])
def test_operators_with_their_own_scales(type: str, inputs: list[Any], attributes: dict[str, Any], domain: str, becomes: str, tmp_path: Path) -> None:
    model, fed = single(type, inputs, attributes, domain=domain)
    graph = imported(model, tmp_path)
    output = graph.tensors[graph.outputs[0]]
    assert shapes_of(graph) == [run(model, fed)[0].shape]
    assert types(graph) == [becomes]
    assert (output.dtype, output.quantization) == (DType.I8, Quantization((pytest.approx(0.1),), (2,)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "type, inputs, macs, dtype",
    [
        ("MatMulIntegerToFloat", [np.ones((3, 4), np.uint8), Const(np.ones((4, 5), np.uint8)), S, S, Z, Z], 60, DType.F32),
        ("DynamicQuantizeMatMul", [f32(3, 4), Const(np.ones((4, 5), np.int8)), Const(np.float32(0.1))], 60, DType.F32),
        (
            "QAttention",
            [np.ones((1, 5, 8), np.uint8), Const(np.ones((8, 24), np.int8)), weight(24), S, S, None, Z, Const(np.int8(0))],
            5 * 8 * 24 + 2 * 5 * 5 * 8,
            DType.F32,
        ),
    ],
)
def test_integer_products_with_real_results(type: str, inputs: list[Any], macs: int, dtype: DType, tmp_path: Path) -> None:
    model, fed = single(type, inputs, {"num_heads": 2} if type == "QAttention" else {}, domain=CONTRIB)
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [run(model, fed)[0].shape]
    assert total_macs(graph) == macs
    assert graph.tensors[graph.outputs[0]].dtype == dtype


def test_integer_products_accumulate_in_32_bits(tmp_path: Path) -> None:
    model, fed = single("MatMulInteger", [np.ones((3, 4), np.uint8), Const(np.ones((4, 5), np.int8))])
    graph = imported(model, tmp_path)
    assert (types(graph), graph.tensors[graph.outputs[0]].dtype, graph.parameters()) == (["Dense"], DType.I32, 20)
    assert shapes_of(graph) == [run(model, fed)[0].shape]


def test_the_scales_of_dynamic_quantization_are_no_parameters(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("MatMulInteger", ["q", "w", "zero"], ["m"]),
        helper.make_node("Cast", ["m"], ["f"], to=1),
        helper.make_node("Mul", ["scale", "weight_scales"], ["both"]),
        helper.make_node("Mul", ["f", "both"], ["y"]),
    ]
    constants = {"w": numpy_helper.from_array(np.ones((4, 5), np.int8), "w"), "weight_scales": f32(5)}
    graph = imported(model_of(nodes, [value("x", [3, 4])], ["y"], constants), tmp_path)
    assert graph.parameters() == 20


def test_a_table_that_is_dequantized_after_the_look_up_counts_as_parameters(tmp_path: Path) -> None:
    """What dynamic quantization makes of an embedding: rows are gathered as bytes and dequantized afterwards."""
    table = np.zeros((100, 16), np.uint8)
    nodes = [helper.make_node("Gather", ["table", "ids"], ["rows"]), helper.make_node("DequantizeLinear", ["rows", "scale", "zero"], ["y"])]
    constants = {"table": table, "scale": np.float32(0.1), "zero": np.uint8(128)}
    graph = imported(model_of(nodes, [value("ids", [1, 5], TensorProto.INT64)], ["y"], constants), tmp_path)
    assert graph.parameters() == table.size


@pytest.mark.parametrize("type", ["Conv", "ConvTranspose"])
def test_a_layer_whose_weights_stayed_real_computes_in_real_numbers(tmp_path: Path, type: str) -> None:
    """Quantizers leave out what they do not know, between conversions of its neighbours."""
    nodes = [q("x", "a"), dq("a", "b"), helper.make_node(type, ["b", "wr"], ["c"]), q("c", "d"), dq("d", "y")]
    graph = build(nodes, tmp_path, ["y"], wr=f32(2, 2, 3, 3))
    assert types(graph) == ["Quantize", "Dequantize", type, "Quantize", "Dequantize"]
    assert op_work(graph, graph.ops[2]).dtype == DType.F32
