"""Symbolic dimensions, and chains of shape arithmetic that depend on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import f32, imported, model_of, run, shapes_of, value

from sim.errors import EdgesimError, ModelError
from sim.frontends.onnx import import_onnx
from sim.graph.work import total_macs


def dynamic() -> onnx.ModelProto:
    """Flattens all but the batch by the arithmetic exporters write."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["b"]),
        helper.make_node("Slice", ["s", "one_", "end"], ["rest"]),
        helper.make_node("ReduceProd", ["rest"], ["p"], keepdims=0),
        helper.make_node("Cast", ["p"], ["pf"], to=1),
        helper.make_node("Div", ["pf", "two"], ["half"]),
        helper.make_node("Floor", ["half"], ["floored"]),
        helper.make_node("Cast", ["floored"], ["pi"], to=7),
        helper.make_node("Unsqueeze", ["pi", "zero_"], ["pu"]),
        helper.make_node("Unsqueeze", ["b", "zero_"], ["bu"]),
        helper.make_node("Concat", ["bu", "pu", "minus"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    constants = {"zero": np.int64(0), "one_": np.array([1]), "end": np.array([2**63 - 1]), "two": np.float32(2)}
    constants |= {"zero_": np.array([0]), "minus": np.array([-1]), "w": f32(2, 3)}
    return model_of(nodes, [value("x", ["batch", 4, "width"])], ["y"], constants)


def test_bound_dimensions_flow_through_shape_arithmetic(tmp_path: Path) -> None:
    graph = imported(dynamic(), tmp_path, shapes={"batch": 3, "width": 6})
    assert shapes_of(graph) == [run(dynamic(), {"x": f32(3, 4, 6)})[0].shape]
    assert [op.type for op in graph] == ["Reshape", "Dense"]
    assert total_macs(graph) == 3 * 12 * 2 * 3


def test_all_unbound_dimensions_are_named_at_once_with_the_way_to_bind_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        imported(dynamic(), tmp_path, shapes={"bach": 3})
    text = str(caught.value)
    assert len(caught.value.problems) == 2
    assert "'batch'" in text and "'width'" in text and "shapes: {batch: 1, width: ...}" in text
    assert "'bach' names no dimension, did you mean 'batch'?" in text


@pytest.mark.parametrize("extent", [None, -1])
def test_a_dimension_without_a_name_is_bound_by_its_place(extent: int | None, tmp_path: Path) -> None:
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [extent, 3])], ["y"])
    with pytest.raises(ModelError, match=r"'x\.0'"):
        imported(model, tmp_path)
    assert shapes_of(imported(model, tmp_path, shapes={"x.0": 5})) == [(5, 3)]


def test_sums_of_names_follow_their_parts(tmp_path: Path) -> None:
    model = model_of([helper.make_node("Concat", ["x", "z"], ["y"], axis=0)], [value("x", ["past"]), value("z", ["past + 1"])], ["y"])
    assert shapes_of(imported(model, tmp_path, shapes={"past": 8})) == [(17,)]


@pytest.mark.parametrize("text", ["past +", "past ** 2", "f(past)", "past.x", "'\\d'", "other + 1", "past // zero", "a" * 5000])
def test_what_is_no_sum_of_bound_names_is_a_name_itself(text: str, tmp_path: Path) -> None:
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [text])], ["y"])
    with pytest.raises(ModelError, match="is not bound"):
        imported(model, tmp_path, shapes={"past": 8, "zero": 0})
    assert shapes_of(imported(model, tmp_path, shapes={text: 3})) == [(3,)]


def test_a_binding_nobody_needs_is_a_warning(tmp_path: Path) -> None:
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2])], ["y"])
    assert imported(model, tmp_path, shapes={"batch": 1}).notes["warnings"] == ["shapes: 'batch' names no dimension of an input"]


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "2"])
def test_bindings_are_whole_numbers(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="whole numbers"):
        imported(dynamic(), tmp_path, shapes={"batch": wrong, "width": 2})


def test_inputs_of_unknown_rank_or_kind_are_refused(tmp_path: Path) -> None:
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    with pytest.raises(ModelError, match="does not state its dimensions"):
        imported(model_of(relu, [value("x", None)], ["y"]), tmp_path)
    with pytest.raises(ModelError, match="sequence"):
        imported(model_of(relu, [helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1])], ["y"]), tmp_path)


def test_detection_is_bounded_by_its_largest_result(tmp_path: Path) -> None:
    nodes = [helper.make_node("NonMaxSuppression", ["boxes", "scores", "most"], ["kept"])]
    model = model_of(nodes, [value("boxes", [1, 50, 4]), value("scores", [1, 3, 50])], ["kept"], {"most": np.int64(20)})
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [(60, 3)]
    assert "60 is the largest" in graph.notes["warnings"][0]


def test_a_missing_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(EdgesimError, match=r"pip install 'edgesim\[onnx\]'"):
        import_onnx(tmp_path / "model.onnx")


def test_a_shape_the_file_states_wrongly_is_a_warning(tmp_path: Path) -> None:
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2, 3])], [value("y", [2, 4])])
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [(2, 3)]
    assert graph.notes["warnings"] == ["'y' has shape [2, 3]; the file states [2, 4]"]


def test_an_input_of_no_elements_is_a_warning_and_can_be_bound(tmp_path: Path) -> None:
    """Old exporters write 0 for a batch they do not know; in the standard it means none."""
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [0, 3])], ["y"])
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [(0, 3)]
    assert "bind it: shapes: {x.0: 1}" in graph.notes["warnings"][0]
    assert shapes_of(imported(model, tmp_path, shapes={"x.0": 2})) == [(2, 3)]
