"""The verifier finds what is wrong with a graph, and says all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.errors import ModelError
from sim.graph.builder import GraphBuilder
from sim.graph.ir import RUNNING, Graph, Op, Tensor
from sim.graph.verify import verify


@pytest.fixture
def graph() -> Graph:
    b = GraphBuilder("net")
    x = b.input("x", (1, 4))
    y = b.add("Dense", [x, b.weight("w", (3, 4))], name="dense")
    return b.finish(b.add("Relu", [y], name="relu"))


def test_a_right_graph_is_returned(graph):
    assert verify(graph) is graph


MISTAKES: list[tuple[str, Callable[[Graph], object]]] = [
    ("graph input 'nobody' is no tensor", lambda g: g.inputs.append("nobody")),
    ("graph output 'nobody' is no tensor", lambda g: g.outputs.append("nobody")),
    ("the graph has no output", lambda g: g.outputs.clear()),
    ("tensor 'x' is named 'z'", lambda g: setattr(g.tensors["x"], "name", "z")),
    ("tensor 'w' has shape [3, -4]", lambda g: setattr(g.tensors["w"], "shape", (3, -4))),
    ("two operators are named 'dense'", lambda g: setattr(g.ops[1], "name", "dense")),
    ("unknown operator 'Densee'; did you mean 'Dense'", lambda g: setattr(g.ops[0], "type", "Densee")),
    ("tensor 'nobody' does not exist", lambda g: setattr(g.ops[0], "inputs", ("nobody", "w"))),
    ("reads 'dense' before it is computed", lambda g: g.ops.reverse()),
    ("computes 'dense' a second time", lambda g: setattr(g.ops[1], "outputs", ("dense",))),
    ("output 'late' is never computed", lambda g: (g.tensors.update(late=Tensor("late", (1,))), g.outputs.append("late"))),
    ("output 'dense' has shape [1, 5], Dense makes [1, 3]", lambda g: setattr(g.tensors["dense"], "shape", (1, 5))),
    ("do not fit an input of shape [1, 4]", lambda g: setattr(g.tensors["w"], "shape", (3, 5))),
    ("MatMul needs at least 2 inputs", lambda g: setattr(g.ops[1], "type", "MatMul")),
    ("Relu has 2 outputs, it makes 1", lambda g: (g.tensors.update(more=Tensor("more", (1, 3))), setattr(g.ops[1], "outputs", ("relu", "more")))),
    ("MaxPool cannot be fused", lambda g: setattr(g.ops[0], "fused", (Op("p", "MaxPool", (RUNNING,), ()),))),
    ("fused Relu does not use the value it follows", lambda g: setattr(g.ops[0], "fused", (Op("r", "Relu", ("x",), ()),))),
    ("has attributes that do not fit", lambda g: (setattr(g.ops[1], "type", "Reshape"), setattr(g.ops[1], "attributes", {"shape": "abc"}))),
]


@pytest.mark.parametrize(("what", "break_it"), MISTAKES)
def test_a_mistake_is_named(graph, what, break_it):
    break_it(graph)
    with pytest.raises(ModelError) as caught:
        verify(graph)
    assert what in str(caught.value)


def test_all_mistakes_come_at_once(graph):
    graph.inputs.append("nobody")
    graph.ops[0].type = "Densee"
    with pytest.raises(ModelError) as caught:
        verify(graph)
    assert len(caught.value.problems) >= 2
    assert all(problem.path == "net" for problem in caught.value.problems)


def test_very_many_mistakes_are_cut_short():
    graph = Graph("net", outputs=[f"nobody{i}" for i in range(1000)])
    with pytest.raises(ModelError) as caught:
        verify(graph)
    assert len(caught.value.problems) == 20


def test_an_operator_without_inference_keeps_its_stated_shape():
    b = GraphBuilder("net")
    y = b.add("Generic", [b.input("x", (1, 4))], {"original": "Odd"}, shapes=[((7, 7), b.dtype)])
    assert b.finish(y).tensors[y].shape == (7, 7)
