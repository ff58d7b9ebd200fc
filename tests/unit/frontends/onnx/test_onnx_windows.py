"""Random windows, slices, resizes and reshapes: shapes and MACs against ONNX Runtime and counts by hand."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx_models import Const, f32, imported, run, shapes_of, single, weight

from sim.errors import ModelError
from sim.graph.work import total_macs

RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
small = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn) -> dict:
    rank = draw(st.integers(1, 3))
    ints = lambda low, high: draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))  # noqa: E731
    attributes = {"kernel_shape": ints(1, 3), "strides": ints(1, 3), "dilations": ints(1, 2)}
    padding = draw(st.sampled_from(["pads", "VALID", "SAME_UPPER", "SAME_LOWER", "none"]))
    if padding == "pads":
        attributes["pads"] = [min(pad, kernel - 1) for pad, kernel in zip(ints(0, 2) + ints(0, 2), attributes["kernel_shape"] * 2, strict=True)]
    elif padding != "none":
        attributes["auto_pad"] = padding
    return {"spatial": ints(6, 11), "attributes": attributes}


def agree(type: str, inputs: list, attributes: dict, folder: Path, **options: object) -> tuple:
    """The graph and the real outputs, whose shapes must agree; skipped where the runtime refuses the model."""
    model, fed = single(type, inputs, attributes, **options)
    try:
        real = run(model, fed)
    except Exception:
        assume(False)
    graph = imported(model, folder)
    assert shapes_of(graph) == [output.shape for output in real]
    return graph, real


@RANDOM
@given(windows(), small, small, small, st.booleans())
def test_convolutions(tmp_path: Path, window: dict, batch: int, per_group_in: int, per_group_out: int, grouped: bool) -> None:
    groups = 2 if grouped else 1
    w = weight(per_group_out * groups, per_group_in, *window["attributes"]["kernel_shape"])
    x = f32(batch, per_group_in * groups, *window["spatial"])
    graph, (y,) = agree("Conv", [x, w], window["attributes"] | {"group": groups}, tmp_path)
    assert total_macs(graph) == y.size * per_group_in * prod(window["attributes"]["kernel_shape"])
    assert graph.parameters() == w.array.size


@RANDOM
@given(windows(), small, small)
def test_transposed_convolutions(tmp_path: Path, window: dict, c_in: int, c_out: int) -> None:
    attributes = {key: value for key, value in window["attributes"].items() if key != "auto_pad"}
    kernel = attributes["kernel_shape"]
    x = f32(1, c_in, *window["spatial"])
    graph, _ = agree("ConvTranspose", [x, weight(c_in, c_out, *kernel)], attributes, tmp_path)
    assert total_macs(graph) == x.size * c_out * prod(kernel)


@RANDOM
@given(windows(), st.sampled_from(["MaxPool", "AveragePool"]), st.booleans())
def test_pools(tmp_path: Path, window: dict, type: str, ceil: bool) -> None:
    attributes = dict(window["attributes"])
    if type == "AveragePool" or attributes.get("auto_pad", "").startswith(
        "SAME"
    ):  # the runtime pads dilated pools for the undilated window, against the standard
        del attributes["dilations"]
    if "auto_pad" not in attributes:
        attributes["ceil_mode"] = int(ceil)
    agree(type, [f32(1, 2, *window["spatial"])], attributes, tmp_path, opset=17)


@RANDOM
@given(st.lists(st.tuples(st.integers(-12, 12), st.integers(-12, 12), st.sampled_from([-3, -2, -1, 1, 2, 3])), min_size=1, max_size=3), st.data())
def test_slices(tmp_path: Path, cuts: list[tuple[int, int, int]], data: st.DataObject) -> None:
    axes = data.draw(st.permutations([0, 1, 2]))[: len(cuts)]
    starts, ends, steps = (Const(np.array(part, np.int64)) for part in zip(*cuts, strict=True))
    agree("Slice", [f32(4, 7, 9), starts, ends, Const(np.array(axes, np.int64)), steps], {}, tmp_path)


@RANDOM
@given(st.lists(st.floats(0.25, 3.5, width=32), min_size=2, max_size=2), st.sampled_from(["nearest", "linear"]))
def test_resizes_by_scale(tmp_path: Path, scales: list[float], mode: str) -> None:
    agree("Resize", [f32(1, 2, 9, 14), None, Const(np.array([1, 1, *scales], np.float32))], {"mode": mode}, tmp_path)


@RANDOM
@given(st.permutations([2, 3, 4, 5]), st.integers(0, 3), st.integers(0, 4))
def test_reshapes(tmp_path: Path, extents: list[int], unknown: int, copied: int) -> None:
    target = list(extents)
    target[unknown] = -1
    x = f32(2, 3, 4, 5)
    if copied < 4 and copied != unknown and x.shape[copied] == target[copied]:
        target[copied] = 0
    agree("Reshape", [x, Const(np.array(target, np.int64))], {}, tmp_path)


@RANDOM
@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.booleans())
def test_matrix_products(tmp_path: Path, a: list[int], b: list[int], stored: bool) -> None:
    if len(b) > 1:
        b[-2] = a[-1]
    else:
        b[0] = a[-1]
    graph, (y,) = agree("MatMul", [f32(*a), weight(*b) if stored else f32(*b)], {}, tmp_path)
    assert total_macs(graph) == y.size * a[-1]


@RANDOM
@given(
    st.sampled_from(["ij,jk->ik", "bij,bjk->bik", "bhid,bhjd->bhij", "bsd,dhk->bshk", "ij,kj", "i,j->ij", "...ij,...jk->...ik", "ii->i", "bij->bj"]), st.data()
)
def test_einsum(tmp_path: Path, equation: str, data: st.DataObject) -> None:
    extents = {axis: data.draw(small) for axis in sorted(set(equation) - set(",->."))}
    terms = [[*([2] if "..." in term else []), *(extents[axis] for axis in term.replace("...", ""))] for term in equation.split("->")[0].split(",")]
    graph, (y,) = agree("Einsum", [f32(*term) for term in terms], {"equation": equation}, tmp_path)
    result = equation.split("->")[1] if "->" in equation else "ik"
    summed = set(equation.split("->")[0]) - set(result) - set(",.")
    if len(terms) == 2 and summed:
        assert total_macs(graph) == y.size * prod(extents[axis] for axis in summed)


def test_a_window_larger_than_its_input_is_refused(tmp_path: Path) -> None:
    model, _ = single("Conv", [f32(1, 1, 2, 2), weight(1, 1, 5, 5)])
    with pytest.raises(ModelError, match="larger than its input"):
        imported(model, tmp_path)


@pytest.mark.parametrize("gates, type", [(4, "LSTM"), (3, "GRU"), (1, "RNN")])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_macs(type: str, gates: int, directions: int, tmp_path: Path) -> None:
    steps, batch, features, hidden = 7, 2, 3, 5
    inputs = [f32(steps, batch, features), weight(directions, gates * hidden, features), weight(directions, gates * hidden, hidden)]
    model, _ = single(type, inputs, {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"})
    assert total_macs(imported(model, tmp_path)) == steps * batch * directions * gates * hidden * (features + hidden)
