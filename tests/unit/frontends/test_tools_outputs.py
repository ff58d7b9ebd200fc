"""Files that optimisation tools write: their quantization is recognised, whatever the tool's conventions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from device_models.work import DType
from sim.frontends.load import load_model
from sim.graph.ir import Graph
from sim.report.stored_weights import stored_weights

SHAPE = (1, 8, 8, 8)
PARAMETERS = 16 * 8 * 9 + 16 + 16 * 9 + 64 * 256 + 64 + 64 * 32


class Samples:
    """A calibration reader of a few random inputs."""

    def __init__(self) -> None:
        self.rng, self.left = np.random.default_rng(1), 3

    def get_next(self) -> dict[str, np.ndarray] | None:
        self.left -= 1
        return {"x": self.rng.normal(size=SHAPE).astype(np.float32)} if self.left >= 0 else None


def network(pruned: bool = False) -> onnx.ModelProto:
    """Convolution, depthwise convolution, residual sum, pool, two products."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (16, 8, 3, 3), "b1": (16,), "w2": (16, 1, 3, 3), "w3": (64, 256), "b3": (64,), "w4": (64, 32)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    if pruned:
        for name in ("w3", "w4"):
            weights[name][np.abs(weights[name]) < np.quantile(np.abs(weights[name]), 0.75)] = 0
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], "conv", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "depthwise", pads=[1] * 4, group=16),
        helper.make_node("Add", ["c", "b"], ["d"], "add"),
        helper.make_node("AveragePool", ["d"], ["e"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["e"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["g"], "fc", transB=1),
        helper.make_node("Relu", ["g"], ["h"], "relu2"),
        helper.make_node("MatMul", ["h", "w4"], ["y"], "product"),
    ]
    x, y = helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE), helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32])
    graph = helper.make_graph(nodes, "net", [x], [y], [numpy_helper.from_array(value, name) for name, value in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def layers(graph: Graph) -> list[tuple[str, DType, DType]]:
    """(type, format of the input, of the weights) of convolutions and products."""
    table = graph.tensors
    return [(op.type, table[op.inputs[0]].dtype, table[op.inputs[1]].dtype) for op in graph.ops if op.type in ("Conv", "Dense")]


def read(folder: Path, name: str) -> Graph:
    graph = load_model(name, directory=folder)
    assert graph.parameters() == PARAMETERS
    return graph


def share(graph: Graph, *formats: str) -> float:
    """Part of the parameters in one of these formats."""
    return sum(stored_weights(graph).formats_ratio.get(name, 0.0) for name in formats)


STATIC: dict[str, tuple[str, dict[str, str | bool], DType, str]] = {
    "tensor": ("QDQ", {"weight_type": "QInt8", "activation_type": "QUInt8"}, DType.I8, "int8 per tensor"),
    "channel": ("QDQ", {"weight_type": "QInt8", "activation_type": "QInt8", "per_channel": True}, DType.I8, "int8 per channel"),
    "unsigned": ("QDQ", {"weight_type": "QUInt8", "activation_type": "QUInt8"}, DType.I8, "int8 per tensor"),
    "operators": ("QOperator", {"weight_type": "QInt8", "activation_type": "QUInt8", "per_channel": True}, DType.I8, "int8 per channel"),
    "wide": ("QDQ", {"weight_type": "QInt8", "activation_type": "QUInt16"}, DType.I16, "int8 per tensor"),
    "int16": ("QDQ", {"weight_type": "QInt16", "activation_type": "QInt16"}, DType.I16, "int16 per tensor"),
    "int4": ("QDQ", {"weight_type": "QInt4", "activation_type": "QInt8"}, DType.I8, "int4 per tensor"),
}


@pytest.mark.parametrize("name", STATIC)
def test_onnx_runtime_static(tmp_path: Path, name: str) -> None:
    tools = pytest.importorskip("onnxruntime.quantization")
    form, options, activations, expected = STATIC[name]
    onnx.save(network(), tmp_path / "float.onnx")
    kinds = {key: getattr(tools.QuantType, value) if isinstance(value, str) else value for key, value in options.items()}
    tools.quantize_static(tmp_path / "float.onnx", tmp_path / "net.onnx", Samples(), quant_format=getattr(tools.QuantFormat, form), **kinds)
    graph = read(tmp_path, "net.onnx")
    assert [part[:2] for part in layers(graph)] == [("Conv", activations)] * 2 + [("Dense", activations)] * 2
    assert share(graph, expected, "int32") > 0.99  # biases are sums of 32 bits
    names = [op.type for op in graph.ops]
    assert names.count("Quantize") == names.count("Dequantize") == 1


@pytest.mark.parametrize("per_channel", [False, True])
def test_onnx_runtime_dynamic(tmp_path: Path, per_channel: bool) -> None:
    tools = pytest.importorskip("onnxruntime.quantization")
    onnx.save(network(), tmp_path / "float.onnx")
    tools.quantize_dynamic(tmp_path / "float.onnx", tmp_path / "net.onnx", weight_type=tools.QuantType.QInt8, per_channel=per_channel)
    graph = read(tmp_path, "net.onnx")
    assert [part[1:] for part in layers(graph)] == [(DType.I8, DType.I8)] * 4
    assert share(graph, "int8 per channel" if per_channel else "int8 per tensor") > 0.9
    scales = {tensor.name: tensor.quantization for tensor in graph.tensors.values() if tensor.role == "weight" and tensor.dtype is DType.I8}
    assert all(scale is not None and min(scale.scale) > 0 for scale in scales.values())


def test_pruned_weights_stay_pruned_when_quantized(tmp_path: Path) -> None:
    tools = pytest.importorskip("onnxruntime.quantization")
    onnx.save(network(pruned=True), tmp_path / "float.onnx")
    kinds = {"weight_type": tools.QuantType.QInt8, "activation_type": tools.QuantType.QInt8, "per_channel": True}
    tools.quantize_static(tmp_path / "float.onnx", tmp_path / "net.onnx", Samples(), quant_format=tools.QuantFormat.QDQ, **kinds)
    for name in ("float.onnx", "net.onnx"):
        assert stored_weights(read(tmp_path, name)).zeros_ratio == pytest.approx(0.75 * (64 * 256 + 64 * 32) / PARAMETERS, rel=0.05)


def test_pytorch_conventions(tmp_path: Path) -> None:
    """The exported form of a quantized PyTorch network: weights per channel as integers with DequantizeLinear, biases in floats, activations per tensor.

    Its QuantizeLinear stands behind the activation function, its last layer is not quantized again.
    """
    rng = np.random.default_rng(2)
    stored: dict[str, np.ndarray[Any, Any]] = {
        "w": rng.integers(-127, 127, (8, 4, 3, 3)).astype(np.int8), "ws": rng.random(8).astype(np.float32), "wz": np.zeros(8, np.int8),
        "b": rng.normal(size=8).astype(np.float32), "v": rng.integers(-127, 127, (10, 128)).astype(np.int8), "vs": rng.random(10).astype(np.float32),
        "vz": np.zeros(10, np.int8), "s": np.array(0.05, np.float32), "z": np.array(-3, np.int8), "t": np.array(0.1, np.float32), "u": np.array(-128, np.int8),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]), helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "b"], ["c"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]), helper.make_node("QuantizeLinear", ["r", "t", "u"], ["rq"]),
        helper.make_node("DequantizeLinear", ["rq", "t", "u"], ["rd"]), helper.make_node("Flatten", ["rd"], ["f"]),
        helper.make_node("DequantizeLinear", ["v", "vs", "vz"], ["vd"], axis=0), helper.make_node("Transpose", ["vd"], ["vt"], perm=[1, 0]),
        helper.make_node("MatMul", ["f", "vt"], ["y"]),
    ]  # fmt: skip
    x, y = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 8, 8)), helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])
    made = helper.make_graph(nodes, "net", [x], [y], [numpy_helper.from_array(value, name) for name, value in stored.items()])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "net.onnx")
    graph = load_model("net.onnx", directory=tmp_path)
    assert [op.type for op in graph.ops] == ["Quantize", "Conv", "Relu", "Flatten", "Dense"]
    assert layers(graph) == [("Conv", DType.I8, DType.I8), ("Dense", DType.I8, DType.I8)]
    assert graph.tensors[graph.outputs[0]].dtype is DType.F32
    assert share(graph, "int8 per channel") > 0.98


