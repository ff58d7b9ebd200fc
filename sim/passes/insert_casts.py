"""Insert casts where operands of one operator differ in float format."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import Graph, Op, Tensor
from sim.graph.ops import OPS
from sim.passes.base import PASSES, Pass
from sim.passes.edit import fresh_name, fresh_op_name

_FLOATS = (DType.F32, DType.F16, DType.BF16, DType.F64)
_CONVERSIONS = ("Cast", "Quantize", "Dequantize", "DynamicQuantize")


@PASSES.register("insert_casts")
@dataclass(frozen=True)
class InsertCasts(Pass):
    """Operands of elementwise operators, products and concatenations are cast to the format of the operator's output.

    Kernels do not mix float formats: an exporter that left float16 beside float32 made a cast somewhere. One cast per tensor
    and format, however many operators read it.
    """

    name = "insert_casts"

    def apply(self, graph: Graph) -> None:
        cast: dict[tuple[str, DType], str] = {}
        caches = {name for op in graph.ops if op.type == "CacheAppend" for name in op.outputs}  # kernels read them in the cache's own format
        ops: list[Op] = []
        for op in graph.ops:
            target = graph.tensors[op.outputs[0]].dtype if op.outputs else DType.F32
            if target in _FLOATS and op.type not in _CONVERSIONS and (OPS[op.type].elementwise or op.type in ("MatMul", "Concat", "Attention")):
                op.inputs = tuple(name if name in caches else _same_format(graph, name, target, cast, ops) for name in op.inputs)
            ops.append(op)
        graph.ops = ops


def _same_format(graph: Graph, name: str, target: DType, cast: dict[tuple[str, DType], str], ops: list[Op]) -> str:
    tensor = graph.tensors.get(name)
    if tensor is None or tensor.role in ("weight", "constant", "state") or tensor.dtype not in _FLOATS or tensor.dtype == target:
        return name
    if (name, target) not in cast:
        made = fresh_name(graph, f"{name}.{target.name.lower()}")
        graph.tensors[made] = Tensor(made, tensor.shape, target)
        ops.append(Op(fresh_op_name(graph, f"{made}.cast"), "Cast", (name,), (made,), {"to": target}))
        cast[name, target] = made
    return cast[name, target]
