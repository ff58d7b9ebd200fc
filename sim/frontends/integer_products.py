"""Layers with quantized inputs and weights whose results stay real: runtimes run them in integers and scale their sums."""

from __future__ import annotations

from device_models.work import DType
from sim.graph.ir import Graph, Op

PRODUCTS = ("Dense", "MatMul")  # what runtimes of Q/DQ files run so (MatMulIntegerToFloat, QGemm without output scale)
LAYERS = ("Conv", "ConvTranspose", "Dense", "MatMul")
_INTEGERS = (DType.I8, DType.I4)


def take_integers(graph: Graph, layers: tuple[str, ...], *, real_bias: bool = False) -> Graph:
    """Let these layers read the integers behind Dequantize operators directly, in place; returns the graph.

    ``real_bias``: also those with a bias in floating point.
    """
    makers = graph.producers()
    for op in graph.ops:
        if op.type not in layers or len(op.inputs) < 2 or (not real_bias and _has_real_bias(graph, op)):
            continue
        sources = [_integers(graph, makers, name) for name in op.inputs[:2]]
        if "" in sources or sources == list(op.inputs[:2]):
            continue
        real = graph.tensors[op.outputs[0]].dtype
        op.inputs = (*sources, *op.inputs[2:])
        op.attributes = {**op.attributes, "out_dtype": real}
    read = {name for op in graph.ops for name in op.all_inputs} | set(graph.outputs)
    graph.ops = [op for op in graph.ops if op.type != "Dequantize" or op.outputs[0] in read]
    graph.drop_unused_tensors()
    return graph


def _has_real_bias(graph: Graph, op: Op) -> bool:
    return len(op.inputs) > 2 and bool(op.inputs[2]) and graph.tensors[op.inputs[2]].dtype is not DType.I32


def _integers(graph: Graph, makers: dict[str, Op], name: str) -> str:
    """The integer tensor behind an operand, ``""`` if it has none."""
    if not name:
        return ""
    if graph.tensors[name].dtype in _INTEGERS:
        return name
    maker = makers.get(name)
    if maker is not None and maker.type == "Dequantize" and graph.tensors[maker.inputs[0]].dtype in _INTEGERS:
        return maker.inputs[0]
    return ""
