"""Each ncnn layer: the shape, the cost and the parameters it becomes, on networks of one layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.ncnn import import_ncnn
from sim.graph.ir import Graph
from sim.graph.work import total_macs

Load = Callable[..., Graph]
IMAGE, ROWS, VECTOR, VOLUME = "0=10 1=12 2=8", "0=6 1=5", "0=24", "0=6 1=5 11=4 2=3"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(*lines: str, shapes: dict[str, int] | None = None, **options: Any) -> Graph:
        path = tmp_path / "net.param"
        path.write_text("\n".join(["7767517", f"{len(lines)} 0", *lines]))
        return import_ncnn(path, shapes=shapes or {}, **options)

    return load


def blob(graph: Graph, index: int = 0) -> tuple[int, ...]:
    """Shape of an output without the batch, outermost first."""
    shape = graph.tensors[graph.outputs[index]].shape
    assert shape[0] == 1
    return shape[1:]


# layer with parameters, input, shape of the output, operators, MACs, parameters
CASES = [
    ("Convolution 0=16 1=3 3=2 4=1 5=1 6=1152", IMAGE, (16, 6, 5), "Conv", 16 * 6 * 5 * 72, 1152 + 16),
    ("Convolution 0=16 1=3 11=5 2=2 12=1 4=0 6=1920", IMAGE, (16, 8, 6), "Conv", 16 * 48 * 120, 1920),
    ("Convolution 0=4 1=4 3=3 4=-233 6=512", IMAGE, (4, 4, 4), "Conv", 4 * 16 * 128, 512),
    ("Convolution 0=4 1=1 6=32 9=3 -23310=2,0.0,6.0", IMAGE, (4, 12, 10), "Conv Clip", 4 * 120 * 8, 32),
    ("Convolution 0=7 1=1 5=1 6=168", VECTOR, (7,), "Dense", 168, 175),
    ("ConvolutionDepthWise 0=8 1=3 4=1 6=72 7=8 9=1", IMAGE, (8, 12, 10), "Conv Relu", 8 * 120 * 9, 72),
    ("ConvolutionDepthWise 0=8 1=3 4=1 6=144 7=4", IMAGE, (8, 12, 10), "Conv", 8 * 120 * 18, 144),
    ("Convolution1D 0=9 1=3 4=1 6=135", ROWS, (9, 6), "Conv", 9 * 6 * 15, 135),
    ("Convolution3D 0=2 1=3 4=1 6=162", VOLUME, (2, 4, 5, 6), "Conv", 2 * 120 * 81, 162),
    ("Deconvolution 0=3 1=4 3=2 4=1 6=384", IMAGE, (3, 24, 20), "ConvTranspose", 8 * 120 * 48, 384),
    ("Deconvolution 0=3 1=3 3=2 4=1 18=1 6=216", IMAGE, (3, 24, 20), "ConvTranspose", 8 * 120 * 27, 216),
    ("Deconvolution 0=3 1=4 3=2 4=-233 20=20 21=24 6=384", IMAGE, (3, 24, 20), "ConvTranspose", 8 * 120 * 48, 384),
    ("Deconvolution 0=3 1=4 3=2 4=-233 6=384", IMAGE, (3, 26, 22), "ConvTranspose", 8 * 120 * 48, 384),
    ("DeconvolutionDepthWise 0=8 1=2 3=2 6=32 7=8", IMAGE, (8, 24, 20), "ConvTranspose", 8 * 120 * 4, 32),
    ("InnerProduct 0=5 1=1 2=4800 9=4", IMAGE, (5,), "Reshape Dense Sigmoid", 4800, 4805),
    ("InnerProduct 0=4 2=24", ROWS, (5, 4), "Dense", 5 * 24, 24),
    ("Pooling 0=0 1=3 2=2", IMAGE, (8, 6, 5), "MaxPool", 0, 0),  # full padding: 12 -> ceil((12 - 3) / 2) + 1
    ("Pooling 0=1 1=3 2=2 5=1", IMAGE, (8, 5, 4), "AveragePool", 0, 0),
    ("Pooling 0=1 1=2 2=3 5=2", IMAGE, (8, 4, 4), "AveragePool", 0, 0),
    ("Pooling 0=1 4=1", IMAGE, (8,), "GlobalAveragePool Reshape", 0, 0),
    ("Pooling 0=1 7=1 8=3 18=5", IMAGE, (8, 5, 3), "AveragePool", 0, 0),
    ("ReLU 0=0.1", IMAGE, (8, 12, 10), "LeakyRelu", 0, 0),
    ("PReLU 0=8", IMAGE, (8, 12, 10), "PRelu", 0, 8),
    ("UnaryOp 0=16", IMAGE, (8, 12, 10), "Tanh", 0, 0),
    ("BinaryOp 0=2 1=1 2=0.5", IMAGE, (8, 12, 10), "Mul", 0, 0),
    ("Mish", IMAGE, (8, 12, 10), "Mish", 0, 0),
    ("Dropout", IMAGE, (8, 12, 10), "Dropout", 0, 0),
    ("BatchNorm 0=8", IMAGE, (8, 12, 10), "BatchNorm", 0, 16),
    ("Scale 0=8 1=1", IMAGE, (8, 12, 10), "Mul Add", 0, 16),
    ("LayerNorm 0=6", ROWS, (5, 6), "LayerNorm", 0, 12),
    ("RMSNorm 0=6 2=1", ROWS, (5, 6), "RMSNorm", 0, 6),
    ("InstanceNorm 0=8", IMAGE, (8, 12, 10), "InstanceNorm", 0, 16),
    ("GroupNorm 0=2 1=8", IMAGE, (8, 12, 10), "GroupNorm", 0, 16),
    ("LRN", IMAGE, (8, 12, 10), "LRN", 0, 0),
    ("Normalize 3=8 4=1", IMAGE, (8, 12, 10), "L2Norm", 0, 8),
    ("Softmax 0=-1 1=1", IMAGE, (8, 12, 10), "Softmax", 0, 0),
    ("Reduction 0=3 1=0 -23303=2,1,2 4=1", IMAGE, (8, 1, 1), "Reduce", 0, 0),
    ("Reduction 0=0", IMAGE, (1,), "Reduce Reshape", 0, 0),
    ("Reshape 0=-1 1=8", IMAGE, (8, 120), "Reshape", 0, 0),
    ("Reshape 0=0 1=-1", IMAGE, (96, 10), "Reshape", 0, 0),
    ("Permute 0=3", IMAGE, (12, 10, 8), "Transpose", 0, 0),
    ("Permute 0=1", ROWS, (6, 5), "Transpose", 0, 0),
    ("Flatten", IMAGE, (960,), "Reshape", 0, 0),
    ("ExpandDims -23303=1,0", ROWS, (1, 5, 6), "Reshape", 0, 0),
    ("Squeeze -23303=1,0", "0=6 1=5 2=1", (5, 6), "Reshape", 0, 0),
    ("Crop 0=1 1=2 2=3 3=4 4=5 5=2", IMAGE, (2, 5, 4), "Slice", 0, 0),
    ("Crop -23309=2,2,-5 -23310=2,-233,-1 -23311=2,0,2", IMAGE, (6, 12, 4), "Slice", 0, 0),
    ("Padding 0=1 1=2 2=3 3=4 7=0 8=5", IMAGE, (13, 15, 17), "Pad", 0, 0),
    ("Interp 0=2 3=7 4=9", IMAGE, (8, 7, 9), "Resize", 0, 0),
    ("Interp 0=1 1=1.5 2=2.0", IMAGE, (8, 18, 20), "Resize", 0, 0),
    ("Interp 0=1 3=7 4=9", VECTOR, (24, 7, 9), "Reshape Resize", 0, 0),
    ("PixelShuffle 0=2", IMAGE, (2, 24, 20), "DepthToSpace", 0, 0),
    ("Reorg 0=2", IMAGE, (32, 6, 5), "SpaceToDepth", 0, 0),
    ("ShuffleChannel 0=4", IMAGE, (8, 12, 10), "ChannelShuffle", 0, 0),
    ("Tile -23302=3,4,1,2", ROWS, (4, 5, 12), "Reshape Tile", 0, 0),
    ("Tile 0=0 1=3", ROWS, (15, 6), "Tile", 0, 0),
    ("GLU 0=0", IMAGE, (4, 12, 10), "Split Sigmoid Mul", 0, 0),
    ("Gemm 3=1 5=1 6=1 8=9 9=6 10=4", ROWS, (5, 9), "Dense", 5 * 54, 63),
    ("Gemm 3=1 5=1 6=1 8=9 9=6 10=-1 14=1", ROWS, (9, 5), "Dense Transpose", 5 * 54, 54),
    ("Gemm 4=1 6=1 7=9 9=5 10=1", ROWS, (9, 6), "MatMul Add", 9 * 30, 45 + 9),
    ("Gemm 2=1 5=1 6=1 8=7 9=5 10=-1", ROWS, (6, 7), "MatMul", 6 * 35, 35),
    ("LSTM 0=7 1=168", ROWS, (5, 7), "Reshape LSTM Reshape", 5 * 4 * 7 * 13, 4 * 7 * 14),
    ("LSTM 0=7 1=336 2=2", ROWS, (5, 14), "Reshape LSTM Reshape", 2 * 5 * 4 * 7 * 13, 2 * 4 * 7 * 14),
    ("LSTM 0=3 1=168 3=7", ROWS, (5, 3), "Reshape ProjectedLSTM Reshape", 5 * (28 * 9 + 21), 28 * 9 + 28 + 21),
    ("GRU 0=7 1=126", ROWS, (5, 7), "Reshape GRU Reshape", 5 * 3 * 7 * 13, 3 * 7 * 13 + 28),
    ("RNN 0=7 1=42", ROWS, (5, 7), "Reshape RNN Reshape", 5 * 7 * 13, 7 * 14),
    ("Embed 0=16 1=100", VECTOR, (24, 16), "Gather", 0, 1600),
    ("Quantize", IMAGE, (8, 12, 10), "Quantize", 0, 0),
    ("Cast 0=1 1=2", IMAGE, (8, 12, 10), "Cast", 0, 0),
    ("PriorBox -23300=1,60.0 -23301=1,90.0 -23302=2,2.0,3.0", IMAGE, (2, 4 * 120 * 6), "Range", 0, 0),
]


@pytest.mark.parametrize(("layer", "size", "shape", "types", "macs", "parameters"), CASES, ids=[case[0] for case in CASES])
def test_layer(load: Load, layer: str, size: str, shape: tuple[int, ...], types: str, macs: int, parameters: int) -> None:
    type, _, rest = layer.partition(" ")
    graph = load(f"Input in 0 1 in {size}", f"{type} layer 1 1 in out {rest}")
    assert (blob(graph), " ".join(op.type for op in graph.ops)) == (shape, types)
    assert (total_macs(graph), graph.parameters()) == (macs, parameters)


@pytest.mark.parametrize("order", range(24))
def test_permute_has_ncnns_orders(load: Load, order: int) -> None:
    """Order 0 keeps; every order is another permutation; the innermost letters are w, h, d, c."""
    graph = load(f"Input in 0 1 in {VOLUME}", f"Permute p 1 1 in out 0={order}")
    names = [
        "WHDC",
        "HWDC",
        "WDHC",
        "DWHC",
        "HDWC",
        "DHWC",
        "WHCD",
        "HWCD",
        "WCHD",
        "CWHD",
        "HCWD",
        "CHWD",
        "WDCH",
        "DWCH",
        "WCDH",
        "CWDH",
        "DCWH",
        "CDWH",
        "HDCW",
        "DHCW",
        "HCDW",
        "CHDW",
        "DCHW",
        "CDHW",
    ]
    extents = {"W": 6, "H": 5, "D": 4, "C": 3}
    shape = graph.tensors[graph.outputs[0]].shape if graph.outputs else (1, 3, 4, 5, 6)
    assert shape[1:] == tuple(extents[letter] for letter in reversed(names[order]))


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        (IMAGE, "0=8", (8, 12, 10)),
        ("0=8", IMAGE, (8, 12, 10)),
        (IMAGE, "0=12 1=8", (8, 12, 10)),
        (ROWS, "0=6", (5, 6)),
        (ROWS, "0=5", (5, 6)),
        (IMAGE, "0=1", (8, 12, 10)),
        (IMAGE, "0=1 1=1 2=8", (8, 12, 10)),
    ],
)
def test_binary_op_broadcasts_along_the_outer_dimensions(load: Load, a: str, b: str, shape: tuple[int, ...]) -> None:
    graph = load(f"Input a 0 1 a {a}", f"Input b 0 1 b {b}", "BinaryOp add 2 1 a b out 0=0")
    assert blob(graph) == shape


def test_binary_ops_scalar_is_a_constant(load: Load) -> None:
    graph = load(f"Input in 0 1 in {IMAGE}", "BinaryOp mul 1 1 in out 0=2 1=1 2=0.285774")
    scalar = graph.tensors[graph.ops[0].inputs[1]]
    assert scalar.role == "constant" and scalar.load is not None and scalar.load() == np.float32(0.285774)


def test_split_and_noop_run_nothing(load: Load) -> None:
    graph = load(f"Input in 0 1 in {IMAGE}", "Split s 1 3 in a b c", "ReLU r 1 1 a ra", "Sigmoid g 1 1 b gb", "TanH t 1 1 c tc", "Noop n 3 1 ra gb tc out")
    assert [op.type for op in graph.ops] == ["Relu", "Sigmoid", "Tanh"] and len(graph.outputs) == 3


def test_slice_and_concat(load: Load) -> None:
    graph = load(f"Input in 0 1 in {IMAGE}", "Slice s 1 3 in a b c -23300=3,2,-233,-233", "Concat c 3 1 c b a out 0=0")
    assert [graph.tensors[name].shape[1] for name in graph.ops[0].outputs] == [2, 3, 3] and blob(graph) == (8, 12, 10)


def test_eltwise_sums_one_after_the_other(load: Load) -> None:
    graph = load(f"Input in 0 1 in {IMAGE}", "Split s 1 3 in a b c", "Eltwise e 3 1 a b c out 0=1")
    assert [op.type for op in graph.ops] == ["Add", "Add"]


@pytest.mark.parametrize(("term", "after"), [(1, DType.F32), (2, DType.F32), (102, DType.I8)])
def test_int8_layers_quantize_their_input(load: Load, term: int, after: DType) -> None:
    graph = load(f"Input in 0 1 in {IMAGE}", f"Convolution c 1 1 in out 0=4 1=1 6=32 8={term}")
    assert [op.type for op in graph.ops] == ["Quantize", "Conv"]
    x, weight = (graph.tensors[name] for name in graph.ops[1].inputs[:2])
    assert (x.dtype, weight.dtype, graph.tensors[graph.outputs[0]].dtype) == (DType.I8, DType.I8, after)
    assert graph.stored_bytes() == 32


def test_block_quantized_weights(load: Load) -> None:
    four = load(f"Input in 0 1 in {ROWS}", "Gemm g 1 1 in out 3=1 5=1 6=1 8=9 9=6 10=-1 18=401")
    assert four.tensors[four.ops[0].inputs[1]].dtype is DType.I4 and "hybrid" not in four.ops[0].attributes
    eight = load(f"Input in 0 1 in {ROWS}", "Gemm g 1 1 in out 3=1 5=1 6=1 8=9 9=6 10=-1 18=2")
    assert eight.tensors[eight.ops[0].inputs[1]].dtype is DType.I8 and eight.ops[0].attributes["hybrid"]


def test_matmul_of_two_blobs(load: Load) -> None:
    graph = load("Input a 0 1 a 0=6 1=5 2=3", "Input b 0 1 b 0=6 1=7 2=3", "MatMul m 2 1 a b out 0=1")
    assert blob(graph) == (3, 5, 7) and total_macs(graph) == 3 * 5 * 6 * 7
    assert blob(load("Input a 0 1 a 0=6", "Input b 0 1 b 0=7 1=6", "MatMul m 2 1 a b out")) == (7,)


def test_multi_head_attention(load: Load) -> None:
    """Self-attention of 5 positions of 12 features in 3 heads: four projections, scores and their product with the values."""
    graph = load("Input in 0 1 in 0=12 1=5", "MultiHeadAttention a 1 1 in out 0=12 1=3 2=144")
    assert blob(graph) == (5, 12) and total_macs(graph) == 4 * 5 * 144 + 2 * 5 * 5 * 12 and graph.parameters() == 4 * (144 + 12)
    cross = load("Input q 0 1 q 0=12 1=5", "Input k 0 1 k 0=8 1=9", "MultiHeadAttention a 2 1 q k out 0=12 1=3 2=144 3=8 4=8")
    assert blob(cross) == (5, 12) and total_macs(cross) == 2 * 5 * 144 + 2 * 9 * 96 + 2 * 5 * 9 * 12


def test_attention_with_a_cache(load: Load) -> None:
    lines = ("Input qkv 0 3 q k v 0=8 1=2 2=4", "Input cache 0 2 ck cv", "SDPA a 5 3 q k v ck cv out ok ov 7=1")
    graph = load(*lines, shapes={"context": 30})
    assert [op.type for op in graph.ops] == ["CacheAppend", "CacheAppend", "Attention"]
    assert blob(graph) == (4, 2, 8) and len(graph.outputs) == 1 and total_macs(graph) == 4 * 2 * 32 * 16
    assert {tensor.shape for tensor in graph.tensors.values() if tensor.role == "state"} == {(1, 4, 32, 8)}


def test_an_embedding_tells_the_inputs_size(load: Load) -> None:
    graph = load("Input ids 0 1 ids", "Embed e 1 1 ids out 0=16 1=100", shapes={"sequence": 11})
    assert blob(graph) == (11, 16) and graph.tensors[graph.inputs[0]].dtype is DType.I32


def test_explicit_sizes_of_an_input(load: Load) -> None:
    lines = ("Input x 0 1 x", "ReLU r 1 1 x out")
    with pytest.raises(ModelError, match=r"net.param:4: r: ReLU: input 'x' has no size.*bind shapes: \{x.w: \.\.\., x.h: \.\.\., x.c: \.\.\.\}"):
        load(*lines)
    assert blob(load(*lines, shapes={"x.w": 3, "x.h": 2})) == (2, 3)


def test_a_memory_datas_numbers_are_parameters(load: Load) -> None:
    graph = load("Input in 0 1 in 0=6 1=5", "MemoryData m 0 1 m 0=6 1=5", "BinaryOp add 2 1 in m out")
    assert graph.parameters() == 30 and blob(graph) == (5, 6)


def test_detection_output_is_bounded_by_what_it_keeps(load: Load) -> None:
    lines = ("Input l 0 1 l 0=80", "Input c 0 1 c 0=420", "Input p 0 1 p 0=80 1=2", "DetectionOutput d 3 1 l c p out 0=21 3=50")
    assert blob(load(*lines)) == (50, 6)


def test_an_unknown_layer_is_named_or_moves_its_blobs(load: Load) -> None:
    lines = (f"Input in 0 1 in {IMAGE}", "Convolutoin c 1 1 in out -23330=4,3,4,5,6")
    with pytest.raises(ModelError, match=r"net.param:4: c: Convolutoin: unknown layer type; did you mean 'Convolution'"):
        load(*lines)
    graph = load(*lines, unknown_operators="warn")
    assert graph.ops[0].type == "Generic" and blob(graph) == (6, 5, 4) and graph.notes["warnings"]


WRONG = [
    ("Convolution c 1 1 in out 0=16 1=3 6=1000", "states 1000 weights.*need 1152"),
    ("Convolution c 1 1 in out 0=0 1=3 6=1000", "parameter 0 is 0, it must be at least 1"),
    ("Convolution c 1 1 in out 0=1 1=30 6=7200", "larger than its input"),
    ("Convolution c 1 1 in out 0=1.5", "must be a whole number"),
    ("Convolution c 1 1 in out 0=abc", "parameter 0 must be one number"),
    ("Convolution c 1 1 in out zero=1", "a parameter is written id=value"),
    ("Convolution c 1 1 in out -23310=3,1,2", "announces 3 elements and has 2"),
    ("Convolution c 2 1 in out 0=1", "fewer blobs are named"),
    ("Convolution c 1 1 other out 0=1", "no layer makes the blob 'other'"),
    ("Reshape r 1 1 in out 0=7 1=-1", "cannot view"),
    ("ShuffleChannel s 1 1 in out 0=3", "8 channels in 3 groups"),
    ("Concat c 1 1 in out 0=5", "axis 5 of a blob of 3 dimensions"),
    ("ReLU r 1 1 in in", "already made by 'in'"),
]


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[case[1] for case in WRONG])
def test_a_mistake_is_told_with_its_line(load: Load, line: str, message: str) -> None:
    with pytest.raises(ModelError, match=rf"(?s)net.param:4: .*{message}"):
        load(f"Input in 0 1 in {IMAGE}", line)
