"""Folding: constants, identities, dead code, batch normalisation, padding."""

from __future__ import annotations

import numpy as np
import pytest

from sim.graph.builder import GraphBuilder
from sim.graph.work import total_macs
from sim.passes import make_pass


def test_batch_norm_goes_into_a_convolution(net, same, types):
    graph = net.finish(net.norm(net.conv(net.input("x", (2, 3, 5, 5)), 4)))
    folded = make_pass("fold_batch_norm")(graph)
    assert types(folded) == ["Conv"]
    same(graph, folded)
    assert total_macs(folded) == total_macs(graph)
    assert folded.parameters() == graph.parameters() - 4  # scale and shift become one bias


def test_batch_norm_joins_an_existing_bias(net, same, types):
    x = net.input("x", (1, 4, 3, 3))
    y = net.add("Conv", [x, net.stored("w", (6, 2, 1, 1)), net.stored("bias", (6,))], {"group": 2})
    graph = net.finish(net.norm(y))
    folded = make_pass("fold_batch_norm")(graph)
    assert types(folded) == ["Conv"]
    same(graph, folded)


@pytest.mark.parametrize("group", [1, 2])
def test_batch_norm_goes_into_a_transposed_convolution(net, same, types, group):
    x = net.input("x", (1, 4, 3, 3))
    graph = net.finish(net.norm(net.add("ConvTranspose", [x, net.stored("w", (4, 3, 2, 2))], {"group": group, "strides": 2})))
    folded = make_pass("fold_batch_norm")(graph)
    assert types(folded) == ["ConvTranspose"]
    same(graph, folded)


def test_batch_norm_goes_into_a_dense_layer(net, same, types):
    graph = net.finish(net.norm(net.add("Dense", [net.input("x", (2, 5)), net.stored("w", (3, 5))])))
    folded = make_pass("fold_batch_norm")(graph)
    assert types(folded) == ["Dense"]
    same(graph, folded)


def test_batch_norm_stays_where_the_convolution_has_another_reader(net, types):
    y = net.conv(net.input("x", (1, 3, 4, 4)), 4)
    graph = net.finish(net.add("Add", [net.norm(y), y]))
    assert "BatchNorm" in types(make_pass("fold_batch_norm")(graph))


def test_batch_norm_stays_where_the_weight_is_shared(net, types):
    x, w = net.input("x", (1, 3, 4, 4)), net.stored("w", (3, 3, 1, 1))
    graph = net.finish(net.norm(net.add("Conv", [net.norm(net.add("Conv", [x, w])), w])))
    assert types(make_pass("fold_batch_norm")(graph)).count("BatchNorm") == 2


def test_batch_norm_without_values_is_folded_by_shape(types):
    b = GraphBuilder("net")
    y = b.add("Conv", [b.input("x", (1, 3, 4, 4)), b.weight("w", (8, 3, 1, 1))])
    y = b.add("BatchNorm", [y, *(b.weight(f"p{i}", (8,)) for i in range(2)), *(b.tensor(f"s{i}", (8,), role="constant") for i in range(2))])
    folded = make_pass("fold_batch_norm")(b.finish(y))
    assert types(folded) == ["Conv"]
    assert all(tensor.load is None for tensor in folded.tensors.values())


def test_constants_are_computed(net, same, types):
    x = net.input("x", (2, 3))
    total = net.add("Add", [net.value("a", [[1.0, 2.0, 3.0]]), net.add("Mul", [net.value("b", [2.0]), net.value("c", [1.0, 1.0, 0.5])])])
    graph = net.finish(net.add("Sub", [x, total]))
    folded = make_pass("fold_constants")(graph)
    assert types(folded) == ["Sub"]
    same(graph, folded)


def test_a_moved_weight_stays_a_weight(net, same, types):
    x = net.input("x", (2, 3))
    turned = net.add("Transpose", [net.stored("w", (4, 3))], {"perm": (1, 0)})
    graph = net.finish(net.add("MatMul", [x, turned]))
    folded = make_pass("fold_constants")(graph)
    assert types(folded) == ["MatMul"]
    assert folded.parameters() == graph.parameters() == 12
    same(graph, folded)


