"""Damaged and hostile ONNX files: a graph or one ModelError, never another exception, a hang or a mountain of memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sim.errors import ModelError
from sim.frontends.onnx import import_onnx

LIMIT_S = 5.0
LIMIT_BYTES = 500 * 2**20
MUTATIONS = 250


def _info(name: str, shape: list[int], element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def _convolutional() -> onnx.ModelProto:
    """Convolutions, Q/DQ, shape arithmetic, a branch, a function's worth of operators in a few kilobytes."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], pads=[1, 1, 1, 1], strides=[2, 2], kernel_shape=[3, 3]),
        helper.make_node("Clip", ["c0", "low", "high"], ["r0"]),
        helper.make_node("QuantizeLinear", ["r0", "scale", "zero"], ["q0"]),
        helper.make_node("DequantizeLinear", ["q0", "scale", "zero"], ["d0"]),
        helper.make_node("DequantizeLinear", ["w1", "scales", "zeros"], ["dw1"], axis=0),
        helper.make_node("Conv", ["d0", "dw1"], ["c1"], group=2, auto_pad="SAME_UPPER"),
        helper.make_node("QuantizeLinear", ["c1", "scale", "zero"], ["q1"]),
        helper.make_node("DequantizeLinear", ["q1", "scale", "zero"], ["d1"]),
        helper.make_node("MaxPool", ["d1"], ["p"], kernel_shape=[2, 2], ceil_mode=1),
        helper.make_node("Shape", ["p"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero_index"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "axis"], ["batch1"]),
        helper.make_node("Concat", ["batch1", "minus"], ["target"], axis=0),
        helper.make_node("Reshape", ["p", "target"], ["flat"]),
        helper.make_node("Slice", ["flat", "axis", "end", "one"], ["cut"]),
        helper.make_node("Gemm", ["cut", "w2", "b2"], ["y"], transB=1, alpha=0.5),
        helper.make_node("Softmax", ["y"], ["z"], axis=-1),
    ]
    arrays = {
        "w0": rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "b0": np.zeros(4, np.float32), "low": np.float32(0), "high": np.float32(6),
        "scale": np.float32(0.1), "zero": np.uint8(3), "scales": np.full(4, 0.1, np.float32), "zeros": np.zeros(4, np.int8),
        "w1": np.ones((4, 2, 3, 3), np.int8),
        "zero_index": np.int64(0), "axis": np.array([0], np.int64), "end": np.array([99], np.int64), "one": np.array([0], np.int64),
        "minus": np.array([-1], np.int64),
        "w2": rng.normal(size=(5, 100)).astype(np.float32), "b2": np.zeros(5, np.float32),
    }  # fmt: skip
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    return _model(nodes, [_info("x", [1, 3, 12, 12])], [_info("z", [1, 5])], stored)


def _sequential() -> onnx.ModelProto:
    """Recurrent layers, attention-like products, look-ups, resizing, reductions, detection; a large weight that is cut out."""
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Transpose", ["e"], ["t"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["t", "w", "r"], ["h", "", "c"], hidden_size=4),
        helper.make_node("Squeeze", ["h", "axis1"], ["s"]),
        helper.make_node("MatMul", ["s", "wide"], ["m"]),
        helper.make_node("LayerNormalization", ["m", "gain"], ["n"], axis=-1),
        helper.make_node("ReduceMean", ["n"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("TopK", ["mean", "k"], ["v", "i"], axis=0),
        helper.make_node("Einsum", ["n", "n"], ["scores"], equation="tbi,sbi->bts"),
        helper.make_node("Unsqueeze", ["scores", "axis1"], ["image"]),
        helper.make_node("Resize", ["image", "", "scales"], ["big"], mode="nearest"),
        helper.make_node("Pad", ["big", "pads"], ["padded"]),
        helper.make_node("Expand", ["v", "shape"], ["expanded"]),
        helper.make_node("Tile", ["expanded", "repeats"], ["tiled"]),
        helper.make_node("If", ["yes"], ["chosen"], then_branch=_branch("Relu"), else_branch=_branch("Neg")),
    ]
    arrays = {
        "table": rng.normal(size=(20, 3)).astype(np.float32), "w": np.ones((1, 16, 3), np.float32), "r": np.ones((1, 16, 4), np.float32),
        "wide": np.ones((4, 2000), np.float32), "gain": np.ones(2000, np.float32), "axis1": np.array([1], np.int64), "k": np.array([2], np.int64),
        "scales": np.array([1, 1, 2, 2], np.float32), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "shape": np.array([3, 1, 2], np.int64),
        "repeats": np.array([1, 2, 1], np.int64), "yes": np.array(True),
    }  # fmt: skip
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    outputs = [_info(name, []) for name in ("padded", "tiled", "chosen", "i")]
    return _model(nodes, [_info("ids", [1, 6], TensorProto.INT64)], outputs, stored)


def _branch(type: str) -> onnx.GraphProto:
    return helper.make_graph([helper.make_node(type, ["v"], ["inner"])], type, [], [_info("inner", [])])


def _model(
    nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], stored: list[TensorProto] | None = None
) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, stored or []), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