@pytest.mark.parametrize("flat", [True, False])
def test_sparse_initializers(tmp_path: Path, flat: bool) -> None:
    """Stored as positions and values: the values are those of the dense tensor, the size is the file's."""
    rng = np.random.default_rng(3)
    dense = rng.normal(size=(64, 128)).astype(np.float32) * (rng.random((64, 128)) < 0.1)
    places = np.flatnonzero(dense) if flat else np.argwhere(dense)
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(dense[dense != 0], "w"), numpy_helper.from_array(places.astype(np.int64), "w.indices"), list(dense.shape)
    )
    x, y = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 64)), helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 128])
    made = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "net", [x], [y], sparse_initializer=[sparse])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "net.onnx")
    graph = load_model("net.onnx", directory=tmp_path)
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.load is not None and weight.sparsity is not None and weight.sparsity.ratio == pytest.approx(float((dense == 0).mean()))
    np.testing.assert_array_equal(weight.load(), dense.T)
    assert graph.stored_bytes() + graph.notes["structure_bytes"] == (tmp_path / "net.onnx").stat().st_size < dense.nbytes


def test_nncf(tmp_path: Path) -> None:
    nncf = pytest.importorskip("nncf")
    samples = nncf.Dataset([{"x": np.random.default_rng(i).normal(size=SHAPE).astype(np.float32)} for i in range(3)])
    onnx.save(nncf.quantize(network(), samples, subset_size=3), tmp_path / "net.onnx")
    graph = read(tmp_path, "net.onnx")
    assert [part[1:] for part in layers(graph)] == [(DType.I8, DType.I8)] * 4
    assert share(graph, "int8 per channel", "int8 per tensor", "int32") > 0.99


