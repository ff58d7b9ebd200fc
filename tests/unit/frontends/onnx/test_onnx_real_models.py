"""Files of real exporters: they import, and parameters and MACs are those of counts made another way."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from device_models.work import DType
from sim.frontends.onnx import import_onnx
from sim.graph.ir import Graph
from sim.graph.work import total_macs

NAMES = [
    "dscnn", "dscnn.int8", "fc_ae", "lstm_speech.int8", "mbv1_025_96", "mbv1_025_96.int8", "mbv2_050", "mbv2_050.int8", "mbv3_small.int8", "resnet8",
    "resnet8.int8", "shufflev2_05", "squeeze_11", "squeeze_11.int8", "unet16_128", "vit_tiny.int8", "yolov5n_320",
]  # fmt: skip
TWINS = ["dscnn", "mbv1_025_96", "mbv2_050", "resnet8", "squeeze_11"]
# Published: MLPerf Tiny's autoencoder and ViT-Tiny/16 of the DeiT family (5.72 M).
PUBLISHED_PARAMETERS = {"fc_ae": 267_928, "vit_tiny.int8": 5_717_416}


def path_of(shared: Path, name: str) -> Path:
    return shared / "models" / "onnx" / f"{name}.onnx"


def counted_macs(model: onnx.ModelProto) -> int:
    """By the shapes of what ONNX Runtime really computes: outputs times kernel for convolutions, and so on, node by node."""
    outputs = [name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm") for name in (node.output[0], node.input[0])]
    fed = {info.name: np.zeros([dim.dim_value for dim in info.type.tensor_type.shape.dim], np.float32) for info in model.graph.input}
    shapes: dict[str, tuple[int, ...]] = {name: array.shape for name, array in fed.items()}
    wanted = [name for name in dict.fromkeys(outputs) if name not in shapes]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted if name not in {info.name for info in model.graph.output})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    shapes |= {name: array.shape for name, array in zip(wanted, session.run(wanted, fed), strict=True)}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            total += prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type == "ConvTranspose":
            total += prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            total += prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return total


@pytest.mark.parametrize("name", NAMES)
def test_they_import_and_survive_their_notes(name: str, shared: Path) -> None:
    path = path_of(shared, name)
    graph = import_onnx(path)
    assert total_macs(graph) > 0
    assert graph.notes["opset"] == 17 and graph.notes["format"] == "onnx"
    assert graph.notes["file_bytes"] == path.stat().st_size
    assert graph.notes["warnings"] == []
    assert 0.9 * graph.stored_bytes() < path.stat().st_size  # nothing is counted twice


@pytest.mark.parametrize("name", ["dscnn", "fc_ae", "mbv1_025_96", "mbv2_050", "resnet8", "shufflev2_05", "squeeze_11", "unet16_128", "yolov5n_320"])
def test_macs_are_those_counted_over_the_shapes_onnx_runtime_computes(name: str, shared: Path) -> None:
    path = path_of(shared, name)
    assert total_macs(import_onnx(path)) == counted_macs(onnx.load(path))


@pytest.mark.parametrize("name", ["dscnn", "mbv1_025_96", "mbv2_050", "resnet8", "shufflev2_05", "squeeze_11", "unet16_128", "yolov5n_320"])
def test_parameters_are_the_elements_of_the_floating_initializers_in_use(name: str, shared: Path) -> None:
    path = path_of(shared, name)
    model = onnx.load(path)
    used = {name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm") for name in node.input[1:]}
    assert import_onnx(path).parameters() == sum(prod(tensor.dims) for tensor in model.graph.initializer if tensor.name in used and tensor.data_type == 1)


@pytest.mark.parametrize("name, parameters", PUBLISHED_PARAMETERS.items())
def test_published_parameter_counts(name: str, parameters: int, shared: Path) -> None:
    assert import_onnx(path_of(shared, name)).parameters() == parameters


@pytest.mark.parametrize("name", TWINS)
def test_a_quantized_twin_has_the_same_macs_and_parameters(name: str, shared: Path) -> None:
    real, quantized = import_onnx(path_of(shared, name)), import_onnx(path_of(shared, f"{name}.int8"))
    assert total_macs(quantized) == total_macs(real)
    assert quantized.parameters() == real.parameters()
    assert macs_by_type(quantized) == macs_by_type(real)


def macs_by_type(graph: Graph) -> dict[str, int]:
    return {type: sum(1 for op in graph if op.type == type) for type in ("Conv", "Dense", "MatMul")}


@pytest.mark.parametrize("name", [*TWINS, "mbv3_small"])
def test_a_fully_quantized_network_computes_in_integers_but_at_its_ends(name: str, shared: Path) -> None:
    graph = import_onnx(path_of(shared, f"{name}.int8"))
    assert [op.type for op in graph if op.type in ("Quantize", "Dequantize")] == ["Quantize", "Dequantize"]
    inner = [graph.tensors[output] for op in graph.ops[:-1] for output in op.outputs]
    assert all(tensor.dtype == DType.I8 and tensor.quantization is not None for tensor in inner)
    weights = [graph.tensors[op.inputs[1]] for op in graph if op.type == "Conv"]
    assert all(weight.dtype == DType.I8 and weight.role == "weight" and weight.quantization is not None for weight in weights)
    assert all(len(weight.quantization.scale) == weight.shape[0] and weight.quantization.axis == 0 for weight in weights)  # per channel


@pytest.mark.parametrize("level", ["ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"])
@pytest.mark.parametrize(
    "name", ["dscnn", "dscnn.int8", "lstm_speech.int8", "mbv3_small.int8", "shufflev2_05", "squeeze_11.int8", "vit_tiny.int8", "yolov5n_320"]
)
def test_what_onnx_runtime_makes_of_a_model_has_the_same_macs(name: str, level: str, shared: Path, tmp_path: Path) -> None:
    """Its optimised files hold fused and integer operators of its own domain."""
    path, options = path_of(shared, name), onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    assert total_macs(import_onnx(tmp_path / "optimised.onnx")) == total_macs(import_onnx(path))


@pytest.mark.parametrize("name", ["dscnn", "dscnn.int8"])
def test_stored_values_are_read_when_asked_for(name: str, shared: Path) -> None:
    path = path_of(shared, name)
    graph = import_onnx(path)
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    weights = [tensor for tensor in graph.tensors.values() if tensor.role == "weight"]
    for tensor in weights:
        loaded = tensor.load()
        assert loaded.shape == tensor.shape
        assert (loaded == arrays[tensor.name].reshape(tensor.shape)).all()
    assert len(weights) == 20
