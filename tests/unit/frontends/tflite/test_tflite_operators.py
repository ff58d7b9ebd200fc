"""Each operator of the TFLite schema: the shape, the cost and the parameters it becomes, on files of one or two operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite
from tflite_models import Net

from device_models.work import DType
from sim.errors import EdgesimError, ModelError
from sim.frontends.tflite import import_tflite
from sim.frontends.tflite.control import STRUCTURED
from sim.frontends.tflite.table import CONTROL_FLOW, HANDLERS, NOT_MODELLED
from sim.graph.ir import Graph
from sim.graph.work import total_macs

Make = Callable[[Net], None]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Graph]:
    def load(make: Net | Make, **options: Any) -> Graph:
        net = Net()
        if isinstance(make, Net):
            net = make
        else:
            make(net)
        path = tmp_path / "model.tflite"
        path.write_bytes(net.bytes())
        return import_tflite(path, **options)

    return load


def out(graph: Graph, index: int = 0) -> tuple[int, ...]:
    return graph.tensors[graph.outputs[index]].shape


def test_every_operator_of_the_schema_has_a_handler_or_a_reason() -> None:
    names = {name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)} - {"CUSTOM"}
    assert names - set(HANDLERS) - set(CONTROL_FLOW) - STRUCTURED - set(NOT_MODELLED) == set()
    assert set(HANDLERS) & (set(CONTROL_FLOW) | set(NOT_MODELLED)) == set()


def conv(net: Net, **options: Any) -> None:
    net.add(1, 9, 8, 4)
    net.stored(np.arange(6 * 3 * 2 * 4).reshape(6, 3, 2, 4))
    net.stored(np.zeros(6))
    net.add(1, 5, 4, 6)
    net.op("CONV_2D", (0, 1, 2), 3, options=("Conv2DOptions", {"Padding": 0, "StrideW": 2, "StrideH": 2, **options}))


def test_conv_2d_keeps_nhwc_activations_and_stores_oihw_weights(load: Any) -> None:
    graph = load(conv)
    op = graph.ops[0]
    weight = graph.tensors[op.inputs[1]]
    assert (op.type, op.attributes["layout"], out(graph)) == ("Conv", "NHWC", (1, 5, 4, 6))
    assert weight.shape == (6, 4, 3, 2) and weight.load is not None
    assert np.array_equal(weight.load(), np.arange(6 * 3 * 2 * 4).reshape(6, 3, 2, 4).transpose(0, 3, 1, 2))
    assert total_macs(graph) == 5 * 4 * 6 * 3 * 2 * 4 and graph.parameters() == 6 * 3 * 2 * 4 + 6


@pytest.mark.parametrize(("number", "kind"), [(1, "Relu"), (2, "ReluN1To1"), (3, "Relu6"), (4, "Tanh")])
def test_a_fused_activation_becomes_an_operator(load: Any, number: int, kind: str) -> None:
    assert [op.type for op in load(lambda net: conv(net, FusedActivationFunction=number)).ops] == ["Conv", kind]


def test_a_dilated_convolution_with_valid_padding(load: Any) -> None:
    def make(net: Net) -> None:
        conv(net, Padding=1, DilationHFactor=3, DilationWFactor=2, StrideH=1, StrideW=1)
        net.tensors[3].shape = (1, 9 - 3 * 2, 8 - 2 * 1, 6)

    graph = load(make)
    assert out(graph) == (1, 3, 6, 6) and "warnings" not in graph.notes


def test_grouped_convolution(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 4, 4, 8)
        net.stored(np.zeros((6, 1, 1, 4)))
        net.add(1, 4, 4, 6)
        net.op("CONV_2D", (0, 1, -1), 2, options=("Conv2DOptions", {"Padding": 1, "StrideW": 1, "StrideH": 1}))

    graph = load(make)
    assert graph.ops[0].attributes["group"] == 2 and total_macs(graph) == 16 * 6 * 4


def test_depthwise_weights_are_one_kernel_per_output_channel(load: Any) -> None:
    values = np.arange(3 * 3 * 8).reshape(1, 3, 3, 8)

    def make(net: Net) -> None:
        net.add(1, 6, 6, 4)
        net.stored(values, scale=(0.5,) * 8, axis=3)
        net.add(1, 6, 6, 8)
        net.op("DEPTHWISE_CONV_2D", (0, 1), 2, options=("DepthwiseConv2DOptions", {"StrideW": 1, "StrideH": 1, "DepthMultiplier": 2}))

    graph = load(make)
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.shape == (8, 1, 3, 3) and weight.quantization is not None and weight.quantization.axis == 0 and weight.load is not None
    assert np.array_equal(weight.load()[5, 0], values[0, :, :, 5])
    assert total_macs(graph) == 36 * 8 * 9


def test_transposed_convolution_swaps_weights_and_takes_the_stated_size(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 4, 5, 6)
        net.stored([1, 8, 10, 3], "i4")
        net.stored(np.zeros((3, 2, 2, 6)), scale=(0.1, 0.2, 0.3), axis=0)
        net.add(1, 8, 10, 3)
        net.op("TRANSPOSE_CONV", (1, 2, 0), 3, options=("TransposeConvOptions", {"StrideW": 2, "StrideH": 2}))

    graph = load(make)
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert out(graph) == (1, 8, 10, 3) and weight.shape == (6, 3, 2, 2) and weight.quantization is not None and weight.quantization.axis == 1
    assert total_macs(graph) == 4 * 5 * 6 * 3 * 2 * 2


def test_conv_3d(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 6, 6, 6, 2)
        net.stored(np.zeros((3, 3, 3, 2, 5)))
        net.add(1, 4, 4, 4, 5)
        net.op("CONV_3D", (0, 1), 2, options=("Conv3DOptions", {"Padding": 1, "StrideD": 1, "StrideW": 1, "StrideH": 1}))

    graph = load(make)
    assert out(graph) == (1, 4, 4, 4, 5) and total_macs(graph) == 64 * 5 * 27 * 2


@pytest.mark.parametrize("keep", [False, True])
def test_fully_connected_views_its_input_as_rows(load: Any, keep: bool) -> None:
    def make(net: Net) -> None:
        net.add(2, 3, 8)
        net.stored(np.zeros((5, 8)))
        net.add(*((2, 3, 5) if keep else (6, 5)))
        net.op("FULLY_CONNECTED", (0, 1, -1), 2, options=("FullyConnectedOptions", {"KeepNumDims": keep}))

    graph = load(make)
    assert out(graph) == ((2, 3, 5) if keep else (6, 5)) and total_macs(graph) == 6 * 5 * 8 and "warnings" not in graph.notes


def test_hybrid_layers_are_marked(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 8)
        net.stored(np.zeros((5, 8)), "i1", scale=(0.5,))
        net.add(1, 5)
        net.op("FULLY_CONNECTED", (0, 1), 2)

    graph = load(make)
    assert graph.ops[0].attributes["hybrid"] and graph.stored_bytes() == 40


def _batch_matmul(net: Net, dtype: str, scale: tuple[float, ...]) -> None:
    net.add(2, 4, 8)
    net.op("BATCH_MATMUL", (0, net.stored(np.zeros((2, 8, 5)), dtype, scale=scale)), net.add(2, 4, 5), options=("BatchMatMulOptions", {}))


def _svdf(net: Net, dtype: str, scale: tuple[float, ...]) -> None:
    net.add(1, 40)
    inputs = (0, net.stored(np.zeros((64, 40)), dtype, scale=scale), net.stored(np.zeros((64, 8))), -1, net.add(1, 512, variable=True))
    net.op("SVDF", inputs, net.add(1, 32), options=("SVDFOptions", {"Rank": 2}))


def _unidirectional(net: Net, dtype: str, scale: tuple[float, ...]) -> None:
    net.add(7, 1, 10)
    inputs = [
        0,
        *(net.stored(np.zeros((12, 10)), dtype, scale=scale) for _ in range(4)),
        *(net.stored(np.zeros((12, 12)), dtype, scale=scale) for _ in range(4)),
    ]
    inputs += [-1] * 3 + [net.stored(np.zeros(12)) for _ in range(4)] + [-1, -1, net.add(1, 12, variable=True), net.add(1, 12, variable=True)]
    net.op("UNIDIRECTIONAL_SEQUENCE_LSTM", tuple(inputs), net.add(7, 1, 12), options=("UnidirectionalSequenceLSTMOptions", {"TimeMajor": True}))


def _simple_rnn(net: Net, dtype: str, scale: tuple[float, ...]) -> None:
    net.add(7, 1, 10)
    stored = [net.stored(np.zeros(shape), dtype, scale=scale) for shape in ((12, 10), (12, 12))]
    inputs = (0, *stored, net.stored(np.zeros(12)), net.add(1, 12, variable=True))
    net.op("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, net.add(7, 1, 12), options=("SequenceRNNOptions", {"TimeMajor": True}))


@pytest.mark.parametrize("make", [_batch_matmul, _svdf, _unidirectional, _simple_rnn])
def test_every_hybrid_kernel_of_the_runtime_is_marked(load: Any, make: Any) -> None:
    kinds = ("MatMul", "SVDF", "LSTM", "RNN")
    for dtype, scale in (("i1", (0.5,)), ("f4", ())):
        graph = load(lambda net, dtype=dtype, scale=scale: make(net, dtype, scale))
        marked = [bool(op.attributes.get("hybrid")) for op in graph.ops if op.type in kinds]
        assert marked == [dtype == "i1"]


def test_half_precision_weights_are_used_as_stored(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 8)
        net.stored(np.ones((5, 8)), "f2")
        net.add(5, 8)
        net.add(1, 5)
        net.op("DEQUANTIZE", (1,), 2)
        net.op("FULLY_CONNECTED", (0, 2), 3)

    graph = load(make)
    assert [op.type for op in graph.ops] == ["Dense"]
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.dtype is DType.F16 and weight.load is not None and weight.load().sum() == 40


def test_int16_activations_keep_int8_weights_and_per_channel_scales(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 8, kind=7, scale=(0.25,))
        net.stored(np.zeros((3, 8)), "i1", scale=(0.1, 0.2, 0.4), zero=(0, 0, 0), axis=0)
        net.stored(np.zeros(3), "i8")
        net.add(1, 3, kind=7, scale=(0.5,))
        net.op("FULLY_CONNECTED", (0, 1, 2), 3)

    graph = load(make)
    x, weight = graph.tensors[graph.inputs[0]], graph.tensors[graph.ops[0].inputs[1]]
    assert (x.dtype, weight.dtype, graph.tensors[graph.outputs[0]].dtype) == (DType.I16, DType.I8, DType.I16)
    assert weight.quantization is not None and weight.quantization.scale == pytest.approx((0.1, 0.2, 0.4)) and weight.quantization.axis == 0
    assert x.quantization is not None and x.quantization.scale == (0.25,) and "hybrid" not in graph.ops[0].attributes


def test_sparse_weights_are_noted_with_their_stored_bytes(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 8)
        net.stored(np.zeros(6), sparse=True)
        net.tensors[1].shape = (5, 8)
        net.add(5, 8)
        net.add(1, 5)
        net.op("DENSIFY", (1,), 2)
        net.op("FULLY_CONNECTED", (0, 2), 3)

    graph = load(make)
    weight = graph.ops[0].inputs[1]
    assert graph.notes["sparse_weights"] == {weight: 24} and graph.parameters() == 40


def single(code: str, shape: tuple[int, ...], result: tuple[int, ...], *constants: Any, options: Any = None, **more: Any) -> Make:
    """One operator on one activation, further inputs stored."""

    def make(net: Net) -> None:
        net.add(*shape)
        rest = [net.stored(value, "i4" if np.asarray(value).dtype.kind == "i" else "f4") for value in constants]
        result_index = net.add(*result, **more)
        net.op(code, (0, *rest), result_index, options=options)

    return make


HALVING = {"Padding": 1, "StrideW": 2, "StrideH": 2, "FilterWidth": 2, "FilterHeight": 2}
CASES: list[tuple[str, Make, str, tuple[int, ...]]] = [
    ("relu", single("RELU", (2, 3), (2, 3)), "Relu", (2, 3)),
    ("leaky", single("LEAKY_RELU", (2, 3), (2, 3), options=("LeakyReluOptions", {"Alpha": 0.25})), "LeakyRelu", (2, 3)),
    ("hard swish", single("HARD_SWISH", (2, 3), (2, 3)), "HardSwish", (2, 3)),
    ("gelu", single("GELU", (2, 3), (2, 3)), "Gelu", (2, 3)),
    ("prelu", single("PRELU", (1, 4, 4, 3), (1, 4, 4, 3), np.zeros((1, 1, 3))), "PRelu", (1, 4, 4, 3)),
    ("add broadcasts", single("ADD", (1, 4, 4, 3), (1, 4, 4, 3), np.zeros(3), options=("AddOptions", {})), "Add", (1, 4, 4, 3)),
    ("atan2", single("ATAN2", (2, 3), (2, 3), np.zeros((2, 3))), "Atan2", (2, 3)),
    ("mean", single("MEAN", (1, 7, 7, 32), (1, 32), [1, 2]), "Reduce", (1, 32)),
    ("mean keeps", single("MEAN", (1, 7, 7, 32), (1, 1, 1, 32), [-3, 2], options=("ReducerOptions", {"KeepDims": True})), "Reduce", (1, 1, 1, 32)),
    ("arg max", single("ARG_MAX", (1, 4, 9), (1, 4), 2, kind=2), "ArgMax", (1, 4)),
    ("max pool", single("MAX_POOL_2D", (1, 8, 8, 3), (1, 4, 4, 3), options=("Pool2DOptions", HALVING)), "MaxPool", (1, 4, 4, 3)),
    ("softmax", single("SOFTMAX", (1, 10), (1, 10)), "Softmax", (1, 10)),
    ("reshape", single("RESHAPE", (1, 4, 4, 3), (1, 48), [1, -1]), "Reshape", (1, 48)),
    ("reshape by option", single("RESHAPE", (1, 4, 4, 3), (1, 48), options=("ReshapeOptions", {"NewShape": [-1, 48]})), "Reshape", (1, 48)),
    ("squeeze", single("SQUEEZE", (1, 1, 4, 1), (1, 4), options=("SqueezeOptions", {"SqueezeDims": [1, -1]})), "Squeeze", (1, 4)),
    ("expand dims", single("EXPAND_DIMS", (2, 3), (2, 1, 3), 1), "Unsqueeze", (2, 1, 3)),
    ("transpose", single("TRANSPOSE", (1, 2, 3), (3, 1, 2), [2, 0, 1]), "Transpose", (3, 1, 2)),
    ("slice", single("SLICE", (4, 6), (2, 4), [1, 2], [2, -1]), "Slice", (2, 4)),
    ("pad", single("PAD", (1, 4, 4, 3), (1, 6, 7, 3), [[0, 0], [1, 1], [1, 2], [0, 0]]), "Pad", (1, 6, 7, 3)),
    ("gather", single("GATHER", (5, 6), (5, 2), [0, 3], options=("GatherOptions", {"Axis": 1})), "Gather", (5, 2)),
    ("gather nd", single("GATHER_ND", (5, 6), (4,), np.zeros((4, 2), int)), "GatherND", (4,)),
    ("resize", single("RESIZE_BILINEAR", (1, 4, 4, 3), (1, 8, 9, 3), [8, 9]), "Resize", (1, 8, 9, 3)),
    ("space to depth", single("SPACE_TO_DEPTH", (1, 4, 6, 3), (1, 2, 3, 12), options=("SpaceToDepthOptions", {"BlockSize": 2})), "SpaceToDepth", (1, 2, 3, 12)),
    ("space to batch", single("SPACE_TO_BATCH_ND", (1, 4, 5, 3), (4, 2, 3, 3), [2, 2], [[0, 0], [0, 1]]), "SpaceToBatch", (4, 2, 3, 3)),
    ("batch to space", single("BATCH_TO_SPACE_ND", (4, 2, 3, 3), (1, 4, 5, 3), [2, 2], [[0, 0], [0, 1]]), "BatchToSpace", (1, 4, 5, 3)),
    ("tile", single("TILE", (2, 3), (4, 9), [2, 3]), "Tile", (4, 9)),
    ("broadcast to", single("BROADCAST_TO", (1, 3), (4, 3), [4, 3]), "Expand", (4, 3)),
    ("mirror pad", single("MIRROR_PAD", (2, 3), (4, 3), [[1, 1], [0, 0]], options=("MirrorPadOptions", {"Mode": 1})), "Pad", (4, 3)),
    ("cumsum", single("CUMSUM", (2, 3), (2, 3), 1), "CumSum", (2, 3)),
    ("reverse", single("REVERSE_V2", (2, 3), (2, 3), [0]), "Reverse", (2, 3)),
    ("l2 norm", single("L2_NORMALIZATION", (2, 3), (2, 3), options=("L2NormOptions", {})), "L2Norm", (2, 3)),
    ("cast", single("CAST", (2, 3), (2, 3), kind=2), "Cast", (2, 3)),
    ("quantize", single("QUANTIZE", (2, 3), (2, 3), kind=9, scale=(0.5,)), "Quantize", (2, 3)),
    ("one hot", single("ONE_HOT", (3,), (3, 10), 10, options=("OneHotOptions", {})), "OneHot", (3, 10)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "type", "shape"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_operator(load: Any, make: Make, type: str, shape: tuple[int, ...]) -> None:
    graph = load(make)
    assert graph.ops[-1].type == type and out(graph) == shape
    assert "warnings" not in graph.notes  # the inferred shape is what the file states


@pytest.mark.parametrize("seed", range(60))
def test_strided_slices_have_numpys_shape(load: Any, seed: int) -> None:
    """Random masks against NumPy's own indexing."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 7, 4))
    entries = int(rng.integers(1, 5))
    masks = dict.fromkeys(("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask"), 0)
    index: list[Any] = []
    begins, ends, strides = [], [], []
    for i in range(entries):
        begin, end, stride = int(rng.integers(-2, 2)), int(rng.integers(-3, 6)), int(rng.choice([-2, -1, 1, 2]))
        what = rng.choice(["slice", "begin", "end", "new", "shrink", "ellipsis"])
        if what == "ellipsis" and masks["EllipsisMask"]:
            what = "slice"
        key = {"begin": "BeginMask", "end": "EndMask", "new": "NewAxisMask", "shrink": "ShrinkAxisMask", "ellipsis": "EllipsisMask"}.get(what)
        if key:
            masks[key] |= 1 << i
        index.append(
            {"new": None, "shrink": begin, "ellipsis": Ellipsis}.get(what, slice(None if what == "begin" else begin, None if what == "end" else end, stride))
        )
        begins, ends, strides = [*begins, begin], [*ends, end], [*strides, stride]
    expected = np.zeros(shape)[tuple(index)].shape
    graph = load(single("STRIDED_SLICE", shape, expected, begins, ends, strides, options=("StridedSliceOptions", masks)))
    assert out(graph) == expected