def test_nncf_on_openvino(tmp_path: Path) -> None:
    nncf, ov = pytest.importorskip("nncf"), pytest.importorskip("openvino")
    onnx.save(network(), tmp_path / "float.onnx")
    samples = nncf.Dataset([{"x": np.random.default_rng(i).normal(size=SHAPE).astype(np.float32)} for i in range(3)])
    ov.save_model(nncf.quantize(ov.convert_model(tmp_path / "float.onnx"), samples, subset_size=3), tmp_path / "net.xml")
    graph = read(tmp_path, "net.xml")
    assert [part[1:] for part in layers(graph)] == [(DType.I8, DType.I8)] * 4


@pytest.mark.parametrize(
    ("mode", "dtype", "bits"),
    [("INT8_ASYM", DType.I8, 0.0), ("INT8_SYM", DType.I8, 0.0), ("INT4_SYM", DType.I4, 1.0), ("INT4_ASYM", DType.I4, 1.25), ("NF4", DType.I4, 1.0)],
)
def test_nncf_weight_compression(tmp_path: Path, mode: str, dtype: DType, bits: float) -> None:
    """Weights of 8 bits a channel; of 4 bits with a scale of 16 bits (and a zero point of 4) for each 16."""
    nncf, ov = pytest.importorskip("nncf"), pytest.importorskip("openvino")
    onnx.save(network(), tmp_path / "float.onnx")
    options = {"group_size": 16, "ratio": 1.0, "all_layers": True} if bits else {}
    compressed = nncf.compress_weights(ov.convert_model(tmp_path / "float.onnx"), mode=getattr(nncf.CompressWeightsMode, mode), **options)
    ov.save_model(compressed, tmp_path / "net.xml")
    graph = read(tmp_path, "net.xml")
    matrix = max((tensor for tensor in graph.tensors.values() if tensor.role == "weight"), key=lambda tensor: tensor.elements)
    assert matrix.dtype is dtype and matrix.group_bits == pytest.approx(bits)
    assert {part[1] for part in layers(graph)} == {DType.F32}  # weights only


@pytest.mark.parametrize("bits", [4, 8])
def test_onnx_runtime_blocks(tmp_path: Path, bits: int) -> None:
    module = pytest.importorskip("onnxruntime.quantization.matmul_nbits_quantizer")
    tool = module.MatMulNBitsQuantizer(network(), bits=bits, block_size=16, is_symmetric=True)
    tool.process()
    tool.model.save_model_to_file(str(tmp_path / "net.onnx"))
    graph = read(tmp_path, "net.onnx")
    assert share(graph, f"int{bits} in groups") == pytest.approx(64 * 32 / PARAMETERS, rel=0.01)
