"""Matrix products and attention."""

from __future__ import annotations

from math import prod
from typing import Any

from sim.frontends.openvino.node import Node, handles
from sim.frontends.openvino.stored import Stored


def dense(node: Node, x: str, weight: Stored, attributes: dict[str, Any] | None = None) -> list[str]:
    """``x [..., in] * weight [out, in]``."""
    return node.step("Dense", [x, node.state.enter(weight, "weight")], attributes, name=node.name)


@handles("MatMul")
def _matmul(node: Node) -> None:
    """``Dense`` where the second operand is a stored matrix."""
    transpose_a, transpose_b = node.flag("transpose_a"), node.flag("transpose_b")
    weight, shape = node.stored(1), node.shape(0)
    matrix = None if weight is None else _matrix(weight)
    if matrix is None or transpose_a or len(shape) < 1 or isinstance(node.value(0), Stored) or (weight is not None and len(weight.shape) > max(len(shape), 2)):
        node.emit("MatMul", [node.operand(0, "weight"), node.operand(1, "weight")], {"transpose_a": transpose_a, "transpose_b": transpose_b})
        return
    node.bind(0, dense(node, node.operand(0), matrix if transpose_b else matrix.transposed((1, 0)))[0])


def _matrix(weight: Stored) -> Stored | None:
    if len(weight.shape) < 2 or prod(weight.shape[:-2]) != 1:
        return None
    return weight.reshaped(weight.shape[-2:])


@handles("FullyConnected")
def _fully_connected(node: Node) -> None:
    weight = node.stored(1)
    matrix = None if weight is None else _matrix(weight)
    if matrix is None:
        raise node.refuse("needs a stored weight matrix")
    node.bind(0, dense(node, node.operand(0), matrix)[0])


@handles("Einsum")
def _einsum(node: Node) -> None:
    node.emit("Einsum", node.operands("weight", "weight", "weight"), {"equation": node.text("equation").replace(" ", "")})


@handles("ScaledDotProductAttention")
def _attention(node: Node) -> None:
    """query, key, value ``[batch, ..., positions, size]``, mask, scale; the mask is read, its sum with the scores belongs to the kernel."""
    shapes = [node.shape(i) for i in range(3)]
    if any(len(shape) < 2 for shape in shapes) or len({len(shape) for shape in shapes}) != 1:
        raise node.refuse(f"has query, key and value of shapes {', '.join(str(list(shape)) for shape in shapes)}")
    names = [_four_axes(node, node.operand(i), shapes[i]) for i in range(3)]
    mask = node.operand(3, "constant") if node.has(3) and prod(node.shape(3)) > 1 else ""
    made = node.step("Attention", [*names, mask], {"causal": True} if node.flag("causal") else {}, name=node.name)[0]
    out = (*shapes[0][:-1], shapes[2][-1])
    node.bind(0, made if node.tensor(made).shape == out else node.step("Reshape", [made], {"shape": list(out), "allowzero": True})[0])


def _four_axes(node: Node, name: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 4:
        return name
    heads = prod(shape[:-2])
    return node.step("Reshape", [name], {"shape": [1, heads, *shape[-2:]], "allowzero": True})[0]