def test_split_pack_unpack_concat(load: Any) -> None:
    net = Net()
    x, axis = net.add(2, 6), net.stored(1, "i4")
    parts = [net.add(2, 2) for _ in range(3)]
    net.op("SPLIT", (axis, x), *parts, options=("SplitOptions", {"NumSplits": 3}))
    packed = net.add(2, 3, 2)
    net.op("PACK", tuple(parts), packed, options=("PackOptions", {"ValuesCount": 3, "Axis": 1}))
    items = [net.add(2, 2) for _ in range(3)]
    net.op("UNPACK", (packed,), *items, options=("UnpackOptions", {"Num": 3, "Axis": -2}))
    joined = net.add(6, 2)
    net.op("CONCATENATION", tuple(items), joined, options=("ConcatenationOptions", {"Axis": 0, "FusedActivationFunction": 1}))
    graph = load(net)
    assert out(graph) == (6, 2) and "warnings" not in graph.notes
    assert [op.type for op in graph.ops] == ["Split", "Stack", "Split", "Squeeze", "Squeeze", "Squeeze", "Concat", "Relu"]


def test_split_v_takes_one_open_size(load: Any) -> None:
    net = Net()
    x, sizes, axis = net.add(2, 7), net.stored([2, -1, 1], "i4"), net.stored(1, "i4")
    parts = [net.add(2, size) for size in (2, 4, 1)]
    net.op("SPLIT_V", (x, sizes, axis), *parts)
    assert [out(load(net), i) for i in range(3)] == [(2, 2), (2, 4), (2, 1)]


