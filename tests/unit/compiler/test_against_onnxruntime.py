"""The kernels of lowered networks against the optimised graphs of ONNX Runtime itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sim.compiler import lower
from sim.frontends.load import load_model
from sim.graph.work import graph_work

FILES = (
    "dscnn", "dscnn.int8", "fc_ae", "mbv1_025_96", "mbv1_025_96.int8", "mbv2_050", "mbv2_050.int8", "resnet8", "resnet8.int8",
    "squeeze_11", "squeeze_11.int8", "unet16_128", "vit_tiny.int8", "yolov5n_320",
)  # fmt: skip

# Kernels that both have one for one; layout changes, views and small scalar work are not compared.
SAME = {
    "Conv": "Conv", "QLinearConv": "Conv", "FusedConv": "Conv", "ConvInteger": "Conv", "ConvTranspose": "ConvTranspose", "Gemm": "Dense", "QGemm": "Dense",
    "MatMulIntegerToFloat": "Dense", "DynamicQuantizeMatMul": "Dense", "FusedMatMul": "MatMul", "MatMul": "MatMul", "Relu": "Relu", "QLinearAdd": "Add",
    "BatchNormalization": "BatchNorm", "MaxPool": "MaxPool", "NhwcMaxPool": "MaxPool", "Concat": "Concat", "QLinearConcat": "Concat", "Softmax": "Softmax",
    "GlobalAveragePool": "GlobalAveragePool", "QLinearGlobalAveragePool": "GlobalAveragePool", "QuickGelu": "Swish", "Gelu": "Gelu",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_kernels_are_those_of_onnxruntime(shared: Path, tmp_path: Path, name: str):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    file = shared / "models" / "onnx" / f"{name}.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    theirs = Counter(SAME[node.op_type] for node in onnx.load(options.optimized_model_filepath).graph.node if node.op_type in SAME)
    ops, _ = graph_work(lower(load_model(file.name, directory=file.parent), "onnxruntime"))
    ours = Counter(op.type for op in ops if op.type in SAME.values() and (op.type != "Add" or "Add" in theirs))
    assert ours == theirs
