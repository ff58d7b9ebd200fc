"""Removing random channels keeps every network valid, and its work is what an independent count on the exported file says."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.frontends.onnx.export import export_onnx, random_fill
from sim.frontends.zoo import build
from sim.graph.verify import verify
from sim.graph.work import total_macs
from sim.passes.compression.channel_removal import remove_channels
from sim.passes.compression.channel_rules import channels_of

onnx = pytest.importorskip("onnx")
NETWORKS = ("resnet18", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "squeezenet1_1", "ds_cnn", "regnet_y_400mf", "googlenet", "mobilevit_xxs")


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
        elif node.op_type in ("Gemm", "MatMul"):
            total += made * (shapes[node.input[0]][-1])
    return total


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.95))
def test_random_channel_masks(name, seed, share):
    graph = build(name)
    channels = channels_of(graph)
    random = np.random.default_rng(seed)
    roots = np.unique(np.concatenate([channels.roots(channels.stored[key]) for key in channels.makers]))
    remove_channels(graph, channels, {int(root) for root in roots if random.random() < share})
    verify(graph)
    assert total_macs(graph) == macs_of_file(export_onnx(graph, fill=random_fill()))
