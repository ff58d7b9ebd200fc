"""From operators to :class:`~device_models.work.KernelWork`: what a device may know of each kernel."""

from __future__ import annotations

from typing import Any

from device_models.work import DType, KernelWork, Kind, Work
from sim.graph.ir import RUNNING, Graph, Op, Tensor
from sim.graph.ops import OPS

_INTEGER_INDEX = (DType.I64, DType.I32, DType.BOOL)


def has_kernel(op: Op) -> bool:
    """Whether an operator runs anything: views without fused work only rename memory."""
    return not OPS[op.type].view or bool(op.fused)


def op_work(graph: Graph, op: Op) -> KernelWork:
    """The work of one operator with its fused epilogue. Bytes are those of the stored formats."""
    inputs = [graph.tensors[name] if name else None for name in op.inputs]
    outputs = [graph.tensors[name] for name in op.outputs]
    activations = [tensor for tensor in inputs if tensor is not None and not tensor.is_stored]
    weights = [tensor for tensor in inputs if tensor is not None and tensor.is_stored]
    row: dict[str, Any] = {
        "in_elements": sum(tensor.elements for tensor in activations),
        "out_elements": sum(tensor.elements for tensor in outputs),
        "weight_elements": sum(tensor.elements for tensor in weights),
        "in_bytes": sum(tensor.bytes for tensor in activations),
        "out_bytes": sum(tensor.bytes for tensor in outputs),
        "weight_bytes": sum(tensor.bytes for tensor in weights),
        "dtype": _arithmetic_dtype(activations, outputs),
        "weight_dtype": max(weights, key=lambda tensor: tensor.elements).dtype if weights else DType.F32,
        "c_out": outputs[0].shape[1] if outputs and len(outputs[0].shape) > 1 else 1,
    }
    row |= OPS[op.type].work(op, inputs, outputs)
    return _with_epilogue(graph, op, KernelWork(**row))


def _arithmetic_dtype(activations: list[Tensor], outputs: list[Tensor]) -> DType:
    values = [tensor.dtype for tensor in activations if tensor.dtype not in _INTEGER_INDEX]
    if values:
        return values[0]
    return outputs[0].dtype if outputs else DType.F32


def _with_epilogue(graph: Graph, op: Op, row: KernelWork) -> KernelWork:
    """Fused operators: extra tensors are read, transcendentals evaluated, the rest counted as epilogue elements."""
    running = graph.tensors[op.outputs[0]].elements if op.outputs else 0
    for fused in op.fused:
        extra = [graph.tensors[name] for name in fused.inputs if name and name != RUNNING]
        kind = OPS[fused.type].work(fused, [graph.tensors[op.outputs[0]]], [graph.tensors[op.outputs[0]]]).get("kind")
        moved = [tensor for tensor in extra if not tensor.is_stored]
        stored = [tensor for tensor in extra if tensor.is_stored]
        row = row._replace(
            in_elements=row.in_elements + sum(tensor.elements for tensor in moved),
            in_bytes=row.in_bytes + sum(tensor.bytes for tensor in moved),
            weight_elements=row.weight_elements + sum(tensor.elements for tensor in stored),
            weight_bytes=row.weight_bytes + sum(tensor.bytes for tensor in stored),
            exp_elements=row.exp_elements + (running if kind == Kind.EXP else 0),
            epilogue_elements=row.epilogue_elements + (running if moved else 0),
        )
    return row


def graph_work(graph: Graph) -> tuple[list[Op], Work]:
    """The operators that run a kernel, in order, and their work as columns."""
    ops = [op for op in graph.ops if has_kernel(op)]
    return ops, Work.stack([op_work(graph, op) for op in ops])


def total_macs(graph: Graph) -> int:
    """Multiply-accumulates of one inference (convolutions, matrix products, attention, recurrent layers)."""
    return int(sum(op_work(graph, op).macs for op in graph.ops))
