"""The MLPerf Tiny reference models: published figures, and a count made from the raw file without the graph."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from device_models.work import DType
from sim.frontends.tflite import import_tflite
from sim.graph.work import total_macs

# MACs of the four reference networks: Banbury et al., "MLPerf Tiny Benchmark" (2021) and the layer tables of its models.
PUBLISHED = {
    "kws_ref_model": 2_656_768,
    "vww_96_int8": 7_489_664,
    "vww_96_float": 7_489_664,
    "pretrainedResnet_quant": 12_501_632,
    "pretrainedResnet": 12_501_632,
    "ad01_fp32": 264_192,
    "ad01_int8": 264_192,
    "model_ToyCar_quant_fullint": 264_192,
}
PARAMETERS = {"pretrainedResnet": 77_706, "ad01_fp32": 265_864}
TWINS = [
    ("vww_96_float", "vww_96_int8"),
    ("pretrainedResnet", "pretrainedResnet_quant"),
    ("kws_ref_model_float32", "kws_ref_model"),
    ("ad01_fp32", "ad01_int8"),
]


def file(shared: Path, name: str) -> Path:
    return shared / "models" / "tflite" / f"mlcommons_tiny_{name}.tflite"


def brute_force(path: Path) -> tuple[int, int]:
    """(MACs, parameters) from shapes in the raw file: every output element of a convolution or product costs one kernel."""
    model = tflite.Model.GetRootAs(path.read_bytes())
    graph = model.Subgraphs(0)
    codes = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
    macs, stored = 0, {}

    def shape(index: int) -> list[int]:
        return [int(n) for n in graph.Tensors(index).ShapeAsNumpy()]

    for i in range(graph.OperatorsLength()):
        op = graph.Operators(i)
        code = model.OperatorCodes(op.OpcodeIndex())
        name = codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            continue
        weights, made = shape(op.Inputs(1)), prod(shape(op.Outputs(0)))
        macs += made * (prod(weights[1:3]) if name == "DEPTHWISE_CONV_2D" else prod(weights[1:]))
        for position in (1, 2):
            tensor = graph.Tensors(op.Inputs(position))
            stored[tensor.Buffer()] = prod(shape(op.Inputs(position)))
    return macs, sum(stored.values())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_macs(shared: Path, name: str) -> None:
    assert total_macs(import_tflite(file(shared, name))) == PUBLISHED[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_parameters(shared: Path, name: str) -> None:
    assert import_tflite(file(shared, name)).parameters() == PARAMETERS[name]


def test_every_file_agrees_with_the_raw_count(shared: Path) -> None:
    paths = sorted((shared / "models" / "tflite").glob("*.tflite"))
    assert len(paths) >= 16
    for path in paths:
        graph = import_tflite(path)
        assert (total_macs(graph), graph.parameters()) == brute_force(path), path.name
        assert "warnings" not in graph.notes, path.name  # every inferred shape is the one the file states


@pytest.mark.parametrize(("plain", "quantized"), TWINS)
def test_float_and_int8_twins_have_the_same_work(shared: Path, plain: str, quantized: str) -> None:
    one, other = import_tflite(file(shared, plain)), import_tflite(file(shared, quantized))
    assert total_macs(one) == total_macs(other) and one.parameters() == other.parameters()
    assert other.stored_bytes() < one.stored_bytes()
    assert all(tensor.dtype is DType.I8 for tensor in other.tensors.values() if tensor.role == "activation")


def test_a_batch_multiplies_the_work(shared: Path) -> None:
    path = file(shared, "ad01_int8")
    assert total_macs(import_tflite(path, shapes={"batch": 7})) == 7 * total_macs(import_tflite(path))


def test_stored_values_are_the_files(shared: Path) -> None:
    path = file(shared, "vww_96_int8")
    model = tflite.Model.GetRootAs(path.read_bytes())
    graph: Any = model.Subgraphs(0)
    raw = graph.Tensors(graph.Operators(1).Inputs(1))  # the first depthwise kernel [1, 3, 3, 8]
    values = model.Buffers(raw.Buffer()).DataAsNumpy().view(np.int8).reshape(raw.ShapeAsNumpy())
    op = [op for op in import_tflite(path).ops if op.type == "Conv"][1]
    weight = import_tflite(path).tensors[op.inputs[1]]
    assert weight.load is not None and weight.shape == (8, 1, 3, 3)
    assert np.array_equal(weight.load(), values.transpose(3, 0, 1, 2))
    assert weight.quantization is not None and weight.quantization.scale == pytest.approx(raw.Quantization().ScaleAsNumpy())