SEEDS = {"convolutional": _convolutional().SerializeToString(), "sequential": _sequential().SerializeToString()}


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for at in rng.integers(len(out), size=int(rng.integers(1, 9))):
        out[at] = int(rng.integers(256))
    return bytes(out)


def _flip_structure(data: bytes, rng: np.random.Generator) -> bytes:
    """Flips of bytes below 64: tags, lengths and small numbers rather than weights."""
    out = bytearray(data)
    small = [i for i, byte in enumerate(out) if byte < 64]
    for at in rng.choice(small, size=int(rng.integers(1, 5))):
        out[at] = int(rng.choice([0, 1, 2, 3, 8, 16, 18, 34, 42, 58, 127, 128, 255, out[at] ^ 1, (out[at] + 1) % 256]))
    return bytes(out)


def _truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


def _splice(data: bytes, rng: np.random.Generator) -> bytes:
    start, length, to = (int(rng.integers(len(data))), int(rng.integers(1, 200)), int(rng.integers(len(data))))
    return data[:to] + data[start : start + length] + data[to + int(rng.integers(0, 2)) * length :]


def _huge_number(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data)))
    number = [b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\xff" * 9 + b"\x01", b"\x80\x80\x80\x80\x80\x80\x80\x80\x40", b"\xff\xff\xff\xff\x0f"]
    return data[:at] + number[int(rng.integers(len(number)))] + data[at + 1 :]


def _tampered(data: bytes, rng: np.random.Generator) -> bytes:
    """A file that parses, with numbers and names inside changed."""
    model = onnx.ModelProto.FromString(data)
    numbers = [-(2**63), -(2**31), -7, -1, 0, 1, 2, 3, 5, 64, 65537, 2**31, 2**40, 2**63 - 1]
    for _ in range(int(rng.integers(1, 4))):
        node = model.graph.node[int(rng.integers(len(model.graph.node)))]
        choice, pick = int(rng.integers(8)), numbers[int(rng.integers(len(numbers)))]
        tensor = model.graph.initializer[int(rng.integers(len(model.graph.initializer)))]
        if choice == 0 and node.attribute:
            attribute = node.attribute[int(rng.integers(len(node.attribute)))]
            attribute.CopyFrom(helper.make_attribute(attribute.name, [pick, 2.5, "text", [pick], [1.5, pick], ["a"]][int(rng.integers(6))]))
        elif choice == 1 and node.input:
            node.input[int(rng.integers(len(node.input)))] = ["", "nothing", tensor.name, node.output[0], "x"][int(rng.integers(5))]
        elif choice == 2:
            node.op_type = [
                "Conv",
                "Reshape",
                "Concat",
                "Gather",
                "Loop",
                "Split",
                "Expand",
                "Range",
                "ConstantOfShape",
                "OneHot",
                "Resize",
                "NonMaxSuppression",
            ][int(rng.integers(12))]
        elif choice == 3 and tensor.dims:
            tensor.dims[int(rng.integers(len(tensor.dims)))] = pick
        elif choice == 4:
            tensor.data_type = int(rng.integers(0, 30))
        elif choice == 5 and len(tensor.raw_data) % 8 == 0 and tensor.data_type == 7:
            tensor.raw_data = np.full(len(tensor.raw_data) // 8, pick, np.int64).tobytes()
        elif choice == 6:
            model.opset_import[0].version = int(rng.integers(0, 30))
        else:
            model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = pick
    return model.SerializeToString()


MUTATORS = (_flip, _flip_structure, _truncate, _splice, _huge_number, _tampered)


def _check(data: bytes, path: Path, what: str) -> bool:
    """Import; says whether it gave a graph."""
    path.write_bytes(data)
    start = time.monotonic()
    try:
        import_onnx(path)
        good = True
    except ModelError as error:
        assert error.problems and all(len(problem.what) < 2000 for problem in error.problems), what
        good = False
    assert time.monotonic() - start < LIMIT_S, what
    return good


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda mutator: mutator.__name__.strip("_"))
@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_files_end_in_a_graph_or_one_error(seed: str, mutator, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(MUTATIONS):
        data = mutator(SEEDS[seed], np.random.default_rng(number))
        _check(data, tmp_path / "mutant.onnx", f"{seed}, {mutator.__name__}, mutation {number}")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LIMIT_BYTES


@pytest.mark.parametrize("seed", SEEDS)
def test_the_unharmed_files_are_read(seed: str, tmp_path: Path) -> None:
    assert _check(SEEDS[seed], tmp_path / "seed.onnx", seed)


def _claims(dims: list[int], element: int = TensorProto.FLOAT) -> onnx.ModelProto:
    tensor = TensorProto(name="w", data_type=element, dims=dims, raw_data=b"\0" * 16)
    return _model([helper.make_node("MatMul", ["x", "w"], ["y"])], [_info("x", [1, 4])], [_info("y", [])], [tensor])


def _one(type: str, arrays: dict[str, np.ndarray], **attributes: object) -> onnx.ModelProto:
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    return _model([helper.make_node(type, list(arrays), ["y"], **attributes)], [], [_info("y", [])], stored)


def _cycle() -> onnx.ModelProto:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    return _model(nodes, [_info("x", [1])], [_info("b", [1])])


def _nested(depth: int) -> bytes:
    """``If`` inside ``If`` inside ..., encoded by hand: the protobuf package refuses to write it."""
    graph = b""
    for _ in range(depth):
        attribute = b"\x0a\x0bthen_branch" + _field(6, graph) + b"\xa0\x01\x05"
        graph = _field(1, _field(4, b"If") + _field(5, attribute))
    return _field(7, graph)


def _field(number: int, payload: bytes) -> bytes:
    length, out = len(payload), bytearray([number << 3 | 2])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes(out) + bytes([length]) + payload


def _functions(calls: int, depth: int, recursive: bool = False) -> onnx.ModelProto:
    """Functions that each call the next ``calls`` times."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = []
    for level in range(depth):
        inner = f"f{level + 1}" if level + 1 < depth else "f0" if recursive else None
        nodes = [helper.make_node(inner or "Relu", ["a"], [f"b{i}"], domain="own" if inner else "") for i in range(calls)]
        made.append(helper.make_function("own", f"f{level}", ["a"], ["b0"], nodes, opsets))
    graph = helper.make_graph([helper.make_node("f0", ["x"], ["y"], domain="own")], "g", [_info("x", [2])], [_info("y", [2])])
    return helper.make_model(graph, functions=made, opset_imports=opsets, ir_version=8)


I64 = np.int64
HOSTILE = {
    "terabytes": _claims([2**20, 2**20]),
    "more elements than integers": _claims([2**62, 2**62, 2**62]),
    "negative": _claims([4, -1]),
    "hundred thousand dimensions": _claims([2**62] * 100_000),
    "unknown element type": _claims([4, 1], 77),
    "strings": _claims([4, 1], TensorProto.STRING),
    "huge input": _model([helper.make_node("Relu", ["x"], ["y"])], [_info("x", [2**40, 2**40])], [_info("y", [])]),
    "huge range": _one("Range", {"a": np.array(0, I64), "b": np.array(2**62, I64), "c": np.array(1, I64)}),
    "endless range": _one("Range", {"a": np.array(0, np.float32), "b": np.array(np.inf, np.float32), "c": np.array(1, np.float32)}),
    "huge fill": _one("ConstantOfShape", {"s": np.array([2**40, 2**20], I64)}),
    "huge tile": _one("Tile", {"x": np.ones((10, 10), np.float32), "r": np.array([2**40, 2**40], I64)}),
    "huge expand": _one("Expand", {"x": np.ones((1, 1), np.float32), "s": np.array([2**30, 2**30], I64)}),
    "huge outer sum": _one("Sum", {"a": np.ones((10**5, 1, 1), np.float32), "b": np.ones((1, 10**5, 1), np.float32), "c": np.ones((1, 1, 10**5), np.float32)}),
    "huge one hot": _one("OneHot", {"i": np.array([1, 2], I64), "d": np.array(2**62, I64), "v": np.array([0, 1], np.float32)}),
    "huge pad": _one("Pad", {"x": np.ones((2, 2), np.float32), "p": np.array([2**60] * 4, I64)}),
    "a million shape entries": _one("Reshape", {"x": np.ones(4, np.float32), "s": np.full(10**6, 2**62, I64)}),
    "cycle": _cycle(),
    "reads itself": _model([helper.make_node("Add", ["a", "a"], ["a"])], [], [_info("a", [])]),
    "two of a name": _model([helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["y"])], [_info("x", [1])], [_info("y", [])]),
    "two inputs of a name": _model([helper.make_node("Relu", ["x"], ["y"])], [_info("x", [1]), _info("x", [1])], [_info("y", [])]),
    "recursive functions": _functions(1, 3, recursive=True),
    "functions that explode": _functions(10, 12),
    "no output": _model([helper.make_node("Relu", ["x"], ["y"])], [_info("x", [1])], []),
    "operator set of the future": helper.make_model(_claims([4, 1]).graph, opset_imports=[helper.make_opsetid("", 9999)]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_end_in_one_error(what: str, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not _check(HOSTILE[what].SerializeToString(), tmp_path / "hostile.onnx", what)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LIMIT_BYTES


@pytest.mark.parametrize("data", [b"", b"\0", b"not a model", b"\xff" * 1000, b"PK\x03\x04" + b"x" * 100, _nested(90), _nested(20_000)], ids=range(7))
def test_what_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    assert not _check(data, tmp_path / "file.onnx", "no model")


def test_a_long_file_of_tiny_parts_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    assert not _check(_field(7, b"\x0a\x00" * 5_000_000), tmp_path / "tiny.onnx", "five million empty nodes")


def test_folding_many_constants_stays_bounded(tmp_path: Path) -> None:
    """A thousand constants of eight megabytes each would be eight gigabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["c0"])] + [helper.make_node("Neg", [f"c{i}"], [f"c{i + 1}"]) for i in range(1000)]
    model = _model(nodes, [], [_info("c1000", [])], [numpy_helper.from_array(np.array([2**20], I64), "s")])
    assert _check(model.SerializeToString(), tmp_path / "constants.onnx", "a thousand constants")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LIMIT_BYTES


def test_a_file_above_the_size_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    path.write_bytes(SEEDS["convolutional"])
    with pytest.raises(ModelError, match="at most"):
        import_onnx(path, max_bytes=1000)


@pytest.mark.parametrize("count, good", [(20_000, True), (100_001, False)])
def test_very_many_nodes_of_one_name(count: int, good: bool, tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"], name="same") for i in range(count)]
    model = _model(nodes, [_info("v0", [2])], [_info(f"v{count}", [2])])
    assert _check(model.SerializeToString(), tmp_path / "many.onnx", f"{count} nodes") == good
