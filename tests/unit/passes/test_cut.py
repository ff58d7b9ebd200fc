"""Cutting graphs: what crosses, which parts are complete, and that two parts compute what the whole does (judged by ONNX Runtime)."""

from __future__ import annotations

import numpy as np
import pytest

from sim.errors import EdgesimError
from sim.frontends.layers import import_layers
from sim.frontends.zoo import build
from sim.graph.ir import Graph
from sim.graph.work import graph_work
from sim.passes.cut import cuts, extract, part_of

NET = [
    {"op": "conv", "out": 4, "kernel": 3, "activation": "relu", "name": "stem"},
    {"op": "conv", "out": 4, "kernel": 3, "name": "left"},
    {"op": "conv", "out": 4, "kernel": 1, "from": "stem", "name": "right"},
    {"op": "add", "from": ["left", "right"], "name": "join"},
    {"op": "maxpool", "kernel": 2, "stride": 2, "name": "pool"},
    {"op": "global_average_pool"},
    {"op": "dense", "out": 5, "name": "classes"},
]


def net() -> Graph:
    return import_layers("net", {"shape": [1, 3, 8, 8]}, NET)


def tip(graph: Graph, op: str) -> str:
    """What an operator makes."""
    return next(one for one in graph.ops if one.name == op).outputs[0]


def macs(graph: Graph) -> float:
    return float(graph_work(graph)[1].macs.sum())


def test_cuts_of_a_branching_net_by_hand() -> None:
    graph = net()
    found = {cut.after: cut for cut in cuts(graph)}
    assert (found[""].tensors, found[""].bytes) == (("input",), 3 * 64 * 4)
    assert set(found["left"].tensors) == {tip(graph, "stem/relu"), tip(graph, "left")}
    assert found["left"].bytes == 2 * 4 * 64 * 4 and found["left"].valid and not found["left"].single
    assert found["join"].single and found["join"].bytes == 4 * 64 * 4
    assert found["pool"].single and found["pool"].bytes == 4 * 16 * 4
    assert found["classes"].tensors == tuple(graph.outputs) and found["classes"].bytes == 5 * 4
    assert len(cuts(graph)) == len(graph.ops) + 1


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "ds_cnn", "squeezenet1_1", "yolov5n", "nomic_embed_text"])
def test_at_every_cut_both_sides_are_graphs_with_the_work_of_the_whole(name: str) -> None:
    graph = build(name)
    whole = macs(graph)
    for cut in cuts(graph)[1:-1:7]:
        assert cut.valid
        first = {op.name for op in graph.ops[: cut.position]}
        made = [tensor for tensor in cut.tensors if tensor not in graph.inputs]
        before, after = (
            part_of(graph, first, made or [graph.ops[cut.position - 1].outputs[0]]),
            part_of(graph, {op.name for op in graph.ops} - first, graph.outputs),
        )
        assert macs(before) + macs(after) == pytest.approx(whole)
        assert set(after.inputs) == set(cut.tensors)
        assert sum(after.tensors[tensor].bytes for tensor in after.inputs) == pytest.approx(cut.bytes)


def test_from_and_until_at_the_same_name_are_the_whole() -> None:
    graph = build("resnet18")
    first, second = extract(graph, until=["stage2/block1/relu"]), extract(graph, since=["stage2/block1/relu", "stage1/block2/relu_1"])
    assert macs(first) < macs(graph)
    names = {op.name for op in graph.ops}
    assert {op.name for op in extract(graph).ops} == names
    assert {op.name for op in first.ops} | {op.name for op in second.ops} == names
    middle = extract(graph, ["stage1/block1/relu_1"], ["stage2/block2/relu_1"])
    parts = [extract(graph, until=["stage1/block1/relu_1"]), middle, extract(graph, ["stage2/block2/relu_1"])]
    assert sum(macs(part) for part in parts) == pytest.approx(macs(graph))
    assert [op.name for part in parts for op in part.ops] == [op.name for op in graph.ops]


def test_two_parts_compute_what_the_whole_computes() -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from sim.frontends.onnx.export import export_onnx, random_fill

    graph = net()

    def run(part: Graph, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        session = runtime.InferenceSession(export_onnx(part, fill=random_fill()).SerializeToString(), providers=["CPUExecutionProvider"])
        return dict(zip(part.outputs, session.run(part.outputs, {name: feeds[name] for name in part.inputs}), strict=True))

    feeds = {"input": np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)}
    whole = run(graph, feeds)
    for cut in cuts(graph)[1:-1]:
        first = {op.name for op in graph.ops[: cut.position]}
        handed = run(part_of(graph, first, [name for name in cut.tensors if name not in graph.inputs]), feeds)
        rest = run(part_of(graph, {op.name for op in graph.ops} - first, graph.outputs), {**feeds, **handed})
        for name, values in whole.items():
            np.testing.assert_allclose(rest[name], values, rtol=1e-5, atol=1e-6)


def test_the_cut_graph_is_left_alone() -> None:
    graph = net()
    before = [(op.name, op.inputs, op.outputs) for op in graph.ops], dict(graph.tensors)
    part = extract(graph, ["join"])
    part.tensors[part.inputs[0]].shape = (9,)
    part.ops[0].attributes["odd"] = 1
    assert ([(op.name, op.inputs, op.outputs) for op in graph.ops], dict(graph.tensors)) == before
    assert "odd" not in graph.ops[-1].attributes


@pytest.mark.parametrize(
    ("since", "until", "path", "what"),
    [
        (["joint"], [], "from", "no operator or tensor 'joint'; did you mean 'join' or 'input'?"),
        ([], ["classs"], "until", "did you mean 'classes'?"),
        (["left"], [], "from", "the part also needs"),
        (["classes"], [], "from", "nothing of the model is left"),
        (["pool"], ["join"], "until", "no operator lies between"),
        (["pool", "stem"], [], "from", "the part does not need"),
    ],
)
def test_mistakes_are_said(since: list[str], until: list[str], path: str, what: str) -> None:
    with pytest.raises(EdgesimError) as error:
        extract(net(), since, until)
    (problem,) = error.value.problems
    assert problem.path == path and what in problem.what


def test_a_cut_through_state_is_refused() -> None:
    graph = build("tinyllama_1.1b")
    split = [cut for cut in cuts(graph) if not cut.valid]
    assert split and all("cache" in name for cut in split for name in cut.split_state)
    with pytest.raises(EdgesimError, match=r"the cut goes through state kept between runs \('layer0/key_cache.cache'\)"):
        extract(graph, until=["layer0/key_cache"])
    with pytest.raises(EdgesimError, match="is a state of"):
        extract(graph, until=["layer0/key_cache.cache"])
    whole = next(cut for cut in cuts(graph) if cut.single and cut.position > 40)
    assert extract(graph, until=list(whole.tensors)).ops
