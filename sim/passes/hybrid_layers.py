"""Layers with integer weights on float activations, run as hybrid kernels do: inputs quantized at run time, products in integers."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.base import PASSES, Pass
from sim.passes.conversion import FLOATS
from sim.passes.edit import fresh_name, fresh_op_name


@PASSES.register("hybrid_layers")
@dataclass(frozen=True)
class HybridLayers(Pass):
    """Each of ``layers`` that its file marks as hybrid quantizes its own input (scales found at run time) and scales its sums back to floats."""

    name = "hybrid_layers"
    layers: tuple[str, ...] = ("Conv", "Dense", "MatMul", "SVDF", "LSTM", "ProjectedLSTM", "RNN")

    def apply(self, graph: Graph) -> None:
        ops: list[Op] = []
        for op in graph.ops:
            x = graph.tensors[op.inputs[0]] if op.type in self.layers and op.attributes.get("hybrid") else None
            if x is not None and x.dtype in FLOATS:
                ops.append(_quantize_input(graph, op, x))
            ops.append(op)
        graph.ops = ops


def _quantize_input(graph: Graph, op: Op, x: Tensor) -> Op:
    """The DynamicQuantize in front of a layer, which then reads integers and writes the floats it wrote before."""
    names = []
    for suffix, shape, dtype in (("quantized", x.shape, DType.I8), ("scale", (), DType.F32), ("zero", (), DType.I8)):
        names.append(fresh_name(graph, f"{op.name}.{suffix}"))
        graph.tensors[names[-1]] = Tensor(names[-1], shape, dtype)
    result = graph.tensors[op.outputs[0]].dtype  # states of recurrent layers stay floats, too, and are rounded inside the kernel
    op.inputs = (names[0], *op.inputs[1:])
    op.attributes = {**{key: value for key, value in op.attributes.items() if key != "hybrid"}, "out_dtype": result}
    return Op(fresh_op_name(graph, f"{op.name}.quantize"), "DynamicQuantize", (x.name,), tuple(names), {"to": DType.I8})
