"""Integer products whose inputs are quantized while the model runs."""

from __future__ import annotations

from device_models.work import DType
from sim.graph.ir import RUNNING, Graph, Op, Tensor
from sim.passes.conversion import INTEGERS
from sim.passes.edit import fresh_name, fresh_op_name

_PRODUCTS = ("Conv", "Dense", "MatMul")


def quantize_at_run_time(graph: Graph, names: set[str]) -> None:
    """The named products with integer weights read their input through a DynamicQuantize and scale their sums to floats themselves.

    Finding the range and rounding is a kernel of its own, shared by all readers of a tensor; the scaling is part of the product's kernel.
    """
    made: dict[str, tuple[str, str]] = {}
    ops: list[Op] = []
    for op in graph.ops:
        source = _image(graph, op) if op.name in names else ""
        if source:
            if source not in made:
                ops.append(_dynamic_quantize(graph, source, made))
            _read_integers(graph, op, source, *made[source])
        ops.append(op)
    graph.ops = ops


def _image(graph: Graph, op: Op) -> str:
    """The float activation that a product of integer weights reads, or nothing."""
    if op.type not in _PRODUCTS or op.fused:
        return ""
    stored = [name for name in op.inputs[:2] if graph.tensors[name].is_stored]
    moved = [name for name in op.inputs[:2] if not graph.tensors[name].is_stored]
    integer = len(stored) == 1 and graph.tensors[stored[0]].dtype in INTEGERS
    return moved[0] if integer and len(moved) == 1 else ""


def _dynamic_quantize(graph: Graph, source: str, made: dict[str, tuple[str, str]]) -> Op:
    stored, scale, point = (fresh_name(graph, f"{source}.{part}") for part in ("dynamic", "scale", "zero_point"))
    graph.tensors[stored] = Tensor(stored, graph.tensors[source].shape, DType.I8)
    graph.tensors[scale] = Tensor(scale, (), DType.F32)
    graph.tensors[point] = Tensor(point, (), DType.I8)
    made[source] = (stored, scale)
    return Op(fresh_op_name(graph, f"{source}.dynamic_quantize"), "DynamicQuantize", (source,), (stored, scale, point), {"to": DType.I8})


def _read_integers(graph: Graph, op: Op, source: str, stored: str, scale: str) -> None:
    wanted = graph.tensors[op.outputs[0]].dtype
    op.inputs = tuple(stored if name == source else name for name in op.inputs)
    op.attributes = {**op.attributes, "out_dtype": wanted}
    op.fused = (Op(f"{op.name}.cast", "Cast", (RUNNING,), (), {"to": wanted}), Op(f"{op.name}.scale", "Mul", (RUNNING, scale), ()))
