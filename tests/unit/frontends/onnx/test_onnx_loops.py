"""Loops unrolled at import: what they compute against ONNX Runtime's running of the file, and what cannot be unrolled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from sim.errors import ModelError  # noqa: E402
from sim.frontends.load import load_model  # noqa: E402
from sim.graph.ir import Graph  # noqa: E402
from sim.graph.work import total_macs  # noqa: E402

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
RNG = np.random.default_rng(3)
WEIGHT = RNG.normal(size=(4, 4)).astype(np.float32) / 2


def info(name: str, shape: Any, element: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, element, shape)


def loop(rounds: int | None, condition: bool | None = True, until: int | None = None) -> Any:
    """state = tanh(state W + round) and each state collected; ``until``: the body ends it by itself after that round."""
    nodes = [
        helper.make_node("MatMul", ["state", "W"], ["product"]),
        helper.make_node("Cast", ["round"], ["number"], to=FLOAT),
        helper.make_node("Add", ["product", "number"], ["moved"]),
        helper.make_node("Tanh", ["moved"], ["next"]),
        helper.make_node("Identity", ["next"], ["kept"]),
        helper.make_node("Identity", ["going"], ["goes_on"]) if until is None else helper.make_node("Less", ["round", "until"], ["goes_on"]),
    ]
    stored = [numpy_helper.from_array(WEIGHT, "W")] + ([] if until is None else [numpy_helper.from_array(np.array(until), "until")])
    inputs = [info("round", [], INT64), info("going", [], BOOL), info("state", [2, 4])]
    body = helper.make_graph(nodes, "body", inputs, [info("goes_on", [], BOOL), info("next", [2, 4]), info("kept", [2, 4])], stored)
    outer = [("rounds", rounds, np.int64), ("condition", condition, np.bool_)]
    names = [name if value is not None else "" for name, value, _ in outer]
    constants = [numpy_helper.from_array(np.array(value, kind), name) for name, value, kind in outer if value is not None]
    return _model([helper.make_node("Loop", [*names, "x"], ["last", "all"], name="steps", body=body)], [info("x", [2, 4])], ["last", "all"], constants)


def scan(backward: int, axis: int) -> Any:
    """A recurrent cell written out: state = tanh(entry V + state W), walked along an axis of the input."""
    nodes = [
        helper.make_node("MatMul", ["entry", "V"], ["a"]), helper.make_node("MatMul", ["state", "W"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Tanh", ["sum"], ["next"]), helper.make_node("Identity", ["next"], ["kept"]),
    ]  # fmt: skip
    stored = [numpy_helper.from_array(WEIGHT, "W"), numpy_helper.from_array(RNG.normal(size=(3, 4)).astype(np.float32), "V")]
    body = helper.make_graph(nodes, "body", [info("state", [2, 4]), info("entry", [2, 3])], [info("next", [2, 4]), info("kept", [2, 4])], stored)
    attributes = {"scan_input_axes": [axis], "scan_input_directions": [backward], "scan_output_axes": [1], "scan_output_directions": [backward]}
    made = helper.make_node("Scan", ["start", "x"], ["last", "all"], name="steps", body=body, num_scan_inputs=1, **attributes)
    shape = [2, 3]
    shape.insert(axis, 5)
    return _model([made], [info("start", [2, 4]), info("x", shape)], ["last", "all"], [])


def branches(chosen: bool) -> Any:
    then = helper.make_graph([helper.make_node("MatMul", ["x", "W"], ["made"])], "then", [], [info("made", [2, 4])], [numpy_helper.from_array(WEIGHT, "W")])
    other = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["made"])], "else", [], [info("made", [2, 4])])
    node = helper.make_node("If", ["chosen"], ["y"], then_branch=then, else_branch=other)
    return _model([node], [info("x", [2, 4])], ["y"], [numpy_helper.from_array(np.array(chosen), "chosen")])


def _model(nodes: list[Any], inputs: list[Any], outputs: list[str], constants: list[Any]) -> Any:
    graph = helper.make_graph(nodes, "g", inputs, [info(name, None) for name in outputs], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def imported(model: Any, folder: Path) -> Graph:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return load_model("model.onnx", directory=folder)


def outcomes(model: bytes, feeds: list[np.ndarray]) -> list[np.ndarray]:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(zip([each.name for each in session.get_inputs()], feeds, strict=True))))


CASES = {
    "loop": (loop(3), 3 * 2 * 16), "one round": (loop(1), 2 * 16), "for": (loop(4, None), 4 * 2 * 16),
    "ends by its body alone": (loop(4, None, until=1), 2 * 2 * 16), "while": (loop(None, True, until=2), 3 * 2 * 16),
    "ends early": (loop(9, True, until=1), 2 * 2 * 16), "scan": (scan(0, 0), 5 * 2 * (12 + 16)), "backward": (scan(1, 0), 5 * 2 * (12 + 16)),
    "along an inner axis": (scan(0, 1), 5 * 2 * (12 + 16)), "branch": (branches(True), 2 * 16), "other branch": (branches(False), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_graph_computes_what_onnxruntime_computes(name: str, tmp_path: Path) -> None:
    """The imported graph, written as a file without control flow, gives the numbers of the original; and its work is the rounds' work."""
    from sim.frontends.onnx.export import export_onnx

    model, macs = CASES[name]
    graph = imported(model, tmp_path)
    assert not {"Loop", "Scan", "If"} & {op.type for op in graph.ops} and total_macs(graph) == macs
    rng = np.random.default_rng(5)
    feeds = [rng.normal(size=graph.tensors[each].shape).astype(np.float32) for each in graph.inputs]
    expected, found = outcomes(model.SerializeToString(), feeds), outcomes(export_onnx(graph).SerializeToString(), feeds)
    assert [value.shape for value in expected] == [graph.tensors[each].shape for each in graph.outputs]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("model", "parameters"), [(loop(7), 16), (scan(0, 0), 28)])
