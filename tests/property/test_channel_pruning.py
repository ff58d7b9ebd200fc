"""Removing random channels keeps every network valid, and its work is what an independent count on the exported file says."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.frontends.onnx.export import export_onnx, random_fill
from sim.frontends.zoo import MODELS, build, describe
from sim.graph.verify import verify
from sim.graph.work import total_macs
from sim.passes.compression.channel_removal import remove_channels
from sim.passes.compression.channel_rules import channels_of
from sim.passes.compression.channels import FIXED
from sim.passes.dead_code import DeadCode

onnx = pytest.importorskip("onnx")
OFTEN = ("resnet18", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "squeezenet1_1", "ds_cnn", "regnet_y_400mf", "googlenet", "mobilevit_xxs")
TEXT = ("text encoding", "text generation", "speech recognition")
DETECTION = ("DetectionOutput", "NonMaxSuppression")  # which have no ONNX form


def convolutional() -> list[str]:
    """Every built-in network with at least three convolutions."""
    found = [name for name, entry in MODELS.items() if describe(name)["task"] not in TEXT]
    return [name for name in found if sum(op.type in ("Conv", "ConvTranspose") for op in build(name).ops) >= 3]


def macs_of_file(model) -> int:
    """Products counted from the shapes that onnx infers."""
    found = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in (*found.value_info, *found.input, *found.output)}
    shapes |= {tensor.name: list(tensor.dims) for tensor in found.initializer}
    total = 0
    for node in found.node:
        made = prod(shapes.get(node.output[0], [0]))
        if node.op_type == "Conv":
            total += made * prod(shapes[node.input[1]][1:])
        elif node.op_type == "ConvTranspose":
            total += prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            total += made * (shapes[node.input[0]][-1])
    return total


def before_detection(graph):
    """The network without the operators that pick boxes, what comes after them, and the anchors that nothing but they read."""
    graph, lost, kept, ends = graph.copy(), set(), [], []
    seen = set(graph.inputs)  # what depends on the image
    for op in graph.ops:
        seen.update(op.outputs if seen.intersection(op.inputs) else ())
        if op.type in DETECTION or lost.intersection(op.inputs):
            lost.update(op.outputs)
            ends += [name for name in op.inputs if name in seen and name not in lost]
        else:
            kept.append(op)
    graph.ops = kept
    graph.outputs = list(dict.fromkeys([*(name for name in graph.outputs if name not in lost), *ends]))
    DeadCode().apply(graph)
    graph.drop_unused_tensors()
    return graph


def check(name, seed, share):
    graph = build(name)
    channels = channels_of(graph)
    random = np.random.default_rng(seed)
    roots = np.unique(np.concatenate([channels.roots(channels.stored[key]) for key in channels.makers]))
    before, gone = graph.parameters(), {int(root) for root in roots if random.random() < share}
    remove_channels(graph, channels, gone)
    verify(graph)
    assert (graph.parameters() < before) == bool(gone - {FIXED})
    rest = before_detection(graph)
    assert total_macs(graph) == total_macs(rest) == macs_of_file(export_onnx(rest, fill=random_fill()))


@pytest.mark.parametrize("name", OFTEN)
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.95))
def test_random_channel_masks(name, seed, share):
    check(name, seed, share)


@pytest.mark.parametrize("name", sorted(set(convolutional()) - set(OFTEN)))
@settings(max_examples=1)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.2, 0.8))
def test_random_channel_masks_of_every_other_network(name, seed, share):
    check(name, seed, share)


def test_every_convolutional_network_is_covered():
    assert len(convolutional()) > 70 and set(OFTEN) <= set(convolutional())
