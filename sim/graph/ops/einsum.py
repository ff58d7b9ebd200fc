"""Einstein summation: any product and sum over named axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from device_models.work import Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.definition import Shape, TensorType, define, need, refuse

_ELLIPSIS_AXES = "0123456789"  # names of the axes that an ellipsis stands for, counted from the last


def _terms(op: Op, inputs: Sequence[Tensor | None]) -> tuple[list[str], str, dict[str, int]]:
    """Axis names of each operand and of the result, and every axis's extent."""
    equation = str(op.attributes["equation"]).replace(" ", "")
    left, arrow, right = equation.partition("->")
    tensors = [need(op, inputs, i) for i in range(len(inputs))]
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise refuse(op, f"has equation {equation!r} for {len(tensors)} inputs")
    terms, extents = [], dict[str, int]()
    for part, tensor in zip(parts, tensors, strict=True):
        term = _named(op, part, len(tensor.shape))
        for axis, extent in zip(term, tensor.shape, strict=True):
            if extents.setdefault(axis, extent) == 1:
                extents[axis] = extent
            if extent not in (1, extents[axis]):
                raise refuse(op, f"gives axis {axis!r} of {equation!r} extents {extents[axis]} and {extent}")
        terms.append(term)
    names = "".join(terms)
    dots = "".join(axis for axis in reversed(_ELLIPSIS_AXES) if axis in names)
    result = right.replace("...", dots) if arrow else dots + "".join(sorted(axis for axis in set(names) - set(dots) if names.count(axis) == 1))
    if not set(result) <= set(extents):
        raise refuse(op, f"has an axis in the result of {equation!r} that no input has")
    return terms, result, extents


def _named(op: Op, part: str, rank: int) -> str:
    """An operand's axes with the ellipsis spelled out."""
    if "..." in part:
        count = rank - len(part) + 3
        part = part.replace("...", _ELLIPSIS_AXES[:count][::-1] if 0 <= count <= len(_ELLIPSIS_AXES) else "?")
    if len(part) != rank or not all(axis.isalnum() for axis in part):
        raise refuse(op, f"names axes {part!r} of an input of {rank} dimensions")
    return part


def _infer_einsum(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Attribute ``equation`` such as ``"bij,bjk->bik"``; ``...`` is allowed."""
    _, result, extents = _terms(op, inputs)
    first = need(op, inputs, 0)
    return [(tuple(extents[axis] for axis in result), op.attributes.get("out_dtype", first.dtype))]


def _work_einsum(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    """Operands are multiplied two at a time from the left; axes that nobody needs later are summed as soon as they can be."""
    terms, result, extents = _terms(op, inputs)
    if len(terms) == 1:
        return {"kind": Kind.POOL if len(result) < len(set(terms[0])) else Kind.PERMUTE}
    macs, running = 0, terms[0]
    for i, term in enumerate(terms[1:], start=1):
        axes = "".join(dict.fromkeys(running + term))
        macs += _extent(axes, extents)
        later = set(result).union(*terms[i + 1 :])
        running = "".join(axis for axis in axes if axis in later)
    a, b = set("".join(terms[:-1])), set(terms[-1])
    batch, summed = a & b & set(result), "".join((a & b) - set(result))
    rows, columns = _extent("".join((a - b) & set(result)), extents), _extent("".join((b - a) & set(result)), extents)
    shape: Shape = (_extent("".join(batch), extents), rows, _extent(summed, extents), columns)
    stored = any(tensor is not None and tensor.is_stored for tensor in inputs)
    kind = Kind.ELEMENTWISE if not summed else Kind.GEMM if stored else Kind.BMM
    return {"kind": kind, "macs": macs if summed else 0, "batch": shape[0], "h_in": shape[1], "h_out": shape[1], "c_in": shape[2], "c_out": shape[3]}


def _extent(axes: str, extents: dict[str, int]) -> int:
    return prod(extents[axis] for axis in axes)


define("Einsum", _infer_einsum, _work_einsum)
