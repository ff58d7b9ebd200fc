"""Images: scaling that goes into the first convolution, and transposes that only rename the order of axes."""

from __future__ import annotations

import pytest

from sim.passes import make_pass


def _scaled(net, x):
    centred = net.add("Sub", [x, net.stored("mean", (3, 1, 1))])
    return net.add("Div", [centred, net.stored("deviation", (3, 1, 1))])


@pytest.mark.parametrize("bias", [False, True])
def test_scaling_goes_into_a_convolution_that_pads_nothing(net, same, types, bias):
    operands = [_scaled(net, net.input("x", (2, 3, 6, 5))), net.stored("w", (4, 3, 2, 3))] + ([net.stored("bias", (4,))] if bias else [])
    graph = net.finish(net.add("Conv", operands, {"strides": 2}))
    folded = make_pass("fold_scaling")(graph)
    assert types(folded) == ["Conv"]
    same(graph, folded)


def test_one_number_for_all_colours_goes_in_too(net, same, types):
    x = net.add("Mul", [net.add("Add", [net.input("x", (1, 3, 4, 4)), net.stored("a", ())]), net.stored("b", (1,))])
    graph = net.finish(net.add("Conv", [x, net.stored("w", (2, 3, 1, 1))]))
    folded = make_pass("fold_scaling")(graph)
    assert types(folded) == ["Conv"]
    same(graph, folded)


def test_scaling_stays_where_zeros_pad_the_image(net, types):
    graph = net.finish(net.add("Conv", [_scaled(net, net.input("x", (1, 3, 6, 6))), net.stored("w", (4, 3, 3, 3))], {"pads": 1}))
    assert types(make_pass("fold_scaling")(graph)) == ["Sub", "Div", "Conv"]


def test_scaling_stays_where_somebody_else_reads_it(net, types):
    x = _scaled(net, net.input("x", (1, 3, 4, 4)))
    graph = net.finish(net.add("Conv", [x, net.stored("w", (4, 3, 1, 1))]), net.add("Relu", [x]))
    assert "Div" in types(make_pass("fold_scaling")(graph))


def test_scaling_of_other_extents_stays(net, types):
    x = net.add("Mul", [net.input("x", (1, 3, 4, 4)), net.stored("mask", (4, 4))])
    graph = net.finish(net.add("Conv", [x, net.stored("w", (4, 3, 1, 1))]))
    assert types(make_pass("fold_scaling")(graph)) == ["Mul", "Conv"]


def test_transposes_of_images_to_channels_last_and_back_move_nothing(net, types):
    x = net.conv(net.input("x", (1, 3, 4, 4)), 8)
    last = net.add("LayerNorm", [net.add("Transpose", [x], {"perm": (0, 2, 3, 1)}), net.stored("scale", (8,)), net.stored("shift", (8,))])
    first = net.add("Transpose", [net.add("Gelu", [net.add("Dense", [last, net.stored("w", (16, 8))])])], {"perm": (0, 3, 1, 2)})
    graph = make_pass("channels_last")(net.finish(net.add("Relu", [first])))
    assert types(graph) == ["Conv", "Relayout", "LayerNorm", "Dense", "Gelu", "Relayout", "Relu"]
    assert graph.tensors[graph.ops[-1].outputs[0]].shape == (1, 16, 4, 4)


def test_the_same_order_of_axes_over_attention_heads_moves_elements(net, types):
    x = net.add("Reshape", [net.input("x", (1, 6, 8))], {"shape": (1, 6, 2, 4)})
    graph = net.finish(net.add("Transpose", [x], {"perm": (0, 2, 3, 1)}))
    assert types(make_pass("channels_last")(graph)) == ["Reshape", "Transpose"]


def test_another_order_of_axes_moves_elements(net, types):
    graph = net.finish(net.add("Transpose", [net.conv(net.input("x", (1, 3, 4, 4)), 8)], {"perm": (0, 3, 2, 1)}))
    assert types(make_pass("channels_last")(graph)) == ["Conv", "Transpose"]