def test_top_k_and_embedding_and_batch_matmul(load: Any) -> None:
    net = Net()
    ids = net.add(1, 5, kind=2)
    table = net.stored(np.zeros((100, 16)))
    rows = net.add(1, 5, 16)
    net.op("EMBEDDING_LOOKUP", (ids, table), rows)
    scores = net.add(1, 5, 5)
    net.op("BATCH_MATMUL", (rows, rows), scores, options=("BatchMatMulOptions", {"AdjY": True}))
    best, where = net.add(1, 5, 2), net.add(1, 5, 2, kind=2)
    net.op("TOPK_V2", (scores, net.stored(2, "i4")), best, where)
    graph = load(net)
    assert out(graph) == (1, 5, 2) and total_macs(graph) == 5 * 5 * 16 and graph.parameters() == 1600


def test_shape_arithmetic_is_done_while_importing(load: Any) -> None:
    """``reshape(x, pack(shape(x)[0], -1))`` with the batch bound: no operator is left of it."""
    net = Net()
    x = net.add(1, 4, 4, 3, signature=(-1, 4, 4, 3))
    shape = net.add(4, kind=2)
    net.op("SHAPE", (x,), shape)
    batch = net.add(kind=2)
    bounds = [net.stored(values, "i4") for values in ([0], [1], [1])]
    net.op("STRIDED_SLICE", (shape, *bounds), batch, options=("StridedSliceOptions", {"ShrinkAxisMask": 1}))
    packed = net.add(2, kind=2)
    net.op("PACK", (batch, net.stored(-1, "i4")), packed, options=("PackOptions", {"ValuesCount": 2}))
    y = net.add(1, 48, signature=(-1, 48))
    net.op("RESHAPE", (x, packed), y)
    graph = load(net, shapes={"batch": 5})
    assert [op.type for op in graph.ops] == ["Reshape"] and out(graph) == (5, 48)


