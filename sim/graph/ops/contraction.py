"""Matrix products, attention and recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from device_models.work import INTEGERS, Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.definition import Shape, TensorType, define, need, refuse


def broadcast(op: Op, *shapes: Shape) -> Shape:
    """NumPy broadcasting; raises ModelError where shapes do not fit."""
    rank = max((len(shape) for shape in shapes), default=0)
    out = []
    for axis in range(rank):
        sizes = {shape[axis - rank + len(shape)] for shape in shapes if axis - rank + len(shape) >= 0} - {1}
        if len(sizes) > 1:
            raise refuse(op, f"cannot broadcast shapes {', '.join(str(list(shape)) for shape in shapes)}")
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


def _infer_dense(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, w = need(op, inputs, 0), need(op, inputs, 1)
    if len(w.shape) != 2 or not x.shape or x.shape[-1] != w.shape[1]:
        raise refuse(op, f"weights {list(w.shape)} (out, in) do not fit an input of shape {list(x.shape)}")
    return [((*x.shape[:-1], w.shape[0]), op.attributes.get("out_dtype", x.dtype))]


def _work_dense(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x, w = need(op, inputs, 0), need(op, inputs, 1)
    rows = prod(x.shape[:-1])
    return {
        "kind": Kind.FC if rows == 1 else Kind.GEMM,
        "macs": rows * w.elements,
        "h_in": rows,
        "h_out": rows,
        "c_in": w.shape[1],
        "c_out": w.shape[0],
    }


def _operands(op: Op, inputs: Sequence[Tensor | None]) -> tuple[Shape, Shape]:
    a, b = need(op, inputs, 0).shape, need(op, inputs, 1).shape
    if not a or not b:
        raise refuse(op, "cannot multiply scalars")
    a = (1, *a) if len(a) == 1 else a
    b = (*b, 1) if len(b) == 1 else b
    if op.attributes.get("transpose_a"):
        a = (*a[:-2], a[-1], a[-2])
    if op.attributes.get("transpose_b"):
        b = (*b[:-2], b[-1], b[-2])
    return a, b


def _infer_matmul(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    first = need(op, inputs, 0)
    a, b = _operands(op, inputs)
    if a[-1] != b[-2]:
        raise refuse(op, f"inner dimensions {a[-1]} and {b[-2]} differ (shapes {list(a)} and {list(b)})")
    out = (*broadcast(op, a[:-2], b[:-2]), a[-2], b[-1])
    if len(first.shape) == 1:
        out = (*out[:-2], out[-1])
    if len(need(op, inputs, 1).shape) == 1:
        out = out[:-1]
    return [(out, op.attributes.get("out_dtype", first.dtype))]


def _work_matmul(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    a, b = _operands(op, inputs)
    batch = prod(broadcast(op, a[:-2], b[:-2]))
    m, k, n = a[-2], a[-1], b[-1]
    geometry: dict[str, Any] = {"macs": batch * m * k * n, "h_in": m, "h_out": m, "c_in": k, "c_out": n, "batch": batch}
    stored = [tensor for tensor in inputs if tensor is not None and tensor.is_stored]
    if not stored:
        return {**geometry, "kind": Kind.BMM}
    if prod(b[:-2]) == 1:  # one weight matrix for all rows: batch and rows are alike
        geometry |= {"h_in": batch * m, "h_out": batch * m, "batch": 1}
    return {**geometry, "kind": Kind.FC if geometry["h_out"] * geometry["batch"] == 1 else Kind.GEMM}


def _infer_attention(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """q ``[B, heads, M, D]``, k ``[B, kv_heads, N, D]``, v ``[B, kv_heads, N, Dv]`` -> ``[B, heads, M, Dv]``."""
    q, k, v = (need(op, inputs, i) for i in range(3))
    if not len(q.shape) == len(k.shape) == len(v.shape) == 4 or q.shape[3] != k.shape[3] or k.shape[:3] != v.shape[:3] or q.shape[1] % k.shape[1]:
        raise refuse(op, f"query {list(q.shape)}, key {list(k.shape)}, value {list(v.shape)} do not fit")
    return [((*q.shape[:3], v.shape[3]), q.dtype)]


def _work_attention(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    q, k, v = (need(op, inputs, i) for i in range(3))
    scores = q.elements // q.shape[3] * k.shape[2]
    packed = [tensor.elements for tensor in (k, v) if tensor.dtype in INTEGERS and q.dtype not in INTEGERS]  # a quantized cache is unpacked as it is read
    return {
        "kind": Kind.ATTENTION,
        "epilogue_elements": sum(packed),
        "macs": scores * (q.shape[3] + v.shape[3]),
        "batch": q.shape[0] * q.shape[1],
        "h_in": q.shape[2],
        "h_out": q.shape[2],
        "c_in": q.shape[3],
        "c_out": k.shape[2],
        "exp_elements": scores,
    }


_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def _infer_recurrent(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """x ``[T, B, I]``, W ``[directions, gates*H, I]``, R ``[directions, gates*H, H]`` -> y, last h (, last c).

    y is ``[T, directions, B, H]``, h and c are ``[directions, B, H]``.
    """
    x, w, r = (need(op, inputs, i) for i in range(3))
    gates = _GATES[op.type]
    if (
        len(x.shape) != 3
        or len(w.shape) != 3
        or len(r.shape) != 3
        or w.shape[2] != x.shape[2]
        or w.shape[1] != gates * r.shape[2]
        or w.shape[:2] != r.shape[:2]
    ):
        raise refuse(op, f"weights {list(w.shape)} and {list(r.shape)} do not fit an input of shape {list(x.shape)}")
    directions, hidden, (steps, batch, _) = w.shape[0], r.shape[2], x.shape
    made = op.attributes.get("out_dtype", x.dtype)
    last: TensorType = ((directions, batch, hidden), made)
    outputs: list[TensorType] = [((steps, directions, batch, hidden), made), last, last]
    return outputs[: len(op.outputs)]


def _work_recurrent(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x, w, r = (need(op, inputs, i) for i in range(3))
    steps, batch, features = x.shape
    rows = batch * steps
    return {
        "kind": Kind.RNN,
        "macs": rows * (w.elements + r.elements),
        "batch": batch,
        "h_in": steps,
        "h_out": steps,
        "c_in": features,
        "c_out": w.shape[1],
        "steps": steps,
        "exp_elements": rows * w.shape[0] * w.shape[1],
        "epilogue_elements": rows * quantized_states(op, r),
    }


def quantized_states(op: Op, recurrent: Tensor) -> int:
    """Float states of one row that a layer with integer weights rounds to integers before each step's product."""
    return recurrent.shape[0] * recurrent.shape[2] if "out_dtype" in op.attributes else 0


define("Dense", _infer_dense, _work_dense)
define("MatMul", _infer_matmul, _work_matmul)
define("Attention", _infer_attention, _work_attention)
for _name in _GATES:
    define(_name, _infer_recurrent, _work_recurrent)
