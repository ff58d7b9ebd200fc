"""Fusing: epilogues, activations, normalisations, attention, channel shuffle."""

from __future__ import annotations

import pytest

from sim.graph.work import total_macs
from sim.passes import make_pass


def test_bias_and_activation_go_into_a_convolution(net, same, types):
    y = net.add("Add", [net.conv(net.input("x", (1, 2, 4, 4)), 3), net.stored("b", (1, 3, 1, 1))])
    graph = net.finish(net.add("Relu", [y]))
    fused = make_pass("fuse_epilogue")(graph)
    assert types(fused) == ["Conv+Add+Relu"]
    same(graph, fused)
    assert total_macs(fused) == total_macs(graph)
    assert fused.parameters() == graph.parameters()


def test_a_bias_vector_becomes_the_operand_of_a_dense_layer(net, same, types):
    y = net.add("Dense", [net.input("x", (2, 4)), net.stored("w", (3, 4))])
    graph = net.finish(net.add("Add", [net.stored("b", (3,)), y]))
    fused = make_pass("fuse_epilogue")(graph)
    assert types(fused) == ["Dense"]
    assert len(fused.ops[0].inputs) == 3
    same(graph, fused)


def test_block_scales_stay_when_a_bias_joins_the_layer(net, types):
    """Operands behind the bias are the scales and zero points of weights quantized in blocks."""
    y = net.add("Dense", [net.input("x", (2, 8)), net.stored("w", (3, 8)), "", net.stored("scales", (3, 2))])
    graph = net.finish(net.add("Add", [y, net.stored("b", (3,))]))
    fused = make_pass("fuse_epilogue")(graph)
    assert types(fused) == ["Dense"]
    assert fused.ops[0].inputs == ("x", "w", "b", "scales")
    assert fused.stored_bytes() == graph.stored_bytes()


def test_a_residual_addition_is_fused_where_the_runtime_does(net, same, types):
    x = net.input("x", (1, 3, 4, 4))
    y = net.conv(net.add("Relu", [net.conv(x, 3)]), 3)
    graph = net.finish(net.add("Relu", [net.add("Add", [y, x])]))
    fused = make_pass("fuse_epilogue", {"residual": True})(graph)
    assert types(fused) == ["Conv+Relu", "Conv+Add+Relu"]
    same(graph, fused)
    apart = make_pass("fuse_epilogue")(graph)
    assert types(apart) == ["Conv+Relu", "Conv", "Add+Relu"]
    same(graph, apart)


def test_a_residual_operand_that_comes_later_moves_the_host(net, same, types):
    x = net.input("x", (1, 3, 4, 4))
    early = net.conv(x, 3)
    late = net.add("Sigmoid", [x])
    graph = net.finish(net.add("Add", [early, late]))
    fused = make_pass("fuse_epilogue", {"residual": True})(graph)
    assert types(fused) == ["Sigmoid", "Conv+Add"]
    same(graph, fused)


def test_a_result_with_two_readers_keeps_its_activation_apart(net, same, types):
    y = net.conv(net.input("x", (1, 3, 4, 4)), 3)
    graph = net.finish(net.add("Mul", [net.add("Relu", [y]), y]))
    fused = make_pass("fuse_epilogue")(graph)
    assert types(fused)[0] == "Conv"
    same(graph, fused)


def test_an_activation_the_runtime_does_not_fuse_stays(net, types):
    graph = net.finish(net.add("Tanh", [net.conv(net.input("x", (1, 3, 4, 4)), 3)]))
    assert types(make_pass("fuse_epilogue")(graph)) == ["Conv", "Tanh"]
    assert types(make_pass("fuse_epilogue", {"activations": ["Tanh"]})(graph)) == ["Conv+Tanh"]


def _swish(n, x):
    return n.add("Mul", [n.add("Sigmoid", [x]), x])


def _hard_swish(n, x):
    return n.add("Div", [n.add("Mul", [x, n.add("Clip", [n.add("Add", [x, n.value("three", 3.0)])], {"min": 0.0, "max": 6.0})]), n.value("six", [6.0])])


def _hard_swish_by_hard_sigmoid(n, x):
    return n.add("Mul", [x, n.add("HardSigmoid", [x], {"alpha": 1 / 6, "beta": 0.5})])


def _gelu(n, x):
    inner = n.add("Erf", [n.add("Div", [x, n.value("root", 2**0.5)])])
    return n.add("Mul", [n.add("Mul", [x, n.add("Add", [inner, n.value("one", 1.0)])]), n.value("half", 0.5)])