def lstm(net: Net, *, time_major: bool, projection: bool = False, coupled: bool = False, batch: int = 1) -> None:
    steps, features, hidden, size = 7, 10, 12, 6 if projection else 12
    net.add(*((steps, batch, features) if time_major else (batch, steps, features)))
    inputs = [0]
    inputs += [-1 if coupled and i == 0 else net.stored(np.zeros((hidden, features))) for i in range(4)]
    inputs += [-1 if coupled and i == 0 else net.stored(np.zeros((hidden, size))) for i in range(4)]
    inputs += [-1] * 3 + [-1 if coupled and i == 0 else net.stored(np.zeros(hidden)) for i in range(4)]
    inputs += [net.stored(np.zeros((size, hidden))) if projection else -1, -1]
    inputs += [net.add(batch, size, variable=True), net.add(batch, hidden, variable=True)]
    y = net.add(*((steps, batch, size) if time_major else (batch, steps, size)))
    net.op("UNIDIRECTIONAL_SEQUENCE_LSTM", tuple(inputs), y, options=("UnidirectionalSequenceLSTMOptions", {"TimeMajor": time_major}))


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("projection", [False, True])
@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_lstm(load: Any, time_major: bool, projection: bool, coupled: bool, batch: int) -> None:
    graph = load(lambda net: lstm(net, time_major=time_major, projection=projection, coupled=coupled, batch=batch))
    gates, size = 3 if coupled else 4, 6 if projection else 12
    weights = gates * 12 * (10 + size) + (size * 12 if projection else 0)
    assert out(graph) == ((7, batch, size) if time_major else (batch, 7, size))
    assert total_macs(graph) == 7 * batch * weights and graph.parameters() == weights + gates * 12
    assert sum(tensor.role == "state" for tensor in graph.tensors.values()) == 2