def test_what_the_body_stores_is_there_once(model: Any, parameters: int, tmp_path: Path) -> None:
    assert imported(model, tmp_path).parameters() == parameters


def test_no_round_at_all_gives_what_was_carried_in(tmp_path: Path) -> None:
    model = loop(0)
    del model.graph.output[1:]
    model.graph.node[0].output[:] = ["last"]
    model.graph.node.append(helper.make_node("Relu", ["last"], ["y"]))
    model.graph.output[0].name = "y"
    assert [op.type for op in imported(model, tmp_path).ops] == ["Relu"]
    with pytest.raises(ModelError, match="runs none"):
        imported(loop(0), tmp_path)


def _open(change: str) -> Any:
    model = loop(3)
    if change == "rounds":
        del model.graph.initializer[0]
        model.graph.input.append(info("rounds", [], INT64))
    elif change == "end":
        body = model.graph.node[0].attribute[0].g
        body.node[-1].CopyFrom(helper.make_node("Greater", ["total", "zero"], ["goes_on"]))
        body.node.insert(len(body.node) - 1, helper.make_node("ReduceSum", ["next"], ["total"], keepdims=0))
        body.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    elif change == "endless":
        model = loop(None, None)
    elif change == "billion":
        model = loop(10**9)
    elif change == "inputs":
        del model.graph.node[0].attribute[0].g.input[2:]
    elif change == "outputs":
        del model.graph.node[0].attribute[0].g.output[1:]
    elif change == "body":
        del model.graph.node[0].attribute[:]
    return model


@pytest.mark.parametrize(("change", "message"), [
    ("rounds", r"steps \(Loop\): runs a subgraph repeatedly, and how many rounds it runs is known only at run time; export"),
    ("end", r"steps \(Loop\): runs a subgraph repeatedly, and when it ends is known only at run time"),
    ("endless", "never ends"), ("billion", r"more than 10,000 nodes"), ("inputs", "its body has 2 inputs, not 3"), ("outputs", "its body has 1 outputs"),
    ("body", "lacks a body"),
])  # fmt: skip
def test_open_and_broken_loops_are_refused_by_name(change: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        imported(_open(change), tmp_path)


@pytest.mark.parametrize(("change", "message"), [({"num_scan_inputs": 0}, "walks along 0"), ({"scan_input_axes": [7]}, "axis 7")])
def test_broken_scans_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    model = scan(0, 0)
    node = model.graph.node[0]
    kept = [attribute for attribute in node.attribute if attribute.name not in change]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(key, value) for key, value in change.items())])
    with pytest.raises(ModelError, match=message):
        imported(model, tmp_path)