def _gelu_half_first(n, x):
    inner = n.add("Add", [n.value("one", 1.0), n.add("Erf", [n.add("Mul", [x, n.value("root", 0.5**0.5)])])])
    return n.add("Mul", [n.add("Mul", [n.value("half", 0.5), x]), inner])


def _gelu_by_tanh(n, x):
    cube = n.add("Mul", [n.add("Pow", [x, n.value("three", 3.0)]), n.value("c", 0.044715)])
    inner = n.add("Tanh", [n.add("Mul", [n.add("Add", [x, cube]), n.value("k", 0.7978845608)])])
    return n.add("Mul", [n.add("Mul", [x, n.value("half", 0.5)]), n.add("Add", [inner, n.value("one", 1.0)])])


def _quick_gelu(n, x):
    return n.add("Mul", [x, n.add("Sigmoid", [n.add("Mul", [x, n.value("k", 1.702)])])])


def _mish(n, x):
    return n.add("Mul", [x, n.add("Tanh", [n.add("Softplus", [x])])])


WRITTEN_OUT = [
    (_swish, "Swish"), (_hard_swish, "HardSwish"), (_hard_swish_by_hard_sigmoid, "HardSwish"), (_gelu, "Gelu"), (_gelu_half_first, "Gelu"),
    (_gelu_by_tanh, "Gelu"), (_quick_gelu, "QuickGelu"), (_mish, "Mish"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "name"), WRITTEN_OUT)
def test_an_activation_written_out_is_recognised(net, same, types, write, name):
    graph = net.finish(write(net, net.add("Relu", [net.input("x", (2, 7))])))
    found = make_pass("recognise_activations")(graph)
    assert types(found) == ["Relu", name]
    same(graph, found)


@pytest.mark.parametrize(("write", "name"), WRITTEN_OUT)
def test_an_activation_the_runtime_does_not_know_stays_written_out(net, types, write, name):
    graph = net.finish(write(net, net.input("x", (2, 7))))
    assert types(make_pass("recognise_activations", {"only": []})(graph)) == types(graph)


def test_almost_an_activation_is_left_alone(net, types):
    x = net.input("x", (2, 7))
    graph = net.finish(net.add("Mul", [x, net.add("Sigmoid", [net.add("Mul", [x, net.value("k", 1.5)])])]))
    assert types(make_pass("recognise_activations")(graph)) == types(graph)


def test_a_gate_of_another_tensor_is_no_swish(net, types):
    x, other = net.input("x", (2, 7)), net.input("y", (2, 7))
    graph = net.finish(net.add("Mul", [x, net.add("Sigmoid", [other])]))
    assert types(make_pass("recognise_activations")(graph)) == types(graph)


def test_an_inner_result_somebody_reads_keeps_the_arithmetic(net, types):
    x = net.input("x", (2, 7))
    gate = net.add("Sigmoid", [x])
    graph = net.finish(net.add("Mul", [x, gate]), gate)
    assert types(make_pass("recognise_activations")(graph)) == types(graph)


def _layer_norm(n, x, power):
    centred = n.add("Sub", [x, n.add("Reduce", [x], {"mode": "mean", "axes": (2,)})])
    square = n.add("Pow", [centred, n.value("two", 2.0)]) if power else n.add("Mul", [centred, centred])
    variance = n.add("Reduce", [square], {"mode": "mean", "axes": (2,)})
    return n.add("Div", [centred, n.add("Sqrt", [n.add("Add", [variance, n.value("eps", 1e-3)])])])


@pytest.mark.parametrize("power", [True, False])
@pytest.mark.parametrize("affine", [0, 1, 2])
def test_layer_norm_written_out_is_recognised(net, same, types, power, affine):
    y = _layer_norm(net, net.input("x", (2, 3, 8)), power)
    y = net.add("Mul", [y, net.stored("gamma", (8,))]) if affine else y
    y = net.add("Add", [y, net.stored("beta", (8,))]) if affine == 2 else y
    graph = net.finish(y)
    found = make_pass("recognise_norms")(graph)
    assert types(found) == ["LayerNorm", "Add"][:1]
    assert found.ops[0].attributes["epsilon"] == 1e-3
    assert found.parameters() == graph.parameters()
    same(graph, found)