def test_bidirectional_lstm_joins_both_directions(load: Any) -> None:
    net = Net()
    net.add(1, 7, 10)
    inputs = [0]
    for _ in range(2):
        inputs += [net.stored(np.zeros((12, 10))) for _ in range(4)] + [net.stored(np.zeros((12, 12))) for _ in range(4)]
        inputs += [-1] * 3 + [net.stored(np.zeros(12)) for _ in range(4)] + [-1, -1]
    inputs += [net.add(1, 12, variable=True) for _ in range(4)] + [-1] * 9
    net.op("BIDIRECTIONAL_SEQUENCE_LSTM", tuple(inputs), net.add(1, 7, 24), options=("BidirectionalSequenceLSTMOptions", {"MergeOutputs": True}))
    graph = load(net)
    assert out(graph) == (1, 7, 24) and total_macs(graph) == 2 * 7 * 4 * 12 * 22


def test_basic_lstm_cell(load: Any) -> None:
    net = Net(inputs=(0, 1, 2))
    net.add(1, 10)
    net.add(1, 12)
    net.add(1, 12)
    weights, bias = net.stored(np.zeros((48, 22))), net.stored(np.zeros(48))
    made = [net.add(1, 12), net.add(1, 12), net.add(1, 22), net.add(1, 48)]
    net.op("LSTM", (0, 1, weights, bias, 2), *made, options=("LSTMOptions", {"KernelType": 1, "FusedActivationFunction": 4}))
    graph = load(net)
    assert out(graph) == (1, 12) and total_macs(graph) == 48 * 22


