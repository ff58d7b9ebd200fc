"""The operator table: inferred shapes against NumPy and ONNX Runtime, MACs against counting every product, errors for operands that do not fit."""

from __future__ import annotations

import itertools
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from device_models.work import DType, KernelWork, Kind
from sim.errors import ModelError
from sim.graph.ir import Graph, Op, Tensor
from sim.graph.ops import OPS
from sim.graph.work import op_work

FEW = settings(max_examples=40, deadline=None, derandomize=True)
extents = st.integers(1, 6)
shapes = st.lists(extents, min_size=1, max_size=4).map(tuple)


def single(
    type: str, inputs: list[tuple[int, ...]], attributes: dict[str, Any] | None = None, *, outputs: int = 1, stored: tuple[int, ...] = ()
) -> tuple[Graph, Op]:
    """A graph of one operator; inputs whose index is in ``stored`` are weights."""
    graph = Graph("single")
    names = [f"in{i}" for i in range(len(inputs))]
    for i, (name, shape) in enumerate(zip(names, inputs, strict=True)):
        graph.tensors[name] = Tensor(name, tuple(shape), role="weight" if i in stored else "input")
    op = Op("op", type, tuple(names), tuple(f"out{i}" for i in range(outputs)), dict(attributes or {}))
    infer = OPS[type].infer
    assert infer is not None
    for name, (shape, dtype) in zip(op.outputs, infer(op, [graph.tensors[name] for name in names]), strict=True):
        graph.tensors[name] = Tensor(name, shape, dtype)
    graph.ops.append(op)
    return graph, op


def made(type: str, inputs: list[tuple[int, ...]], attributes: dict[str, Any] | None = None, *, outputs: int = 1) -> list[tuple[int, ...]]:
    graph, op = single(type, inputs, attributes, outputs=outputs)
    return [graph.tensors[name].shape for name in op.outputs]


def work(type: str, inputs: list[tuple[int, ...]], attributes: dict[str, Any] | None = None, *, outputs: int = 1, stored: tuple[int, ...] = (1,)) -> KernelWork:
    return op_work(*single(type, inputs, attributes, outputs=outputs, stored=stored))


