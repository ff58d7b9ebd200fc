"""Hybrid kernels: what their file marks is quantized at run time, each layer for itself."""

from __future__ import annotations

from device_models.work import DType
from sim.compiler.pipeline import lower
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.work import graph_work
from sim.passes.hybrid_layers import HybridLayers


def hybrid() -> Graph:
    """Two dense layers of 8-bit weights that read one float, and one of float weights."""
    builder = GraphBuilder("hybrid")
    x = builder.input("x", (1, 64))
    weights = [builder.weight(f"w{i}", (32, 64), DType.I8) for i in range(2)]
    both = [builder.add("Dense", [x, weight], {"hybrid": True}) for weight in weights]
    total = builder.add("Add", both)
    return builder.finish(builder.add("Dense", [total, builder.weight("w2", (8, 32))]))


def test_each_layer_quantizes_its_own_input() -> None:
    graph = HybridLayers()(hybrid())
    assert [op.type for op in graph.ops] == ["DynamicQuantize", "Dense", "DynamicQuantize", "Dense", "Add", "Dense"]
    for op in graph.ops:
        if op.type == "Dense" and op.inputs[1] != "w2":
            assert graph.tensors[op.inputs[0]].dtype is DType.I8 and graph.tensors[op.outputs[0]].dtype is DType.F32
    assert HybridLayers()(graph).ops == graph.ops  # once is enough


def test_the_runtime_prices_the_products_in_integers() -> None:
    ops, work = graph_work(lower(hybrid(), "tflite", "as_stored"))
    formats = {op.name: DType(work.dtype[i]) for i, op in enumerate(ops) if op.type == "Dense"}
    assert sorted(formats.values()) == [DType.F32, DType.I8, DType.I8]
    ops, work = graph_work(lower(hybrid(), "onnxruntime", "as_stored"))
    assert {DType(work.dtype[i]) for i, op in enumerate(ops) if op.type == "Dense"} == {DType.F32}
