"""Every network of the zoo through what comes after it: the text form and the folding passes."""

from __future__ import annotations

import pytest

from sim.frontends.zoo import MODELS, build
from sim.graph.ir import Graph
from sim.graph.text import from_text, to_text
from sim.graph.work import total_macs
from sim.passes import make_pass


def foldable_channels(graph: Graph) -> int:
    """Channels of batch norms that alone read the output of a convolution or product."""
    makers, readers = graph.producers(), graph.consumers()
    norms = [op for op in graph.ops if op.type == "BatchNorm"]
    hosted = [op for op in norms if op.inputs[0] in makers and makers[op.inputs[0]].type in ("Conv", "Dense") and len(readers[op.inputs[0]]) == 1]
    return sum(graph.tensors[op.inputs[1]].elements for op in hosted)


@pytest.mark.parametrize("name", MODELS)
def test_text_form_parses_back(name: str) -> None:
    text = to_text(build(name))
    assert to_text(from_text(text)) == text


@pytest.mark.parametrize("name", MODELS)
def test_folding_batch_norms_keeps_the_macs_and_drops_their_scales(name: str) -> None:
    graph = build(name)
    folded = make_pass("fold_batch_norm")(graph)
    biased = sum(graph.tensors[op.inputs[2]].elements for op in graph.ops if op.type in ("Conv", "Dense") and len(op.inputs) > 2)
    biased_after = sum(folded.tensors[op.inputs[2]].elements for op in folded.ops if op.type in ("Conv", "Dense") and len(op.inputs) > 2)
    assert total_macs(folded) == total_macs(graph)
    assert graph.parameters() - folded.parameters() == 2 * foldable_channels(graph) - (biased_after - biased)
    assert foldable_channels(folded) == 0