def run_onnx(type: str, arrays: list[np.ndarray], **attributes: Any) -> tuple[int, ...]:
    """Shape of the first output when ONNX Runtime runs one operator; assumes away what it refuses."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(f"x{i}", real, array.shape) for i, array in enumerate(arrays)]
    node = helper.make_node(type, [f"x{i}" for i in range(len(arrays))], ["y"], **attributes)
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", real, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return tuple(session.run(None, {f"x{i}": array for i, array in enumerate(arrays)})[0].shape)
    except Exception:
        assume(False)
        raise


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """A convolution or pooling problem of one to three spatial dimensions."""
    rank = draw(st.integers(1, 3))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel = each(1, 4)
    return {
        "batch": draw(st.integers(1, 2)), "groups": draw(st.integers(1, 3)), "in": draw(st.integers(1, 3)), "out": draw(st.integers(1, 3)),
        "spatial": each(1, 9), "kernel": kernel, "strides": each(1, 3), "dilations": each(1, 2),
        "pads": tuple(draw(st.integers(0, extent - 1)) for extent in kernel * 2),
    }  # fmt: skip


def ours_or_refused(type: str, inputs: list[tuple[int, ...]], attributes: dict[str, Any]) -> tuple[int, ...] | None:
    try:
        return made(type, inputs, attributes)[0]
    except ModelError:
        return None


@FEW
@given(problem=windows(), auto_pad=st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
def test_conv_shape_is_what_onnx_runtime_makes(problem: dict[str, Any], auto_pad: str) -> None:
    x = (problem["batch"], problem["groups"] * problem["in"], *problem["spatial"])
    w = (problem["groups"] * problem["out"], problem["in"], *problem["kernel"])
    same = auto_pad.startswith("SAME")
    attributes = {"strides": problem["strides"], "dilations": (1,) * len(problem["kernel"]) if same else problem["dilations"], "group": problem["groups"]}
    attributes |= {"pads": problem["pads"]} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    theirs = run_onnx("Conv", [np.zeros(x, np.float32), np.zeros(w, np.float32)], **attributes)
    assert ours_or_refused("Conv", [x, w], attributes) == (theirs if min(theirs) > 0 else None)


@FEW
@given(problem=windows(), extra=st.integers(0, 1))
def test_conv_transpose_shape_is_what_onnx_runtime_makes(problem: dict[str, Any], extra: int) -> None:
    rank = len(problem["kernel"])
    assume(rank < 3)
    padding = tuple(min(extra, stride - 1) for stride in problem["strides"])
    x = (problem["batch"], problem["groups"] * problem["in"], *problem["spatial"])
    w = (x[1], problem["out"], *problem["kernel"])
    attributes = {key: problem[key] for key in ("strides", "dilations", "pads")} | {"group": problem["groups"], "output_padding": padding}
    theirs = run_onnx("ConvTranspose", [np.zeros(x, np.float32), np.zeros(w, np.float32)], **attributes)
    assert ours_or_refused("ConvTranspose", [x, w], attributes) == (theirs if min(theirs) > 0 else None)


@FEW
@given(problem=windows(), ceil_mode=st.booleans(), kind=st.sampled_from(["MaxPool", "AveragePool"]))
def test_pool_shape_is_what_onnx_runtime_makes(problem: dict[str, Any], ceil_mode: bool, kind: str) -> None:
    x = (problem["batch"], problem["in"], *problem["spatial"])
    attributes = {"strides": problem["strides"], "pads": problem["pads"], "ceil_mode": int(ceil_mode)}
    theirs = run_onnx(kind, [np.zeros(x, np.float32)], kernel_shape=problem["kernel"], **attributes)
    assert ours_or_refused(kind, [x], {**attributes, "kernel": problem["kernel"]}) == (theirs if min(theirs) > 0 else None)


@FEW
@given(problem=windows())
def test_conv_macs_are_every_product_of_every_window(problem: dict[str, Any]) -> None:
    """Counted one window position, output channel and kernel element at a time; padding counts, as every kernel multiplies it."""
    x = (problem["batch"], problem["groups"] * problem["in"], *problem["spatial"])
    w = (problem["groups"] * problem["out"], problem["in"], *problem["kernel"])
    attributes = {"strides": problem["strides"], "dilations": problem["dilations"], "group": problem["groups"], "pads": problem["pads"]}
    rank, places = len(problem["kernel"]), []
    for i in range(rank):
        reach = problem["dilations"][i] * (problem["kernel"][i] - 1)
        last = problem["spatial"][i] + problem["pads"][i] + problem["pads"][i + rank] - 1
        places.append([start for start in range(0, last + 1, problem["strides"][i]) if start + reach <= last])
    assume(all(places))
    count = 0
    for _position in itertools.product(range(x[0]), range(w[0]), *places):
        count += sum(1 for _ in itertools.product(range(w[1]), *(range(extent) for extent in problem["kernel"])))
    assert work("Conv", [x, w], attributes).macs == count


@FEW
@given(problem=windows())
def test_transposed_conv_macs_scatter_every_input_element(problem: dict[str, Any]) -> None:
    x = (problem["batch"], problem["groups"] * problem["in"], *problem["spatial"])
    w = (x[1], problem["out"], *problem["kernel"])
    row = work("ConvTranspose", [x, w], {"group": problem["groups"], "strides": problem["strides"]})
    assert row.macs == prod(x) * problem["out"] * prod(problem["kernel"])


def test_layouts_differ_in_nothing_but_the_place_of_channels() -> None:
    attributes = {"strides": (2, 2), "pads": (1, 1, 1, 1)}
    first = work("Conv", [(1, 8, 20, 30), (16, 8, 3, 3)], attributes)
    last = work("Conv", [(1, 20, 30, 8), (16, 8, 3, 3)], {**attributes, "layout": "NHWC"})
    assert first == last
    assert made("Conv", [(1, 20, 30, 8), (16, 8, 3, 3)], {**attributes, "layout": "NHWC"}) == [(1, 10, 15, 16)]


@pytest.mark.parametrize(
    ("x", "w", "group", "kind"),
    [
        ((1, 3, 9, 9), (8, 3, 3, 3), 1, Kind.FIRST),
        ((1, 8, 9, 9), (8, 8, 1, 1), 1, Kind.PW),
        ((1, 8, 9, 9), (8, 8, 3, 3), 1, Kind.C3),
        ((1, 8, 9, 9), (8, 8, 5, 5), 1, Kind.CONV),
        ((1, 8, 9, 9), (8, 1, 3, 3), 8, Kind.DW),
        ((1, 8, 9, 9), (8, 4, 3, 3), 2, Kind.GCONV),
        ((1, 1, 9, 9), (8, 1, 1, 1), 1, Kind.PW),
    ],
)
def test_convolutions_are_told_apart(x: tuple[int, ...], w: tuple[int, ...], group: int, kind: Kind) -> None:
    assert work("Conv", [x, w], {"group": group}).kind == kind


@FEW
@given(data=st.data(), batch=st.lists(extents, max_size=2).map(tuple), m=extents, k=extents, n=extents, ta=st.booleans(), tb=st.booleans())
def test_matrix_products(data: st.DataObject, batch: tuple[int, ...], m: int, k: int, n: int, ta: bool, tb: bool) -> None:
    other = tuple(data.draw(st.sampled_from([1, extent])) for extent in batch[data.draw(st.integers(0, len(batch))) :])
    a, b = (*batch, *((k, m) if ta else (m, k))), (*other, *((n, k) if tb else (k, n)))
    left, right = np.zeros(a), np.zeros(b)
    product = np.matmul(left.swapaxes(-1, -2) if ta else left, right.swapaxes(-1, -2) if tb else right)
    attributes = {"transpose_a": ta, "transpose_b": tb}
    assert made("MatMul", [a, b], attributes) == [product.shape]
    row = work("MatMul", [a, b], attributes, stored=())
    assert row.macs == product.size * k and row.kind == Kind.BMM
    weighted = work("MatMul", [a, b], attributes, stored=(1,))
    assert weighted.macs == row.macs and weighted.kind in (Kind.FC, Kind.GEMM)


@pytest.mark.parametrize(("a", "b"), [((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5))])
def test_products_with_vectors(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert made("MatMul", [a, b]) == [np.matmul(np.zeros(a), np.zeros(b)).shape]


@FEW
@given(rows=st.lists(extents, max_size=3).map(tuple), features=extents, out=extents)
def test_dense(rows: tuple[int, ...], features: int, out: int) -> None:
    row = work("Dense", [(*rows, features), (out, features)])
    assert made("Dense", [(*rows, features), (out, features)]) == [(*rows, out)]
    assert row.macs == prod(rows) * features * out
    assert row.kind == (Kind.FC if prod(rows) == 1 else Kind.GEMM)


@FEW
@given(batch=extents, kv=extents, ratio=extents, m=extents, n=extents, d=extents, dv=extents)
def test_attention_is_its_two_products_and_a_softmax(batch: int, kv: int, ratio: int, m: int, n: int, d: int, dv: int) -> None:
    heads = kv * ratio
    inputs = [(batch, heads, m, d), (batch, kv, n, d), (batch, kv, n, dv)]
    row = work("Attention", inputs, stored=())
    scores = work("MatMul", [(batch, heads, m, d), (batch, heads, d, n)], stored=())
    mixed = work("MatMul", [(batch, heads, m, n), (batch, heads, n, dv)], stored=())
    assert row.macs == scores.macs + mixed.macs and row.exp_elements == scores.out_elements
    assert made("Attention", inputs) == [(batch, heads, m, dv)]


@pytest.mark.parametrize(("cell", "gates", "outputs"), [("LSTM", 4, 3), ("GRU", 3, 2), ("RNN", 1, 2)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers_step_by_step(cell: str, gates: int, outputs: int, directions: int) -> None:
    steps, batch, features, hidden = 5, 3, 7, 11
    inputs = [(steps, batch, features), (directions, gates * hidden, features), (directions, gates * hidden, hidden)]
    per_step = work("Dense", [(batch, features), (gates * hidden, features)]).macs + work("Dense", [(batch, hidden), (gates * hidden, hidden)]).macs
    row = work(cell, inputs, outputs=outputs, stored=(1, 2))
    assert row.macs == steps * directions * per_step and row.steps == steps
    assert made(cell, inputs, outputs=outputs) == [(steps, directions, batch, hidden), *[(directions, batch, hidden)] * (outputs - 1)]


@FEW
@given(a=shapes, b=shapes, kind=st.sampled_from(["Add", "Mul", "Pow", "Equal"]))
def test_broadcasting_is_numpys(a: tuple[int, ...], b: tuple[int, ...], kind: str) -> None:
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ModelError, match="cannot broadcast"):
            made(kind, [a, b])
        return
    assert made(kind, [a, b]) == [expected]


def test_comparisons_make_booleans_and_where_takes_the_type_of_its_branches() -> None:
    graph, op = single("Less", [(2, 3), (3,)])
    assert graph.tensors[op.outputs[0]].dtype == DType.BOOL
    assert made("Where", [(2, 1), (3,), ()]) == [(2, 3)]


@FEW
@given(shape=shapes, data=st.data(), keepdims=st.booleans())
def test_reductions_are_numpys(shape: tuple[int, ...], data: st.DataObject, keepdims: bool) -> None:
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=len(shape), unique_by=lambda axis: axis % len(shape)))
    assert made("Reduce", [shape], {"axes": axes, "keepdims": keepdims}) == [np.zeros(shape).mean(axis=tuple(axes), keepdims=keepdims).shape]
    assert made("ArgMax", [shape], {"axis": axes[0], "keepdims": keepdims}) == [np.zeros(shape).argmax(axis=axes[0], keepdims=keepdims).shape]


@FEW
@given(shape=shapes, data=st.data())
def test_slices_are_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    bound, step = st.one_of(st.integers(-9, 9), st.sampled_from([2**31 - 1, 2**63 - 1])), st.sampled_from([-3, -1, 1, 2])
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    starts, ends, steps = ([data.draw(what) for _ in axes] for what in (bound, bound, step))
    cut = [slice(None)] * len(shape)
    for axis, start, end, by in zip(axes, starts, ends, steps, strict=True):
        cut[axis] = slice(start, end, by)
    assert made("Slice", [shape], {"starts": starts, "ends": ends, "axes": axes, "steps": steps}) == [np.zeros(shape)[tuple(cut)].shape]


def test_a_slice_to_the_lowest_end_reverses_the_whole_axis() -> None:
    for lowest in (-(2**31) + 1, -(2**31), -(2**63)):
        assert made("Slice", [(5, 4)], {"starts": [-1], "ends": [lowest], "axes": [0], "steps": [-1]}) == [(5, 4)]


@FEW
@given(shape=shapes, data=st.data())
def test_movement_is_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    x, rank = np.zeros(shape), len(shape)
    perm = data.draw(st.permutations(range(rank)))
    assert made("Transpose", [shape], {"perm": perm}) == [x.transpose(perm).shape]
    assert made("Transpose", [shape]) == [x.T.shape]
    pads = data.draw(st.lists(st.integers(0, 3), min_size=2 * rank, max_size=2 * rank))
    assert made("Pad", [shape], {"pads": pads}) == [np.pad(x, list(zip(pads[:rank], pads[rank:], strict=True))).shape]
    repeats = data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    assert made("Tile", [shape], {"repeats": repeats}) == [np.tile(x, repeats).shape]
    axis, index = data.draw(st.integers(-rank, rank - 1)), data.draw(shapes)
    assert made("Gather", [shape, index], {"axis": axis}) == [np.take(x, np.zeros(index, int), axis).shape]
    assert made("Concat", [shape] * 3, {"axis": axis}) == [np.concatenate([x] * 3, axis).shape]
    new = sorted(data.draw(st.sets(st.integers(0, rank + 1), min_size=2, max_size=2)))
    widened = np.expand_dims(x, tuple(new)).shape
    assert made("Unsqueeze", [shape], {"axes": new}) == [widened]
    assert made("Squeeze", [widened], {"axes": new}) == [shape]
    assert made("Squeeze", [widened]) == [np.squeeze(np.zeros(widened)).shape]
    assert made("Reshape", [shape], {"shape": [-1]}) == [(prod(shape),)]
    assert made("Reshape", [shape], {"shape": [0, -1] if rank > 1 else [0]}) == [x.reshape(shape[0], -1).shape if rank > 1 else shape]


@FEW
@given(shape=shapes, data=st.data())
def test_split_is_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, shape[axis]), min_size=1, max_size=3)))
    parts = [part.shape for part in np.split(np.zeros(shape), cuts, axis)]
    sizes = [part[axis] for part in parts]
    assert made("Split", [shape], {"axis": axis, "sizes": sizes}, outputs=len(sizes)) == parts


@pytest.mark.parametrize(("extent", "parts", "sizes"), [(6, 3, [2, 2, 2]), (7, 3, [3, 3, 1]), (5, 1, [5])])
def test_a_split_without_sizes_is_even_with_a_shorter_last_part(extent: int, parts: int, sizes: list[int]) -> None:
    assert [shape[0] for shape in made("Split", [(extent, 2)], outputs=parts)] == sizes


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_depth_and_space_are_inverse(layout: str) -> None:
    shape = (2, 12, 4, 6) if layout == "NCHW" else (2, 4, 6, 12)
    spread = made("DepthToSpace", [shape], {"block": 2, "layout": layout})[0]
    assert spread == ((2, 3, 8, 12) if layout == "NCHW" else (2, 8, 12, 3))
    assert made("SpaceToDepth", [spread], {"block": 2, "layout": layout}) == [shape]


def test_a_cache_shows_its_first_positions_and_costs_only_the_new_ones() -> None:
    inputs = [(1, 4, 100, 16), (1, 4, 3, 16)]
    assert made("CacheAppend", inputs, {"length": 50}) == [(1, 4, 50, 16)]
    row = work("CacheAppend", inputs, {"length": 50}, stored=())
    assert row.in_elements == row.out_elements == 4 * 3 * 16


def test_an_embedding_reads_only_the_rows_looked_up() -> None:
    row = work("Gather", [(30_000, 64), (1, 7)], {"axis": 0}, stored=(0,))
    assert (row.kind, row.weight_bytes, row.out_elements) == (Kind.EMBED, 7 * 64 * 4, 7 * 64)


def test_transcendental_work_is_one_evaluation_an_element() -> None:
    assert work("Swish", [(2, 30)], stored=()).exp_elements == 60
    assert work("Relu", [(2, 30)], stored=()).exp_elements == 0


@pytest.mark.parametrize("name", OPS)
def test_every_operator_has_a_kernel_kind(name: str) -> None:
    op = Op("op", name, ("x",), ("y",), {"kernel": (2, 2), "equation": "abcd->ab", "rank": 1, "timesteps": 2})
    shape = (2, 4, 6) if name in ("LSTM", "GRU", "RNN", "ProjectedLSTM") else (2, 4, 6, 8)
    x = Tensor("x", shape)
    inputs = [x] if name == "Einsum" else [x] * 5
    assert isinstance(OPS[name].work(op, inputs, [x])["kind"], Kind)


WRONG = [
    ("Conv", [(1, 4, 8, 8), (8, 3, 3, 3)], {}),
    ("Conv", [(1, 4, 8, 8), (8, 4, 3)], {}),
    ("Conv", [(1, 4, 2, 2), (8, 4, 3, 3)], {}),
    ("Conv", [(1, 4, 8, 8), (8, 4, 3, 3)], {"strides": (0, 1)}),
    ("Conv", [(1, 4), (8, 4)], {}),
    ("ConvTranspose", [(1, 4, 8, 8), (8, 4, 3, 3)], {}),
    ("MaxPool", [(1, 4, 2, 2)], {"kernel": (5, 5)}),
    ("MatMul", [(2, 3), (4, 5)], {}),
    ("MatMul", [(), (4, 5)], {}),
    ("MatMul", [(2, 3, 4), (5, 4, 6)], {}),
    ("Dense", [(2, 3), (4, 5)], {}),
    ("Attention", [(1, 4, 2, 8), (1, 3, 5, 8), (1, 3, 5, 8)], {}),
    ("LSTM", [(5, 1, 7), (1, 33, 7), (1, 44, 11)], {}),
    ("Reshape", [(2, 3)], {"shape": (4, 2)}),
    ("Reshape", [(2, 3)], {"shape": (-1, -1)}),
    ("Reshape", [(2, 3)], {"shape": (2, 3, 0)}),
    ("Squeeze", [(2, 3)], {"axes": (0,)}),
    ("Unsqueeze", [(2, 3)], {"axes": (0, 0)}),
    ("Flatten", [(2, 3)], {"axis": 3}),
    ("Transpose", [(2, 3)], {"perm": (0, 0)}),
    ("Concat", [(2, 3), (2, 4)], {"axis": 0}),
    ("Concat", [(2, 3), (2, 3)], {"axis": 2}),
    ("Split", [(2, 3)], {"axis": 1, "sizes": (2,)}),
    ("Slice", [(2, 3)], {"starts": (0,), "ends": (1,), "axes": (2,)}),
    ("Slice", [(2, 3)], {"starts": (0,), "ends": (1,), "axes": (0,), "steps": (0,)}),
    ("Pad", [(2, 3)], {"pads": (-3, 0, 0, 0)}),
    ("Pad", [(2, 3)], {"pads": (1, 1)}),
    ("DepthToSpace", [(1, 6, 2, 2)], {"block": 2}),
    ("SpaceToDepth", [(1, 6, 3, 2)], {"block": 2}),
    ("CacheAppend", [(1, 4, 10, 8), (1, 4, 3, 8)], {"length": 11}),
    ("CacheAppend", [(1, 4, 10, 8), (1, 4, 3, 8)], {"length": 2}),
    ("TopK", [(2, 3)], {"axis": 1, "k": 4}),
    ("Gather", [(2, 3), (4,)], {"axis": 2}),
]


@pytest.mark.parametrize(("type", "inputs", "attributes"), WRONG)
def test_operands_that_do_not_fit_are_a_model_error(type: str, inputs: list[tuple[int, ...]], attributes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="op: "):
        made(type, inputs, attributes)


@pytest.mark.parametrize("type", [name for name in OPS if OPS[name].infer is not None])
def test_no_inputs_at_all_are_a_model_error(type: str) -> None:
    op = Op("op", type, (), ("y",), {"to": DType.I8, "axes": [0], "block": 2, "k": 1, "length": 1, "equation": "->", "hidden": 1, "rank": 1, "shape": (1,)})
    op.attributes |= {"pads": (0, 0), "starts": (0,), "ends": (1,), "repeats": 1, "sizes": (1,), "crops": (0,), "kernel": 1}
    infer = OPS[type].infer
    assert infer is not None
    if type == "Einsum":
        return  # an empty equation is a product of nothing
    with pytest.raises(ModelError):
        infer(op, [])


@pytest.mark.parametrize("layout", [None, "NCHW", "NHWC"])
@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "LayerNorm", "GroupNorm", "InstanceNorm", "Reduce", "ArgMax"])
def test_rows_times_channels_are_the_elements_passed_over(name: str, layout: str | None) -> None:
    """Whether the tensor is an image or not: a softmax over the 16 bins of a box in [1, 16, 4, 8400] passes over as many elements as there are."""
    graph, op = single(name, [(1, 16, 4, 8400)], {"axis": 1, "axes": (1,), "groups": 4}, stored=())
    row = op_work(graph, op, layout)
    assert row.batch * row.h_in * row.w_in * row.c_in == 16 * 4 * 8400
