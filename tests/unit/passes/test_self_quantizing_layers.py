"""Int8 layers that quantize for themselves: what stays integer, what becomes float, and who quantizes."""

from __future__ import annotations

from device_models.work import DType
from sim.frontends.zoo.net import Net
from sim.graph.ir import Graph
from sim.passes import make_pass


def lowered(net: Net, *outputs: str) -> Graph:
    graph = make_pass("precision", {"to": "int8", "only": ["Conv", "Dense"]})(net.finish(*outputs))
    return make_pass("self_quantizing_layers")(graph)


def formats(graph: Graph, type: str) -> list[DType]:
    return [graph.tensors[op.outputs[0]].dtype for op in graph.ops if op.type == type]


def count(graph: Graph, type: str) -> int:
    return sum(op.type == type for op in graph.ops)


def image(net: Net) -> str:
    return net.input("image", (1, 8, 6, 6))


def test_integers_pass_from_convolution_to_convolution() -> None:
    net = Net("chain")
    graph = lowered(net, net.conv(net.conv(image(net), 8), 8))
    assert formats(graph, "Conv") == [DType.I8, DType.F32]
    assert (count(graph, "Quantize"), count(graph, "Dequantize")) == (1, 0)


def test_what_anything_else_reads_is_float_and_each_layer_quantizes_it_for_itself() -> None:
    net = Net("branches")
    x = net.conv(image(net), 8)
    parts = [net.conv(x, 8), net.conv(x, 8), net.add("Relu", [x])]
    graph = lowered(net, net.concat(parts))
    assert formats(graph, "Conv") == [DType.F32] * 3
    assert (count(graph, "Quantize"), count(graph, "Dequantize")) == (3, 0)


def test_pooling_runs_on_floats() -> None:
    net = Net("pooled")
    graph = lowered(net, net.conv(net.pool(net.conv(image(net), 8), "MaxPool", 2, 2), 8))
    assert formats(graph, "MaxPool") == [DType.F32]
    assert count(graph, "Quantize") == 2


def test_fully_connected_layers_give_floats_even_to_each_other() -> None:
    net = Net("dense")
    graph = lowered(net, net.dense(net.dense(net.input("rows", (1, 16)), 8), 4))
    assert formats(graph, "Dense") == [DType.F32, DType.F32]
    assert count(graph, "Quantize") == 2


def test_a_float_network_is_left_alone() -> None:
    net = Net("float")
    graph = net.finish(net.conv(net.conv(image(net), 8), 8))
    assert [op.type for op in make_pass("self_quantizing_layers")(graph).ops] == ["Conv", "Conv"]