def test_a_large_moved_weight_is_read_late():
    b = GraphBuilder("net")
    reads = []

    def load() -> np.ndarray:
        reads.append(1)
        return np.arange(300 * 200.0).reshape(300, 200)

    w = b.tensor("w", (300, 200), role="weight", load=load)
    folded = make_pass("fold_constants")(b.finish(b.add("MatMul", [b.input("x", (1, 200)), b.add("Transpose", [w], {"perm": (1, 0)})])))
    assert not reads
    stored = folded.tensors[folded.ops[0].inputs[1]]
    assert stored.load is not None
    assert stored.load()[3, 5] == 5 * 200 + 3


def test_a_weight_with_two_readers_is_not_doubled(net, types):
    w = net.stored("w", (3, 3))
    x = net.input("x", (2, 3))
    graph = net.finish(net.add("Add", [net.add("MatMul", [x, net.add("Transpose", [w], {"perm": (1, 0)})]), net.add("MatMul", [x, w])]))
    folded = make_pass("fold_constants")(graph)
    assert folded.parameters() <= graph.parameters()


def test_identities_go_and_chains_are_joined(net, same, types):
    x = net.input("x", (2, 3, 4))
    y = net.add("Identity", [net.add("Relu", [x])])
    y = net.add("Reshape", [net.add("Reshape", [y], {"shape": (6, 4)})], {"shape": (4, 6)})
    y = net.add("Transpose", [net.add("Transpose", [y], {"perm": (1, 0)})], {"perm": (1, 0)})
    graph = net.finish(net.add("Relu", [y]))
    simple = make_pass("remove_identities")(graph)
    assert types(simple) == ["Relu", "Reshape", "Relu"]
    same(graph, simple)


def test_an_identity_that_makes_an_output_keeps_its_name(net, same):
    graph = net.finish(net.add("Identity", [net.add("Relu", [net.input("x", (2,))])]))
    simple = make_pass("remove_identities")(graph)
    assert simple.outputs == graph.outputs
    assert len(simple.ops) == 1
    same(graph, simple)


def test_an_identity_between_input_and_output_stays(net):
    graph = net.finish(net.add("Identity", [net.input("x", (2,))]))
    assert len(make_pass("remove_identities")(graph).ops) == 1


def test_dead_code_goes(net, types):
    x = net.input("x", (2, 3))
    net.add("Sigmoid", [net.add("Add", [x, net.stored("unused", (3,))])])
    graph = net.finish(net.add("Relu", [x]))
    live = make_pass("dead_code")(graph)
    assert types(live) == ["Relu"]
    assert live.parameters() == 0


def test_padding_goes_into_a_convolution(net, same, types):
    padded = net.add("Pad", [net.input("x", (1, 2, 4, 4))], {"pads": (0, 0, 1, 0, 0, 0, 2, 1)})
    graph = net.finish(net.conv(padded, 3, pads=(0, 1, 0, 1)))
    fused = make_pass("fuse_pad")(graph)
    assert types(fused) == ["Conv"]
    assert fused.ops[0].attributes["pads"] == (1, 1, 2, 2)
    same(graph, fused)


@pytest.mark.parametrize("attributes", [{"pads": (0, 1, 0, 0, 0, 0, 0, 0)}, {"pads": (0, 0, 1, 1, 0, 0, 1, 1), "mode": "reflect"}])
def test_padding_of_channels_or_by_reflection_stays(types, attributes):
    b = GraphBuilder("net")
    y = b.add("Pad", [b.input("x", (1, 2, 4, 4))], attributes)
    graph = b.finish(b.add("Conv", [y, b.weight("w", (3, b.shape(y)[1], 1, 1))]))
    assert types(make_pass("fuse_pad")(graph)) == ["Pad", "Conv"]
