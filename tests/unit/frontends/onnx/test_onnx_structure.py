"""Functions, subgraphs, unknown operators, the order of nodes, old operator sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import Const, f32, i64, imported, model_of, run, shapes_of, single, value, weight

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.work import total_macs

RELU = helper.make_node("Relu", ["x"], ["y"])


def branch(nodes: list[onnx.NodeProto], output: str, initializers: list[onnx.TensorProto] | None = None) -> onnx.GraphProto:
    return helper.make_graph(nodes, "branch", [], [helper.make_empty_tensor_value_info(output)], initializers or [])


def test_functions_of_the_model_are_inlined(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    body = [helper.make_node("MatMul", ["a", "b"], ["m"]), helper.make_node("Relu", ["m"], ["r"])]
    function = helper.make_function("own", "Layer", ["a", "b"], ["r"], body, opsets)
    nodes = [helper.make_node("Layer", ["x", "w"], ["h"], domain="own"), helper.make_node("Layer", ["h", "w"], ["y"], domain="own")]
    graph = helper.make_graph(nodes, "g", [value("x", [3, 8])], [value("y", [3, 8])], [numpy_helper.from_array(f32(8, 8), "w")])
    made = imported(helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8), tmp_path)
    assert [op.type for op in made] == ["Dense", "Relu", "Dense", "Relu"]
    assert made.parameters() == 64
    assert total_macs(made) == 2 * 3 * 64


@pytest.mark.parametrize("condition, types", [(True, ["MatMul", "Relu"]), (False, ["Neg"])])
def test_a_branch_known_at_import_becomes_part_of_the_graph(condition: bool, types: list[str], tmp_path: Path) -> None:
    """Branches see outer values, and may use the same inner names."""
    then = branch(
        [helper.make_node("MatMul", ["w", "x"], ["t"]), helper.make_node("Relu", ["t"], ["inner"])], "inner", [numpy_helper.from_array(f32(2, 2), "w")]
    )
    other = branch([helper.make_node("Neg", ["x"], ["inner"])], "inner")
    nodes = [helper.make_node("If", ["condition"], ["y"], then_branch=then, else_branch=other)]
    graph = imported(model_of(nodes, [value("x", [2, 3])], ["y"], {"condition": np.array(condition)}), tmp_path)
    assert [op.type for op in graph] == types
    assert shapes_of(graph) == [(2, 3)]


def test_constants_of_two_branches_with_one_name_are_told_apart(tmp_path: Path) -> None:
    one, two = (branch([helper.make_node("Mul", ["x", "w"], ["inner"])], "inner", [numpy_helper.from_array(array, "w")]) for array in (f32(2, 1), f32(1, 3)))
    nodes = [helper.make_node("If", ["yes"], [name], then_branch=then, else_branch=then) for name, then in (("a", one), ("b", two))]
    graph = imported(model_of(nodes, [value("x", [2, 3])], ["a", "b"], {"yes": np.array(True)}), tmp_path)
    assert graph.parameters() == 5


def test_an_open_branch_is_refused_by_name(tmp_path: Path) -> None:
    then = branch([helper.make_node("Neg", ["x"], ["inner"])], "inner")
    nodes = [helper.make_node("If", ["c"], ["y"], name="gate", then_branch=then, else_branch=then)]
    with pytest.raises(ModelError, match=r"gate \(If\): chooses a subgraph by a value known only at run time; export"):
        imported(model_of(nodes, [value("x", [2]), value("c", [], TensorProto.BOOL)], ["y"]), tmp_path)


def unknown() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Magic", ["a"], ["b"], domain="acme"),
        helper.make_node("Trick", ["b"], ["c"], domain="acme"),
        helper.make_node("Magic", ["c"], ["y"], domain="acme"),
    ]


def test_all_unknown_operators_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        imported(model_of(unknown(), [value("x", [2])], ["y"]), tmp_path)
    assert len(caught.value.problems) == 2
    assert "'acme.Magic' (2 nodes)" in str(caught.value) and "'acme.Trick' (1 node)" in str(caught.value)
    assert "unknown_operators: warn" in str(caught.value)


def test_unknown_operators_run_as_data_movers_on_request(tmp_path: Path) -> None:
    stated = {"value_info": [value("b", [7, 2]), value("c", [5])]}
    graph = imported(model_of(unknown(), [value("x", [2])], [value("y", [4])], **stated), tmp_path, unknown_operators="warn")
    assert [op.type for op in graph] == ["Relu", "Generic", "Generic", "Generic"]
    assert graph.ops[1].attributes["original"] == "acme.Magic"
    assert [graph.tensors[op.outputs[0]].shape for op in graph] == [(2,), (7, 2), (5,), (4,)]
    assert len(graph.notes["warnings"]) == 3


def test_an_unknown_operator_without_a_stated_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not state the shape of its output 'b'"):
        imported(model_of(unknown(), [value("x", [2])], [value("y", [4])]), tmp_path, unknown_operators="warn")


def test_nodes_may_come_in_any_order(tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", ["a"], ["y"]), helper.make_node("Relu", ["x"], ["a"])]
    assert [op.type for op in imported(model_of(nodes, [value("x", [2])], ["y"]), tmp_path)] == ["Relu", "Neg"]


def test_names_of_the_file_are_kept(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["mid"], name="first"), helper.make_node("Split", ["mid"], ["left", "right"], name="cut", axis=0)]
    graph = imported(model_of(nodes, [value("x", [4])], ["left", "right"]), tmp_path)
    assert (graph.inputs, graph.outputs) == (["x"], ["left", "right"])
    assert [op.name for op in graph] == ["first", "cut"]
    assert graph.ops[0].outputs == ("mid",)


def test_an_output_may_be_an_input_or_a_constant(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["same"]), helper.make_node("Shape", ["x"], ["shape"])]
    graph = imported(model_of(nodes, [value("x", [4, 2])], ["same", "shape", "x"]), tmp_path)
    assert shapes_of(graph) == [(4, 2), (2,), (4, 2)]
    assert graph.tensors[graph.outputs[1]].load().tolist() == [4, 2]


def test_outputs_that_only_training_uses_are_not_made(tmp_path: Path) -> None:
    arrays = [f32(1, 3, 2, 2), *(weight(3) for _ in range(4))]
    model, _ = single("BatchNormalization", arrays, outputs=5, opset=8)
    del model.graph.output[1:]
    assert shapes_of(imported(model, tmp_path)) == [(1, 3, 2, 2)]
    model.graph.output.append(value("y1", [3]))
    with pytest.raises(ModelError, match="'y1' that nothing computes"):
        imported(model, tmp_path)


def test_old_broadcasting_aligns_by_axis(tmp_path: Path) -> None:
    model, _ = single("Add", [f32(2, 3, 4, 5), weight(3, 4)], {"broadcast": 1, "axis": 1}, opset=6)
    assert shapes_of(imported(model, tmp_path)) == [(2, 3, 4, 5)]


def test_old_forms_with_attributes(tmp_path: Path) -> None:
    for type, inputs, attributes, opset, shape in [
        ("Reshape", [f32(2, 6)], {"shape": [3, 4]}, 1, (3, 4)),
        ("Tile", [f32(2, 3), Const(np.array(2, np.int64)), Const(np.array(1, np.int64))], {}, 1, (2, 6)),
        ("Upsample", [f32(1, 1, 2, 3)], {"height_scale": 2.0, "width_scale": 3.0}, 1, (1, 1, 4, 9)),
        ("Pad", [f32(2, 2)], {"paddings": [1, 0, 0, 2]}, 1, (3, 4)),
        ("Cast", [f32(2)], {"to": "FLOAT16"}, 1, (2,)),
        ("TopK", [f32(3, 9)], {"k": 2}, 1, (3, 2)),
        ("Clip", [f32(3)], {"min": 0.0, "max": 6.0}, 6, (3,)),
        ("Dropout", [f32(3)], {"ratio": 0.5, "is_test": 1}, 6, (3,)),
    ]:
        assert shapes_of(imported(single(type, inputs, attributes, opset=opset)[0], tmp_path)) == [shape], type


@pytest.mark.parametrize(
    "limits, type",
    [((0.0, 6.0), "Relu6"), ((0.0, None), "Relu"), ((-1.0, 1.0), "ReluN1To1"), ((0.0, 5.0), "Clip")],
)
def test_clips_are_named_by_what_they_do(limits: tuple[float | None, float | None], type: str, tmp_path: Path) -> None:
    operands = [None if limit is None else Const(np.float32(limit)) for limit in limits]
    graph = imported(single("Clip", [f32(3), *operands])[0], tmp_path)
    assert [op.type for op in graph] == [type]


@pytest.mark.parametrize("exponent, type", [(2.0, "Square"), (0.5, "Sqrt"), (3.0, "Pow")])
def test_powers_are_named_by_what_they_do(exponent: float, type: str, tmp_path: Path) -> None:
    assert [op.type for op in imported(single("Pow", [f32(3), Const(np.float32(exponent))])[0], tmp_path)] == [type]


def test_what_does_nothing_is_no_operator(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=1),
        helper.make_node("Pad", ["a", "zeros"], ["b"]),
        helper.make_node("Slice", ["b", "start", "end", "start"], ["c"]),
        helper.make_node("Expand", ["c", "shape"], ["d"]),
        helper.make_node("Dropout", ["d"], ["e"]),
        helper.make_node("Concat", ["e"], ["f"], axis=0),
        helper.make_node("Relu", ["f"], ["y"]),
    ]
    constants = {"zeros": np.zeros(4, np.int64), "start": np.array([0]), "end": np.array([2**62]), "shape": np.array([1, 1])}
    assert [op.type for op in imported(model_of(nodes, [value("x", [2, 3])], ["y"], constants), tmp_path)] == ["Relu"]


def test_resizing_channels_last(tmp_path: Path) -> None:
    model, fed = single("Resize", [f32(1, 4, 6, 3), None, None, i64(1, 8, 9, 3)])
    graph = imported(model, tmp_path)
    assert graph.ops[0].attributes["layout"] == "NHWC"
    assert shapes_of(graph) == [run(model, fed)[0].shape]


def test_number_formats(tmp_path: Path) -> None:
    for element, dtype in [(10, DType.F16), (16, DType.BF16), (11, DType.F64), (2, DType.I8), (5, DType.I16), (9, DType.BOOL), (22, DType.I4), (17, DType.F8)]:
        graph = imported(model_of([helper.make_node("Transpose", ["x"], ["y"])], [value("x", [2, 3], element)], ["y"], opset=21), tmp_path)
        assert graph.tensors[graph.outputs[0]].dtype == dtype
    with pytest.raises(ModelError, match="strings"):
        imported(model_of([RELU], [value("x", [2], TensorProto.STRING)], ["y"]), tmp_path)


def test_an_operator_set_newer_than_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="operator set 99"):
        imported(model_of([RELU], [value("x", [2])], ["y"], opset=99), tmp_path)


def test_group_query_attention_with_a_cache(tmp_path: Path) -> None:
    """Packed query, key and value of 4 query and 2 key heads of size 8; 6 positions in the cache, 3 new ones."""
    inputs = [f32(1, 3, 64), None, None, f32(1, 2, 6, 8), f32(1, 2, 6, 8), Const(np.array([8], np.int32)), Const(np.int32(9))]
    model, _ = single("GroupQueryAttention", inputs, {"num_heads": 4, "kv_num_heads": 2}, outputs=3, domain="com.microsoft")
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [(1, 3, 32), (1, 2, 9, 8), (1, 2, 9, 8)]
    assert total_macs(graph) == 4 * 3 * 9 * (8 + 8)


def test_lists_of_tensors_leave_no_operators(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("SplitToSequence", ["x", "two"], ["parts"], axis=1),
        helper.make_node("SequenceAt", ["parts", "last"], ["tail"]),
        helper.make_node("SequenceConstruct", ["tail", "tail"], ["pair"]),
        helper.make_node("SequenceInsert", ["pair", "tail"], ["three"]),
        helper.make_node("SequenceLength", ["three"], ["count"]),
        helper.make_node("ConcatFromSequence", ["three"], ["stacked"], axis=0, new_axis=1),
        helper.make_node("Expand", ["stacked", "count1"], ["y"]),
        helper.make_node("Unsqueeze", ["count", "zero"], ["count1"]),
    ]
    constants = {"two": np.int64(2), "last": np.int64(-1), "zero": np.array([0])}
    model = model_of(nodes, [value("x", [2, 5])], ["stacked", "count"], constants)
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [output.shape for output in run(model, {"x": f32(2, 5)})] == [(3, 2, 1), ()]
    assert {op.type for op in graph} == {"Split", "Unsqueeze", "Concat", "Expand"}
    assert graph.tensors[graph.outputs[1]].load() == 3


def test_a_shape_found_at_run_time_is_taken_from_the_file_or_refused(tmp_path: Path) -> None:
    nodes, inputs = [helper.make_node("Expand", ["x", "shape"], ["y"])], [value("x", [1, 3]), value("shape", [2], TensorProto.INT64)]
    graph = imported(model_of(nodes, inputs, [value("y", [4, 3])]), tmp_path)
    assert [op.type for op in graph] == ["Generic"] and shapes_of(graph) == [(4, 3)]
    assert "'shape'" in graph.notes["warnings"][0]
    with pytest.raises(ModelError, match=r"input 1 \('shape'\) must be known when the model is imported; bind symbolic dimensions"):
        imported(model_of(nodes, inputs, ["y"]), tmp_path)


def test_limits_found_at_run_time(tmp_path: Path) -> None:
    graph = imported(single("Clip", [f32(3, 4), f32(), f32()])[0], tmp_path)
    assert [op.type for op in graph] == ["Max", "Min"]


def test_deformable_convolutions_cost_their_products(tmp_path: Path) -> None:
    model, fed = single("DeformConv", [f32(1, 4, 7, 7), weight(6, 4, 3, 3), f32(1, 18, 5, 5), weight(6)], {"kernel_shape": [3, 3]}, opset=19)
    graph = imported(model, tmp_path)
    assert shapes_of(graph) == [run(model, fed)[0].shape]
    assert total_macs(graph) == 6 * 5 * 5 * 4 * 9
