"""Hybrid kernels: what their file marks is quantized at run time, each layer for itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.work import DType
from sim.compiler import compile_model
from sim.compiler.pipeline import lower
from sim.frontends.load import load_model
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.work import graph_work
from sim.passes.hybrid_layers import HybridLayers
from sim.report.operator_profile import operator_profile


def hybrid() -> Graph:
    """Two dense layers of 8-bit weights that read one float, and one of float weights."""
    builder = GraphBuilder("hybrid")
    x = builder.input("x", (1, 64))
    weights = [builder.weight(f"w{i}", (32, 64), DType.I8) for i in range(2)]
    both = [builder.add("Dense", [x, weight], {"hybrid": True}) for weight in weights]
    total = builder.add("Add", both)
    return builder.finish(builder.add("Dense", [total, builder.weight("w2", (8, 32))]))


def test_each_layer_quantizes_its_own_input() -> None:
    graph = HybridLayers()(hybrid())
    assert [op.type for op in graph.ops] == ["DynamicQuantize", "Dense", "DynamicQuantize", "Dense", "Add", "Dense"]
    for op in graph.ops:
        if op.type == "Dense" and op.inputs[1] != "w2":
            assert graph.tensors[op.inputs[0]].dtype is DType.I8 and graph.tensors[op.outputs[0]].dtype is DType.F32
    assert HybridLayers()(graph).ops == graph.ops  # once is enough


def test_the_runtime_prices_the_products_in_integers() -> None:
    ops, work = graph_work(lower(hybrid(), "tflite", "as_stored"))
    formats = {op.name: DType(work.dtype[i]) for i, op in enumerate(ops) if op.type == "Dense"}
    assert sorted(formats.values()) == [DType.F32, DType.I8, DType.I8]
    ops, work = graph_work(lower(hybrid(), "onnxruntime", "as_stored"))
    assert {DType(work.dtype[i]) for i, op in enumerate(ops) if op.type == "Dense"} == {DType.F32}


def _recurrent(type: str, format: DType) -> Graph:
    """A layer of 8-bit or float weights on floats, marked as its file marks it."""
    builder = GraphBuilder("recurrent")
    mark = {"hybrid": True} if format is DType.I8 else {}
    if type == "MatMul":
        x = builder.input("x", (2, 64, 256))
        return builder.finish(builder.add("MatMul", [x, builder.weight("w", (2, 256, 256), format)], mark))
    if type == "SVDF":
        inputs = [builder.input("x", (1, 512)), builder.weight("features", (512, 512), format), builder.weight("time", (512, 8))]
        return builder.finish(builder.add("SVDF", inputs, {"rank": 1, **mark}))
    gates = {"LSTM": 4, "ProjectedLSTM": 4, "RNN": 1}[type]
    x = builder.input("x", (20, 1, 256))
    inputs = [x, builder.weight("w", (1, gates * 256, 256), format), builder.weight("r", (1, gates * 256, 256), format)]
    return builder.finish(builder.add(type, inputs, {**mark, **({"hidden": 256} if type == "ProjectedLSTM" else {})}))


@pytest.mark.parametrize("type", ["MatMul", "SVDF", "LSTM", "ProjectedLSTM", "RNN"])
def test_every_hybrid_kernel_multiplies_integers_and_gives_floats(type: str) -> None:
    graph = lower(_recurrent(type, DType.I8), "tflite", "as_stored")
    assert graph.tensors[graph.outputs[0]].dtype is DType.F32
    ops, work = graph_work(graph)
    assert [op.type for op in ops] == ["DynamicQuantize", type]
    assert DType(work.dtype[1]) is DType.I8 and work.in_elements[0] == graph.tensors[graph.inputs[0]].elements
    plain = graph_work(lower(_recurrent(type, DType.F32), "tflite", "as_stored"))[1]
    assert plain.macs.sum() == work.macs.sum() and plain.weight_bytes.sum() > 3 * work.weight_bytes.sum()


@pytest.mark.parametrize("type", ["LSTM", "ProjectedLSTM", "RNN"])
def test_states_are_rounded_before_each_step(type: str) -> None:
    work = {format: graph_work(lower(_recurrent(type, format), "tflite", "as_stored"))[1] for format in (DType.I8, DType.F32)}
    assert work[DType.I8].epilogue_elements.sum() == 20 * 256 and work[DType.F32].epilogue_elements.sum() == 0


@pytest.mark.parametrize("type", ["MatMul", "SVDF", "LSTM"])
def test_hybrid_kernels_cost_less_than_floats_and_more_than_their_products_alone(type: str) -> None:
    """Weights of a quarter of the bytes and integer products; finding ranges and rounding comes on top."""
    device = load_device("raspberry_pi_4")
    seconds = {}
    for format in (DType.I8, DType.F32):
        program = compile_model(_recurrent(type, format), device, runtime="tflite")
        profile = operator_profile(program, device)
        seconds[format] = [row.time_s for row in profile.operators]
    assert sum(seconds[DType.I8]) < sum(seconds[DType.F32])
    assert len(seconds[DType.I8]) == 2 and min(seconds[DType.I8]) > 0


def test_onnxruntime_rounds_the_inputs_of_a_dynamically_quantized_lstm(tmp_path: Path) -> None:
    """The file as ONNX Runtime's own tool writes it."""
    onnx = pytest.importorskip("onnx")
    quantization = pytest.importorskip("onnxruntime.quantization")
    rng = np.random.default_rng(0)
    stored = [onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name) for name, shape in (("W", (1, 64, 8)), ("R", (1, 64, 16)))]
    node = onnx.helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=16)
    infos = [onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", (5, 1, 8)), ("y", (5, 1, 1, 16)))]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", infos[:1], infos[1:], stored), opset_imports=[onnx.helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "float.onnx")
    quantization.quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx", op_types_to_quantize=["LSTM"])
    assert [node.op_type for node in onnx.load(tmp_path / "dynamic.onnx").graph.node] == ["DynamicQuantizeLSTM"]
    graph = load_model("dynamic.onnx", directory=tmp_path)
    ops, work = graph_work(lower(graph, "onnxruntime", "as_stored"))
    assert [op.type for op in ops] == ["DynamicQuantize", "LSTM"] and DType(work.dtype[1]) is DType.I8
    assert work.macs.sum() == 5 * 64 * (8 + 16)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_dynamically_quantized_products_are_priced_in_integers(tmp_path: Path, runtime: str) -> None:
    """MatMulInteger, Cast and two multiplications by scales become one integer kernel; what is quantized at run time stays a kernel of its own."""
    onnx = pytest.importorskip("onnx")
    quantization = pytest.importorskip("onnxruntime.quantization")
    weight = onnx.numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32), "W")
    infos = [onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", (4, 64)), ("y", (4, 32)))]
    nodes = [onnx.helper.make_node("MatMul", ["x", "W"], ["y"])]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", infos[:1], infos[1:], [weight]), opset_imports=[onnx.helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "float.onnx")
    quantization.quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx")
    ops, work = graph_work(lower(load_model("dynamic.onnx", directory=tmp_path), runtime, "as_stored"))
    assert [op.type for op in ops] == ["DynamicQuantize", "Dense"] and DType(work.dtype[1]) is DType.I8
    assert work.out_bytes[1] == 4 * 32 * 4 and work.macs.sum() == 4 * 64 * 32