def test_rms_norm_written_out_is_recognised(net, same, types):
    x = net.input("x", (2, 3, 8))
    mean = net.add("Reduce", [net.add("Square", [x])], {"mode": "mean", "axes": (2,)})
    inverse = net.add("Reciprocal", [net.add("Sqrt", [net.add("Add", [mean, net.value("eps", 1e-5)])])])
    graph = net.finish(net.add("Mul", [net.stored("gamma", (8,)), net.add("Mul", [x, inverse])]))
    found = make_pass("recognise_norms")(graph)
    assert types(found) == ["RMSNorm"]
    same(graph, found)


def test_a_norm_over_another_axis_stays(net, types):
    x = net.input("x", (2, 3, 8))
    mean = net.add("Reduce", [net.add("Square", [x])], {"mode": "mean", "axes": (1,)})
    graph = net.finish(net.add("Div", [x, net.add("Sqrt", [mean])]))
    assert types(make_pass("recognise_norms")(graph)) == types(graph)


def test_channel_shuffle_is_recognised(net, same, types):
    x = net.input("x", (2, 6, 4, 4))
    y = net.add("Reshape", [x], {"shape": (2, 3, 2, 4, 4)})
    y = net.add("Transpose", [y], {"perm": (0, 2, 1, 3, 4)})
    graph = net.finish(net.add("Reshape", [y], {"shape": (2, 6, 4, 4)}))
    found = make_pass("fuse_channel_shuffle")(graph)
    assert types(found) == ["ChannelShuffle"]
    same(graph, found)


@pytest.mark.parametrize("keys", ["transpose_b", "transposed", "plain"])
@pytest.mark.parametrize("mask", [False, True])
def test_attention_is_recognised(net, same, types, keys, mask):
    q, v = net.input("q", (1, 2, 5, 4)), net.input("v", (1, 2, 6, 3))
    if keys == "transposed":  # from [batch, positions, heads, features], as exporters write it
        k = net.add("Transpose", [net.input("k", (1, 6, 2, 4))], {"perm": (0, 2, 3, 1)})
    else:
        k = net.input("k", (1, 2, 6, 4) if keys == "transpose_b" else (1, 2, 4, 6))
    scores = net.add("MatMul", [q, k], {"transpose_b": True} if keys == "transpose_b" else {})
    scores = net.add("Div", [scores, net.value("root", 2.0)])
    scores = net.add("Add", [scores, net.stored("mask", (1, 1, 5, 6), "constant")]) if mask else scores
    graph = net.finish(net.add("MatMul", [net.add("Softmax", [scores], {"axis": -1}), v]))
    found = make_pass("fuse_attention")(graph)
    assert types(found) == (["Attention"] if keys == "transpose_b" else ["Transpose", "Attention"])
    same(graph, found)
    assert total_macs(found) == total_macs(graph)


def test_scores_that_are_an_output_keep_the_products(net, types):
    q, k, v = net.input("q", (1, 2, 5, 4)), net.input("k", (1, 2, 4, 6)), net.input("v", (1, 2, 6, 3))
    weights = net.add("Softmax", [net.add("MatMul", [q, k])], {"axis": -1})
    graph = net.finish(net.add("MatMul", [weights, v]), weights)
    assert types(make_pass("fuse_attention")(graph)) == types(graph)


def test_code_generators_fuse_whole_chains(net, same, types):
    """A convolution, its activation, a gate of another branch and a clamp are one kernel."""
    x = net.input("x", (1, 3, 4, 4))
    gate = net.add("Softmax", [x])
    y = net.add("Mul", [net.add("Relu", [net.conv(x, 3)]), gate])
    graph = net.finish(net.add("Sigmoid", [y]))
    options = {"hosts": ["Conv", "MaxPool"], "activations": ["Relu", "Sigmoid"], "chain": True, "arithmetic": ["Mul", "Add"]}
    fused = make_pass("fuse_epilogue", options)(graph)
    assert types(fused) == ["Softmax", "Conv+Relu+Mul+Sigmoid"]
    same(graph, fused)
    assert "Mul" in types(make_pass("fuse_epilogue", {**options, "chain": False})(graph))


def test_a_constant_added_to_a_pool_is_no_bias(net, types):
    pool = net.add("MaxPool", [net.input("x", (1, 3, 4, 4))], {"kernel": 2, "strides": 2})
    graph = net.finish(net.add("Add", [pool, net.stored("b", (3, 1, 1))]))
    fused = make_pass("fuse_epilogue", {"hosts": ["MaxPool"], "chain": True, "arithmetic": ["Add"]})(graph)
    assert types(fused) == ["MaxPool+Add"]
