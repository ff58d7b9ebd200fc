"""What holds for every registered pass: the graph given is left alone, the interface stays, a second run finds nothing to do."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.graph.ir import Graph
from sim.graph.text import to_text
from sim.graph.work import total_macs
from sim.passes import PASSES, Pass, make_pass

MODELS = ("mobilenet_v3_small", "shufflenet_v2", "distilbert", "unet")


def _made(name: str) -> Pass:
    return make_pass(name, {"to": "int8", "keep_float": ["Softmax"]} if name == "precision" else {})


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    return [build(name) for name in MODELS]


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_keeps_its_contract(graphs, name):
    step = _made(name)
    for graph in graphs:
        before = to_text(graph)
        after = step(graph)
        assert to_text(graph) == before
        assert total_macs(after) == total_macs(graph)
        assert after.parameters() <= graph.parameters()
        assert after.inputs == graph.inputs
        assert after.outputs == graph.outputs
        assert to_text(step(after)).count("\n") == to_text(after).count("\n") or name == "precision"


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_says_what_it_does_and_prints_as_its_name(name):
    assert PASSES[name].__doc__
    assert PASSES[name].name == name
    assert str(PASSES[name]()) == name
    assert all(field.default is not None for field in fields(PASSES[name]))


def test_options_are_printed():
    assert str(make_pass("fuse_epilogue", {"residual": True, "hosts": ["Conv"]})) == "fuse_epilogue{hosts=[Conv], residual=true}"


def test_unknown_passes_and_options_name_the_near_ones():
    with pytest.raises(EdgesimError, match="fuse_pad"):
        make_pass("fuse_padd")
    with pytest.raises(EdgesimError, match="residual"):
        make_pass("fuse_epilogue", {"residul": True})


@dataclass(frozen=True)
class _Broken(Pass):
    """Leaves a graph that reads what nobody makes."""

    name = "broken"

    def apply(self, graph: Graph) -> None:
        graph.ops.pop(0)


@dataclass(frozen=True)
class _Renaming(Pass):
    """Drops an input."""

    name = "renaming"

    def apply(self, graph: Graph) -> None:
        graph.outputs = graph.outputs[:1] * 2


@pytest.mark.parametrize(("kind", "what"), [(_Broken, "broke the graph"), (_Renaming, "changed the inputs or outputs")])
def test_a_pass_that_breaks_its_contract_is_caught(graphs, kind, what):
    with pytest.raises(RuntimeError, match=what):
        kind()(graphs[0])
