"""Every operator class as a model of one node: the imported shapes are those of ONNX Runtime's real outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import CONTRIB, Const, f32, i64, imported, run, shapes_of, single, weight

X = f32(2, 6, 8, 8)
ROWS = f32(3, 4, 10)
IDS = np.ones((2, 5), np.int32)
UNARY = [
    "Relu", "LeakyRelu", "Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Reciprocal", "ThresholdedRelu", "IsNaN", "IsInf", "HardSigmoid", "HardSwish",
    "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Exp", "Log", "Erf", "Sqrt", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh",
    "Cosh", "Asinh", "Acosh", "Atanh", "Identity", "Dropout", "Shrink", "Hardmax", "LogSoftmax", "Softmax"
]  # fmt: skip
BINARY = ["Add", "Sub", "Mul", "Div", "Min", "Max", "Mean", "Sum", "Pow", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
REDUCE = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"]

Case = tuple[str, list[Any], dict[str, Any], dict[str, Any]]


def case(type: str, inputs: list[Any], attributes: dict[str, Any] | None = None, **options: Any) -> Case:
    return type, inputs, attributes or {}, options


CASES: list[Case] = [
    *[case(name, [ROWS]) for name in UNARY],
    *[case(name, [ROWS, f32(4, 1)]) for name in BINARY],
    *[case(name, [ROWS], {"keepdims": 0}) for name in REDUCE],
    *[case(name, [X], {"axes": [1, -1]}) for name in REDUCE if name != "ReduceSum"],
    case("ReduceSum", [X, i64(2, 3)], {"keepdims": 0}),
    case("ReduceSum", [X], {"noop_with_empty_axes": 1}),
    case("ReduceMean", [X, i64(-2, -1)], {}, opset=18),
    case("Mod", [f32(3, 4), f32(4)], {"fmod": 1}),
    case("And", [np.ones((2, 3), bool), np.ones((3,), bool)]),
    case("Not", [np.ones((2, 3), bool)]),
    case("BitShift", [np.ones((2, 3), np.uint8), np.ones((3,), np.uint8)], {"direction": "LEFT"}),
    case("BitwiseAnd", [np.ones((2, 3), np.int32), np.ones((3,), np.int32)], opset=18),
    case("Where", [np.ones((3, 1), bool), f32(1, 4), weight(3, 4)]),
    case("PRelu", [X, weight(6, 1, 1)]),
    case("Clip", [X, Const(np.float32(0)), Const(np.float32(6))]),
    case("Clip", [X, None, Const(np.float32(2))]),
    case("Gelu", [ROWS], opset=20),
    case("Mish", [ROWS], opset=18),
    case("Cast", [ROWS], {"to": 10}),
    case("CastLike", [ROWS, np.ones(1, np.int32)]),
    case("CumSum", [ROWS, i64(1)]),
    case("Trilu", [f32(5, 5)], {"upper": 0}),
    case("ArgMax", [ROWS], {"axis": 1, "keepdims": 0}),
    case("ArgMin", [ROWS], {"axis": -1}),
    case("TopK", [ROWS, i64(3)], {}, outputs=2),
    case("BatchNormalization", [X, weight(6), weight(6), weight(6), weight(6)]),
    case("LayerNormalization", [ROWS, weight(10), weight(10)]),
    case("InstanceNormalization", [X, weight(6), weight(6)]),
    case("GroupNormalization", [X, weight(6), weight(6)], {"num_groups": 3}, opset=21),
    case("RMSNormalization", [ROWS, weight(10)], opset=23),
    case("MeanVarianceNormalization", [X]),
    case("LpNormalization", [ROWS]),
    case("LRN", [X], {"size": 3}),
    case("Softmax", [X], {"axis": 1}, opset=11),
    case("Softmax", [X], {"axis": 1}, opset=13),
    # convolutions and pooling
    case("Conv", [X, weight(4, 6, 3, 3), weight(4)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    case("Conv", [X, weight(6, 1, 3, 3)], {"group": 6, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    case("Conv", [f32(1, 4, 20), weight(8, 2, 5)], {"group": 2, "dilations": [2]}),
    case("Conv", [f32(1, 2, 6, 7, 8), weight(3, 2, 3, 2, 1)], {"strides": [1, 2, 3]}),
    case("ConvTranspose", [X, weight(6, 4, 3, 3)], {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    case("ConvTranspose", [X, weight(6, 2, 3, 3)], {"strides": [3, 2], "group": 2, "output_shape": [25, 17]}),
    case("ConvTranspose", [X, weight(6, 2, 3, 3)], {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    case("ConvTranspose", [X, weight(6, 2, 3, 3)], {"auto_pad": "VALID", "dilations": [2, 1]}),
    case("MaxPool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    case("MaxPool", [X], {"kernel_shape": [2, 2], "strides": [2, 2]}, outputs=2),
    case("MaxPool", [f32(1, 3, 17)], {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}),
    case("AveragePool", [X], {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    case("LpPool", [X], {"kernel_shape": [2, 2]}),
    case("GlobalAveragePool", [X]),
    case("GlobalMaxPool", [X]),
    case("GlobalLpPool", [X]),
    # products
    case("MatMul", [ROWS, weight(10, 7)]),
    case("MatMul", [ROWS, f32(10)]),
    case("MatMul", [f32(2, 1, 4, 5), f32(3, 5, 6)]),
    case("MatMul", [weight(7, 4), f32(2, 4, 5)]),
    case("Gemm", [f32(3, 5), weight(5, 7), weight(7)], {"alpha": 0.5}),
    case("Gemm", [f32(5, 3), weight(7, 5), weight(1, 7)], {"transA": 1, "transB": 1, "beta": 2.0}),
    case("Gemm", [f32(3, 5), f32(7, 5), f32(3, 1)], {"transB": 1, "alpha": 3.0}),
    case("Einsum", [f32(2, 3, 4), weight(4, 5)], {"equation": "bij,jk->bik"}),
    case("Einsum", [f32(2, 3, 4), f32(2, 5, 4)], {"equation": "...id,...jd->...ij"}),
    case("Einsum", [f32(3, 4)], {"equation": "ij->ji"}),
    case("Einsum", [f32(3, 4), f32(4)], {"equation": "ij,j"}),
    # movement, in old and new forms
    case("Reshape", [X, i64(0, -1, 4)]),
    case("Flatten", [X], {"axis": -2}),
    case("Squeeze", [f32(1, 3, 1, 4)], {"axes": [0]}, opset=11),
    case("Squeeze", [f32(1, 3, 1, 4), i64(-2)]),
    case("Squeeze", [f32(1, 3, 1, 4)]),
    case("Unsqueeze", [f32(3, 4)], {"axes": [0, 3]}, opset=11),
    case("Unsqueeze", [f32(3, 4), i64(1, -1)]),
    case("Transpose", [ROWS], {"perm": [2, 0, 1]}),
    case("Transpose", [ROWS]),
    case("Concat", [ROWS, weight(3, 2, 10)], {"axis": -2}),
    case("Split", [ROWS], {"axis": 2, "split": [3, 7]}, outputs=2, opset=11),
    case("Split", [ROWS, i64(1, 3)], {"axis": 1}, outputs=2),
    case("Split", [ROWS], {"axis": 2, "num_outputs": 3}, outputs=3, opset=18),
    case("Slice", [X], {"starts": [1, -3], "ends": [9, -1], "axes": [1, 3]}, opset=9),
    case("Slice", [X, i64(-1, 0), i64(-100, 2**40), i64(2, 1), i64(-2, 4)]),
    case("Pad", [X], {"pads": [0, 0, 1, 2, 0, 0, 3, 4]}, opset=10),
    case("Pad", [X, i64(0, 1, 2, 3, 0, 0, -1, 2)]),
    case("Pad", [X, i64(1, 2, 3, 4), None, i64(-1, 2)], {"mode": "edge"}, opset=18),
    case("Gather", [weight(20, 5), np.zeros((2, 3), np.int64)]),
    case("Gather", [X, i64(1, 2)], {"axis": -1}),
    case("GatherElements", [ROWS, np.zeros((3, 2, 10), np.int64)], {"axis": 1}),
    case("GatherND", [ROWS, np.zeros((5, 2), np.int64)]),
    case("ScatterND", [ROWS, np.zeros((2, 1), np.int64), f32(2, 4, 10)]),
    case("ScatterElements", [ROWS, np.zeros((1, 2, 3), np.int64), f32(1, 2, 3)]),
    case("Expand", [f32(3, 1), i64(2, 1, 6)]),
    case("Tile", [ROWS, i64(1, 2, 3)]),
    case("OneHot", [np.ones((2, 3), np.int64), i64(7), Const(np.array([0, 1], np.float32))]),
    case("DepthToSpace", [f32(1, 8, 3, 5)], {"blocksize": 2}),
    case("SpaceToDepth", [f32(1, 3, 4, 6)], {"blocksize": 2}),
    case("ReverseSequence", [f32(4, 3, 5), np.array([4, 2, 1], np.int64)]),
    case("Shape", [ROWS]),
    case("Size", [ROWS]),
    case("Range", [Const(np.int64(2)), Const(np.int64(11)), Const(np.int64(3))]),
    case("ConstantOfShape", [i64(2, 3)]),
    case("EyeLike", [f32(3, 4)]),
    case("GridSample", [X, f32(2, 5, 7, 2)]),
    case("RoiAlign", [X, f32(3, 4), np.zeros(3, np.int64)], {"output_height": 4, "output_width": 5}),
    case("MaxRoiPool", [X, f32(3, 5)], {"pooled_shape": [2, 3]}),
    case("Col2Im", [f32(1, 5, 5), i64(5, 5), i64(1, 5)], opset=18),
    case("CenterCropPad", [f32(20, 10, 3), i64(10, 9)], {"axes": [0, 1]}, opset=18),
    # resizing
    case("Upsample", [X], {"scales": [1.0, 1.0, 2.0, 1.5]}, opset=7),
    case("Upsample", [X, Const(np.array([1, 1, 2, 3], np.float32))], opset=9),
    case("Resize", [X, Const(np.array([1, 1, 1.7, 0.6], np.float32))], opset=10),
    case("Resize", [X, None, Const(np.array([1, 1, 2, 2], np.float32))], {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}),
    case("Resize", [X, None, None, i64(2, 6, 5, 11)], {"mode": "cubic"}),
    case("Resize", [X, None, None, i64(4, 9)], {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}, opset=18),
    case("Resize", [X, None, None, i64(4, 9)], {"axes": [2, 3], "keep_aspect_ratio_policy": "not_smaller"}, opset=18),
    case("Resize", [f32(4, 6), None, Const(np.array([2, 3], np.float32))], {"mode": "linear"}),
    case(
        "Resize",
        [X, Const(np.array([0, 0, 0.1, 0.2, 1, 1, 0.6, 0.8], np.float32)), None, i64(2, 6, 3, 3)],
        {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"},
    ),
    # recurrent
    case("LSTM", [f32(5, 2, 3), weight(1, 16, 3), weight(1, 16, 4), weight(1, 32)], {"hidden_size": 4}, outputs=3),
    case("LSTM", [f32(5, 2, 3), weight(2, 16, 3), weight(2, 16, 4)], {"hidden_size": 4, "direction": "bidirectional"}, outputs=3),
    case("GRU", [f32(5, 2, 3), weight(1, 12, 3), weight(1, 12, 4), None, None, f32(1, 2, 4)], {"hidden_size": 4}, outputs=2),
    case("RNN", [f32(5, 2, 3), weight(1, 4, 3), weight(1, 4, 4)], {"hidden_size": 4}),
    # quantized
    case("QuantizeLinear", [ROWS, Const(np.float32(0.1)), Const(np.int8(3))]),
    case("DequantizeLinear", [np.ones((3, 4), np.uint8), Const(np.float32(0.1)), Const(np.uint8(3))]),
    case("DynamicQuantizeLinear", [ROWS], outputs=3),
    case("MatMulInteger", [np.ones((3, 4), np.uint8), Const(np.ones((4, 5), np.int8))]),
    case("ConvInteger", [np.ones((1, 2, 5, 5), np.uint8), Const(np.ones((3, 2, 3, 3), np.uint8))], {"pads": [1, 1, 1, 1]}),
    case("Gelu", [ROWS], domain=CONTRIB),
    case("FastGelu", [ROWS, weight(10)], domain=CONTRIB),
    case("BiasGelu", [ROWS, weight(10)], domain=CONTRIB),
    case("QuickGelu", [ROWS], domain=CONTRIB),
    case("FusedMatMul", [f32(2, 5, 3), f32(2, 5, 4)], {"transA": 1, "alpha": 0.5}, domain=CONTRIB),
    case("FusedMatMul", [f32(5, 2, 3, 7), f32(2, 3, 7, 4)], {"transBatchA": 1}, domain=CONTRIB),
    case("FusedMatMul", [f32(5, 2, 3, 7), f32(6, 2, 3, 5)], {"transBatchA": 1, "transA": 1, "transBatchB": 1, "transB": 1}, domain=CONTRIB),
    case("SkipLayerNormalization", [ROWS, f32(3, 4, 10), weight(10), weight(10), weight(10)], domain=CONTRIB),
    case("SimplifiedLayerNormalization", [ROWS, weight(10)], {"axis": -1}, domain=""),
    case("FusedConv", [X, weight(4, 6, 3, 3), weight(4)], {"activation": "Relu"}, domain=CONTRIB),
    case("MultiHeadAttention", [f32(2, 5, 12), f32(2, 7, 12), f32(2, 7, 12)], {"num_heads": 3}, domain=CONTRIB),
    case("MultiHeadAttention", [f32(2, 5, 12), f32(2, 7, 12), f32(2, 7, 12), weight(36)], {"num_heads": 3}, domain=CONTRIB),
    case("EmbedLayerNormalization", [IDS, IDS, weight(20, 8), weight(9, 8), weight(2, 8), weight(8), weight(8), IDS], outputs=2, domain=CONTRIB),
    case("Attention", [f32(2, 5, 12), weight(12, 36), weight(36)], {"num_heads": 3}, domain=CONTRIB),
    case("Attention", [f32(2, 3, 5, 8), f32(2, 3, 7, 8), f32(2, 3, 7, 4)], opset=23),
    case("Attention", [f32(2, 5, 24), f32(2, 7, 8), f32(2, 7, 8)], {"q_num_heads": 3, "kv_num_heads": 1}, opset=23),
]


@pytest.mark.parametrize("type, inputs, attributes, options", CASES, ids=[f"{i}-{entry[0]}" for i, entry in enumerate(CASES)])
def test_shapes_are_those_of_onnx_runtime(type: str, inputs: list[Any], attributes: dict[str, Any], options: dict[str, Any], tmp_path: Path) -> None:
    model, fed = single(type, inputs, attributes, **options)
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [output.shape for output in run(model, fed)]
