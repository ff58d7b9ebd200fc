"""From operators to :class:`~device_models.work.KernelWork`: what a device may know of each kernel."""

from __future__ import annotations

from math import prod
from typing import Any

from device_models.work import DType, KernelWork, Kind, Work
from sim.graph.ir import RUNNING, Graph, Op, Tensor
from sim.graph.ops import OPS

SPATIAL = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize", "DepthToSpace", "SpaceToDepth")
_KEEPS_LAYOUT = ("Concat", "Split", "Slice", "Pad", "ChannelShuffle", "InstanceNorm", "GroupNorm", "LRN")
_INTEGER_INDEX = (DType.I64, DType.I32, DType.BOOL)


def has_kernel(op: Op) -> bool:
    """Whether an operator runs anything: views without fused work only rename memory."""
    return not OPS[op.type].view or bool(op.fused)


def op_work(graph: Graph, op: Op, layout: str | None = None) -> KernelWork:
    """The work of one operator with its fused epilogue. Bytes are those of the stored formats.

    ``layout``: of its first output if that is an image (:func:`image_layouts`), so that kernels that pad tiles know its extents.
    """
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
        **_zeros(weights),
        "weight_dtype": max(weights, key=lambda tensor: tensor.elements).dtype if weights else DType.F32,
        **_geometry(outputs[0] if outputs else None, layout),
    }
    row |= OPS[op.type].work(op, inputs, outputs)
    return _with_epilogue(graph, op, KernelWork(**row))


def image_layouts(graph: Graph) -> dict[str, str]:
    """Tensors that are images ``[batch, channels, height, width]`` (or NHWC), with their layout: what spatial operators read and write, and
    what operators that keep a shape make of it."""
    layouts = {name: "NCHW" for name in graph.inputs if len(graph.tensors[name].shape) == 4}
    for op in graph.ops:
        if op.type in SPATIAL:
            layout = op.attributes.get("layout", "NCHW")
            layouts |= dict.fromkeys((op.inputs[0], *op.outputs), layout)
            continue
        if op.type == "Relayout":
            layouts |= dict.fromkeys(op.outputs, "NCHW" if tuple(op.attributes["perm"]) == (0, 3, 1, 2) else "NHWC")
            continue
        known = next((name for name in op.all_inputs if name in layouts), None)
        if known is not None and (OPS[op.type].elementwise or op.type in _KEEPS_LAYOUT):
            layouts |= {name: layouts[known] for name in op.outputs if len(graph.tensors[name].shape) == len(graph.tensors[known].shape)}
    return layouts


def _zeros(weights: list[Tensor]) -> dict[str, Any]:
    """What is known of zeros in the largest stored operand."""
    found = max(weights, key=lambda tensor: tensor.elements).sparsity if weights else None
    return {} if found is None else {"weight_zeros": found.ratio, "two_of_four": found.structure == "2:4"}


def _geometry(tensor: Tensor | None, layout: str | None) -> dict[str, int]:
    """Batch, height, width and channels of an output that a kernel only passes over; other tensors than images are channels-last."""
    shape = tensor.shape if tensor is not None else ()
    if layout == "NCHW" and len(shape) == 4:
        batch, channels, height, width = shape
    else:
        *outer, height, width, channels = (1,) * (4 - len(shape)) + tuple(shape)
        batch = prod(outer)
        if len(shape) == 3:  # [batch, rows, features]
            batch, height = height, 1
    return {"batch": batch, "h_in": height, "w_in": width, "h_out": height, "w_out": width, "c_in": channels, "c_out": channels}


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
    layouts = image_layouts(graph)
    return ops, Work.stack([op_work(graph, op, layouts.get(op.outputs[0]) if op.outputs else None) for op in ops])


def total_macs(graph: Graph) -> int:
    """Multiply-accumulates of one inference (convolutions, matrix products, attention, recurrent layers)."""
    return int(sum(op_work(graph, op).macs for op in graph.ops))
