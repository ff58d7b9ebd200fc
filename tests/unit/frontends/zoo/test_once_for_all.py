"""Subnets of the once-for-all network, against a count from its published description and against ONNX's own shape inference."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.graph.ir import Graph
from sim.graph.work import total_macs

Options = dict[str, object]


def random_subnet(seed: int) -> Options:
    dice = random.Random(seed)
    return {
        "width": dice.choice((1.0, 1.2)),
        "resolution": dice.choice(range(128, 225, 4)),
        "depths": [dice.choice((2, 3, 4)) for _ in range(5)],
        "kernels": [dice.choice((3, 5, 7)) for _ in range(20)],
        "expansions": [dice.choice((3, 4, 6)) for _ in range(20)],
    }


def eights(channels: float) -> int:
    """Rounded to eights, not below nine tenths."""
    near = max(8, 8 * math.floor(channels / 8 + 0.5))
    return near + 8 if near < 0.9 * channels else near


def counted(width: float, resolution: int, depths: list[int], kernels: list[int], expansions: list[int]) -> tuple[int, int]:
    """MACs and parameters layer by layer, as arXiv 1908.09791 and MobileNet V3 describe the network; every stride halves, rounding up."""
    narrow, extent = eights(16 * width), math.ceil(resolution / 2)
    macs = extent**2 * narrow * 27 + extent**2 * narrow * (9 + narrow)
    parameters = narrow * 27 + 2 * narrow + 9 * narrow + 2 * narrow + narrow * narrow + 2 * narrow
    for stage, (base, stride, excited) in enumerate(((24, 2, False), (40, 2, True), (80, 2, False), (112, 1, True), (160, 2, True))):
        wide = eights(base * width)
        for block in range(depths[stage]):
            kernel, inner = kernels[4 * stage + block], eights(narrow * expansions[4 * stage + block])
            before, extent = extent, math.ceil(extent / (stride if block == 0 else 1))
            macs += before**2 * narrow * inner + extent**2 * inner * (kernel**2 + wide)
            parameters += narrow * inner + 2 * inner + kernel**2 * inner + 2 * inner + inner * wide + 2 * wide
            if excited:
                reduced = eights(inner / 4)
                macs += 2 * inner * reduced
                parameters += 2 * inner * reduced + reduced + inner
            narrow = wide
    head, hidden = eights(960 * width), eights(1280 * width)
    macs += extent**2 * narrow * head + head * hidden + hidden * 1000
    return macs, parameters + narrow * head + 2 * head + head * hidden + hidden * 1000 + 1000


@pytest.mark.parametrize("seed", range(25))
def test_work_and_parameters_are_those_of_the_description(seed: int) -> None:
    options = random_subnet(seed)
    graph = build("once_for_all", **options)
    assert (total_macs(graph), graph.parameters()) == counted(**options)  # type: ignore[arg-type]


def with_zeros(graph: Graph) -> Graph:
    for tensor in graph.tensors.values():
        if tensor.role in ("weight", "constant") and tensor.load is None:
            tensor.load = lambda shape=tensor.shape: np.zeros(shape, np.float32)  # type: ignore[misc]
    return graph


@pytest.mark.parametrize("seed", [100, 101, 102])
def test_onnx_infers_the_same_shapes_and_work(seed: int) -> None:
    import onnx

    from sim.frontends.onnx.export import export_onnx

    graph = build("once_for_all", **random_subnet(seed))
    inferred = onnx.shape_inference.infer_shapes(export_onnx(with_zeros(graph)), strict_mode=True, data_prop=True).graph
    shapes = {value.name: [extent.dim_value for extent in value.type.tensor_type.shape.dim] for value in (*inferred.value_info, *inferred.output)}
    shapes |= {weights.name: list(weights.dims) for weights in inferred.initializer}
    macs = 0
    for node in inferred.node:
        assert all(name in shapes for name in node.output)
        if node.op_type == "Conv":
            macs += math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            macs += math.prod(shapes[node.output[0]]) * 1536 if shapes[node.input[1]].count(1536) else math.prod(shapes[node.output[0]]) * 1280
    assert macs == total_macs(graph)


def test_blocks_that_do_not_run_say_nothing() -> None:
    shallow: Options = {"depths": 2, "kernels": [3, 5, 3, 3] * 5, "expansions": [3, 4, 3, 3] * 5}
    other = {**shallow, "kernels": [3, 5, 7, 7] * 5, "expansions": [3, 4, 6, 6] * 5}
    first, second = build("once_for_all", **shallow), build("once_for_all", **other)
    assert [(op.type, op.inputs, op.attributes) for op in first.ops] == [(op.type, op.inputs, op.attributes) for op in second.ops]
    assert {name: tensor.shape for name, tensor in first.tensors.items()} == {name: tensor.shape for name, tensor in second.tensors.items()}


def test_one_number_stands_for_every_block() -> None:
    assert total_macs(build("once_for_all", kernels=3)) == total_macs(build("once_for_all", kernels=[3] * 20))


def test_lists_are_checked_entry_by_entry_and_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(EdgesimError) as caught:
        build("once_for_all", depths=[2, 3, 4], kernels=[3] * 19 + [4], expansions=[True] * 20, width="wide")
    told = str(caught.value)
    assert "option 'depths'" in told and "a list of 5, each 2 or 3 or 4, or one of these for all" in told
    assert "option 'kernels'" in told and "option 'expansions'" in told and "option 'width'" in told
