"""The text form: reads well, and parses back to the same graph, whatever names and attributes are in it."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.zoo import MODELS, build
from sim.graph.builder import GraphBuilder
from sim.graph.ir import RUNNING, Graph, Op, Quantization, Tensor
from sim.graph.text import from_text, to_text

EXAMPLE = """\
graph net (image) -> (conv) {
  note source = "by hand"
  input image: f32[1, 3, 8, 8]
  weight w: f32[4, 3, 3, 3]
  conv: f32[1, 4, 6, 6] = Conv conv(image, w) {strides = (1, 1)} + Relu relu(@)
}
"""


def _example() -> Graph:
    b = GraphBuilder("net")
    y = b.add("Conv", [b.input("image", (1, 3, 8, 8)), b.weight("w", (4, 3, 3, 3))], {"strides": (1, 1)})
    b.graph.ops[0].fused = (Op("relu", "Relu", (RUNNING,), ()),)
    b.graph.notes["source"] = "by hand"
    return b.finish(y)


def test_a_graph_prints_as_expected():
    assert to_text(_example()) == EXAMPLE


def test_the_printed_graph_parses_back():
    assert from_text(EXAMPLE) == _example()


def test_blanks_comments_and_line_ends_do_not_matter():
    loose = EXAMPLE.replace(", ", " ,\r\n\t").replace("{", "{ // begins\n", 1)
    assert from_text(loose) == _example()


NAMES = st.one_of(
    st.text(string.ascii_letters + string.digits + "_./", min_size=1, max_size=8),
    st.text(min_size=1, max_size=6),
    st.sampled_from(["input", "weight", "note", "call", "graph", "none", "true", "inf", "nan", "-inf", "inf/x", "nan.0", "quantized"]),
    st.sampled_from(['"', "\\", "a b", "->", "}", "0", "//", "\n", "é", "\ud800"]),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=8), st.sampled_from(list(DType)),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=6,
)  # fmt: skip
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=3)
QUANTIZATION = st.builds(
    Quantization,
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=3).map(tuple),
    st.lists(st.integers(-128, 127), min_size=1, max_size=3).map(tuple),
    st.one_of(st.none(), st.integers(0, 3)),
)


@st.composite
def ops(draw, names, depth=0):
    inputs = tuple(draw(st.lists(st.sampled_from([*names, "", RUNNING] if depth else [*names, ""]), max_size=3)))
    fused = tuple(draw(st.lists(ops(names, depth + 1), max_size=2))) if depth < 2 else ()
    outputs = tuple(draw(st.lists(NAMES, max_size=2))) if depth else ()
    return Op(draw(NAMES), draw(NAMES), inputs, outputs, draw(ATTRIBUTES), fused)


@st.composite
def graphs(draw):
    """Any graph that can be written down, sensible or not."""
    names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    tensors = {}
    for name in names:
        shape = tuple(draw(st.lists(st.integers(0, 10**9), max_size=4)))
        role = draw(st.sampled_from(["input", "weight", "constant", "activation", "state"]))
        tensors[name] = Tensor(name, shape, draw(st.sampled_from(list(DType))), role, draw(st.one_of(st.none(), QUANTIZATION)))
    free = list(names)
    made = []
    for _ in range(draw(st.integers(0, 3))):
        op = draw(ops(names))
        count = draw(st.integers(0, min(2, len(free))))
        op.outputs = tuple(free.pop() for _ in range(count))
        made.append(op)
    some = st.lists(st.sampled_from(names), max_size=3)
    return Graph(draw(NAMES), draw(some), draw(some), tensors, made, draw(ATTRIBUTES))


def test_a_tensor_may_have_the_name_of_a_keyword():
    tensors = {name: Tensor(name, (), DType.F32, role) for name, role in (("x", "input"), ("quantized", "activation"), ("call", "activation"))}
    graph = Graph("note", ["x"], ["call"], tensors, [Op("input", "Relu", ("x",), ("quantized",)), Op("weight", "Relu", ("quantized",), ("call",))])
    assert from_text(to_text(graph)) == graph


@settings(max_examples=300)
@given(graphs())
def test_any_graph_survives_the_way_there_and_back(graph):
    text = to_text(graph)
    back = from_text(text, check=False)
    assert back == graph
    assert to_text(back) == text
    assert repr(back) == repr(graph) or list(back.tensors) != list(graph.tensors)  # lists stay lists, 1 is not 1.0 nor True


def test_nan_survives_too():
    graph = _example()
    graph.ops[0].attributes["value"] = float("nan")
    assert math.isnan(from_text(to_text(graph)).ops[0].attributes["value"])


@pytest.mark.parametrize("name", MODELS)
def test_every_network_of_the_zoo_survives(name):
    graph = build(name)
    assert from_text(to_text(graph)) == graph


def test_stored_values_are_left_out():
    graph = _example()
    graph.tensors["w"].load = lambda: pytest.fail("values were read")
    assert from_text(to_text(graph)).tensors["w"].load is None


def test_an_attribute_that_has_no_written_form_is_named():
    graph = _example()
    graph.ops[0].attributes["odd"] = object()
    with pytest.raises(ModelError, match=r"conv\.odd: a value of type object"):
        to_text(graph)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("graph net", "grph net", "1:1: expected 'graph', found grph"),
        ("f32[1, 3", "f33[1, 3", "3:16: unknown number format 'f33'"),
        ("[1, 3, 8", "[1, -3, 8", "3:23: an extent is a whole number, at least 0"),
        ("[1, 3, 8", "[1, 3.5, 8", "3:23: an extent is a whole number"),
        ("weight w:", "weight image:", "4:10: tensor 'image' is declared twice"),
        ("(image, w)", "(image; w)", "5:42: unexpected character ';'"),
        ("(1, 1)", "(1, yes)", "5:62: unknown value 'yes'"),
        ("= Conv", "Conv", "5:25: expected '=' and an operator"),
        ('"by hand"', '"by \\q hand"', "2:17: a string with a wrong escape"),
        ('"by hand"', '"by hand', "2:17: unexpected character '\"'"),
        ("}\n", "", "6:1: expected"),
        ("}\n", "} more\n", "nothing after the graph"),
        ("(1, 1)", "(" * 60 + "1" + ",)" * 60, "nested more than 50 deep"),
        ("strides = (1, 1)", "big = " + "9" * 5000, "too many digits"),
        ("image, w", "image, missing", "tensor 'missing' does not exist"),
        ("[1, 4, 6, 6]", "[1, 4, 7, 6]", "has shape"),
    ],
)
def test_a_mistake_is_shown_where_it_is(old, new, message):
    with pytest.raises(ModelError) as caught:
        from_text(EXAMPLE.replace(old, new) if old != "}\n" else EXAMPLE[: EXAMPLE.rindex(old)] + new)
    assert message in str(caught.value)


@settings(max_examples=200)
@given(st.integers(0, len(EXAMPLE)), st.text(max_size=3), st.integers(0, 5))
def test_damaged_text_is_one_clear_error(position, inserted, cut):
    damaged = EXAMPLE[:position] + inserted + EXAMPLE[position + cut :]
    try:
        from_text(damaged)
    except ModelError as error:
        assert error.problems