def test_rnn(load: Any) -> None:
    net = Net()
    net.add(1, 7, 10)
    inputs = (0, net.stored(np.zeros((12, 10))), net.stored(np.zeros((12, 12))), net.stored(np.zeros(12)), net.add(1, 12, variable=True))
    net.op("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, net.add(1, 7, 12), options=("SequenceRNNOptions", {}))
    graph = load(net)
    assert out(graph) == (1, 7, 12) and total_macs(graph) == 7 * 12 * 22


def test_svdf(load: Any) -> None:
    net = Net()
    net.add(1, 40)
    inputs = (0, net.stored(np.zeros((64, 40))), net.stored(np.zeros((64, 8))), net.stored(np.zeros(32)), net.add(1, 512, variable=True))
    net.op("SVDF", inputs, net.add(1, 32), options=("SVDFOptions", {"Rank": 2, "FusedActivationFunction": 1}))
    graph = load(net)
    assert out(graph) == (1, 32) and total_macs(graph) == 64 * 40 + 64 * 8 and graph.parameters() == 64 * 48 + 32


def test_detection_post_process_takes_missing_shapes_from_its_options(load: Any) -> None:
    from flatbuffers import flexbuffers

    net = Net(inputs=(0, 1))
    net.add(1, 1917, 4)
    net.add(1, 1917, 91)
    anchors = net.stored(np.zeros((1917, 4)))
    made = [net.add() for _ in range(4)]
    options = flexbuffers.Dumps({"max_detections": 10, "max_classes_per_detection": 1})
    net.op("CUSTOM", (0, 1, anchors), *made, custom="TFLite_Detection_PostProcess", custom_options=bytes(options))
    graph = load(net)
    assert [out(graph, i) for i in range(4)] == [(1, 10, 4), (1, 10), (1, 10), (1,)]


def test_unknown_custom_operators_are_named_or_become_data_movers(load: Any) -> None:
    net = Net()
    net.add(1, 8)
    net.op("CUSTOM", (0,), net.add(1, 4), custom="FlexRoll")
    with pytest.raises(ModelError, match=r"operator 0 \(FlexRoll\) is not supported.*unknown_operators: warn"):
        load(net)
    graph = load(net, unknown_operators="warn")
    assert graph.ops[0].type == "Generic" and graph.ops[0].attributes["original"] == "FlexRoll" and "FlexRoll" in graph.notes["warnings"][0]


def loop(limit: int, step: int = 1, *, by_data: bool = False) -> Net:
    """Counts from 0 in ``step`` to ``limit``, each round one layer with the same weights: ``x = relu(w x)``."""
    net = Net(inputs=(0, 1) if by_data else (0,), outputs=(3,))
    net.add(1, 8)
    counter = net.add(kind=2) if by_data else net.stored(np.int32(0), "i4")
    net.op("WHILE", (counter, 0), net.add(kind=2), net.add(1, 8), options=("WhileOptions", {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2}))
    test = Net(inputs=(0, 1))
    test.add(kind=2), test.add(1, 8)
    test.op("LESS", (0, test.stored(np.int32(limit), "i4")), test.add(kind=6))
    body = Net(inputs=(0, 1), outputs=(2, 3))
    body.add(kind=2), body.add(1, 8), body.add(kind=2), body.add(1, 8)
    body.op("ADD", (0, body.stored(np.int32(step), "i4")), 2, options=("AddOptions", {}))
    weights = body.stored(np.ones((8, 8)))
    body.op("FULLY_CONNECTED", (1, weights, -1), 3, options=("FullyConnectedOptions", {"FusedActivationFunction": 1}))
    net.others = [test, body]
    return net


def test_a_loop_that_counts_is_unrolled(load: Any) -> None:
    """What Keras makes of a recurrent layer: the weights are stored once and read in every round."""
    graph = load(loop(7))
    assert [op.type for op in graph.ops] == ["Dense", "Relu"] * 7
    assert (total_macs(graph), graph.parameters()) == (7 * 64, 64)
    assert [op.type for op in load(loop(7, step=3)).ops] == ["Dense", "Relu"] * 3


def test_a_loop_without_rounds_gives_back_its_arguments(load: Any) -> None:
    net = loop(0)
    net.op("RELU", (3,), net.add(1, 8))
    net.outputs = (4,)
    assert [op.type for op in load(net).ops] == ["Relu"]


@pytest.mark.parametrize(("condition", "type"), [(True, "Relu"), (False, "Tanh")])
def test_a_decided_branch_is_entered(load: Any, condition: bool, type: str) -> None:
    net = Net()
    net.add(1, 8)
    net.op("IF", (net.stored(condition, "b1"), 0), net.add(1, 8), options=("IfOptions", {"ThenSubgraphIndex": 1, "ElseSubgraphIndex": 2}))
    for code in ("RELU", "TANH"):
        branch = Net()
        branch.op(code, (branch.add(1, 8),), branch.add(1, 8))
        net.others.append(branch)
    assert [op.type for op in load(net).ops] == [type]


@pytest.mark.parametrize("mode", ["error", "warn"])
@pytest.mark.parametrize(
    ("net", "message"),
    [
        (loop(7, by_data=True), "depends on the data"),
        (loop(10**9), "this loop has more than 10,000 operators"),
        (loop(7, step=0), "this loop has more than 10,000 operators"),
    ],
)
def test_other_loops_are_refused(load: Any, net: Net, message: str, mode: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(net, unknown_operators=mode)


@pytest.mark.parametrize(
    ("indices", "message"),
    [({"CondSubgraphIndex": 0, "BodySubgraphIndex": 0}, "nested more than"), ({"CondSubgraphIndex": 9, "BodySubgraphIndex": 1}, "subgraph 9 of 3")],
)
def test_loops_of_damaged_files(load: Any, indices: dict[str, int], message: str) -> None:
    net = Net(subgraphs=3)
    net.add(1, 8)
    net.op("WHILE", (0,), net.add(1, 8), options=("WhileOptions", indices))
    with pytest.raises(ModelError, match=message):
        load(net)


def test_variables_are_states_and_their_updates_stay_in_the_graph(load: Any) -> None:
    net = Net(outputs=(3,))
    x, handle, old, y, new = net.add(1, 4), net.add(kind=13), net.add(1, 4), net.add(1, 4), net.add(1, 4)
    net.op("VAR_HANDLE", (), handle, options=("VarHandleOptions", {}))
    net.op("READ_VARIABLE", (handle,), old)
    net.op("ADD", (x, old), y, options=("AddOptions", {}))
    net.op("MUL", (x, old), new, options=("MulOptions", {}))
    net.op("ASSIGN_VARIABLE", (handle, new))
    graph = load(net)
    assert [op.type for op in graph.ops] == ["Add", "Mul", "Identity"] and len(graph.outputs) == 2
    assert [tensor.role for tensor in graph.tensors.values()].count("state") == 1


def test_open_extents_are_bound(load: Any) -> None:
    def make(net: Net) -> None:
        net.add(1, 1, 1, 3, signature=(-1, -1, -1, 3))
        net.op("RELU", (0,), net.add(1, 1, 1, 3, signature=(-1, -1, -1, 3)))

    assert out(load(make)) == (1, 1, 1, 3)  # as the file states
    assert out(load(make, shapes={"batch": 2, "height": 8, "tensor_0.2": 9})) == (2, 8, 9, 3)
    with pytest.raises(ModelError, match=r"shapes.sequence.*what can be bound: batch, height"):
        load(make, shapes={"sequence": 4})


def test_fixed_extents_cannot_be_bound(load: Any) -> None:
    with pytest.raises(ModelError, match=r"shapes.batch.*the file fixes all extents"):
        load(conv, shapes={"batch": 2})
    assert load(conv, shapes={}).ops


def test_shared_buffers_count_once(load: Any) -> None:
    net = Net()
    net.add(1, 8)
    weight = net.stored(np.zeros((8, 8)))
    middle, last = net.add(1, 8), net.add(1, 8)
    net.op("FULLY_CONNECTED", (0, weight), middle)
    net.op("FULLY_CONNECTED", (middle, weight), last)
    graph = load(net)
    assert graph.parameters() == 64 and total_macs(graph) == 128


def test_values_behind_the_flatbuffer(load: Any, tmp_path: Path) -> None:
    net = Net(external=True)
    conv(net)
    graph = load(net)
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.load is not None and np.array_equal(weight.load(), np.arange(6 * 3 * 2 * 4).reshape(6, 3, 2, 4).transpose(0, 3, 1, 2))
    (tmp_path / "cut.tflite").write_bytes(net.bytes()[:-100])
    with pytest.raises(ModelError, match="reach beyond its end"):
        import_tflite(tmp_path / "cut.tflite")


def test_without_the_package_the_error_says_what_to_install(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    net = Net()
    conv(net)
    data = net.bytes()
    monkeypatch.setitem(sys.modules, "tflite", None)
    monkeypatch.setattr(Net, "bytes", lambda self: data)
    with pytest.raises(EdgesimError, match=r"pip install 'edgesim\[tflite\]'"):
        load(conv)
