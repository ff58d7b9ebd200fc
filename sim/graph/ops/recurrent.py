"""Recurrent layers of keyword spotting and speech models beside the plain ones: projected or coupled LSTM, SVDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_models.work import Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.contraction import quantized_states
from sim.graph.ops.definition import TensorType, define, need, refuse


def _infer_projected_lstm(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """x ``[T, B, I]``, W ``[directions, gates*H, I]``, R ``[directions, gates*H, P]``, bias, projection ``[directions, P, H]`` -> y ``[T, directions, B, P]``.

    Attribute ``hidden`` is H; three gates where input and forget gate are coupled; without a projection P is H.
    """
    x, w, r = (need(op, inputs, i) for i in range(3))
    hidden = int(op.attributes["hidden"])
    if len(x.shape) != 3 or len(w.shape) != 3 or len(r.shape) != 3 or w.shape[2] != x.shape[2] or w.shape[:2] != r.shape[:2]:
        raise refuse(op, f"weights {list(w.shape)} and {list(r.shape)} do not fit an input of shape {list(x.shape)}")
    if hidden < 1 or w.shape[1] not in (3 * hidden, 4 * hidden):
        raise refuse(op, f"has {w.shape[1]} rows of weights; three or four gates of {hidden} need {3 * hidden} or {4 * hidden}")
    projection = inputs[4] if len(inputs) > 4 else None
    expected = (w.shape[0], r.shape[2], hidden)
    if (projection is None and r.shape[2] != hidden) or (projection is not None and projection.shape != expected):
        raise refuse(op, f"recurrent weights {list(r.shape)} need a projection of shape {list(expected)}")
    directions, out, (steps, batch, _) = w.shape[0], r.shape[2], x.shape
    made = op.attributes.get("out_dtype", x.dtype)
    outputs: list[TensorType] = [((steps, directions, batch, out), made), ((directions, batch, out), made), ((directions, batch, hidden), made)]
    return outputs[: len(op.outputs)]


def _work_projected_lstm(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x, w, r = (need(op, inputs, i) for i in range(3))
    steps, batch, features = x.shape
    rows = batch * steps
    projection = inputs[4] if len(inputs) > 4 else None
    weights = w.elements + r.elements + (projection.elements if projection is not None else 0)
    return {
        "kind": Kind.RNN, "macs": rows * weights, "batch": batch, "h_in": steps, "h_out": steps, "c_in": features, "c_out": w.shape[1], "steps": steps,
        "exp_elements": rows * w.shape[0] * w.shape[1], "epilogue_elements": rows * quantized_states(op, r),
    }  # fmt: skip


def _infer_svdf(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """x ``[B, I]``, feature weights ``[filters, I]``, time weights ``[filters, memory]``, bias, state -> ``[B, filters / rank]``."""
    x, features, time = (need(op, inputs, i) for i in range(3))
    rank = int(op.attributes["rank"])
    if len(x.shape) != 2 or len(features.shape) != 2 or len(time.shape) != 2 or features.shape[1] != x.shape[1] or time.shape[0] != features.shape[0]:
        raise refuse(op, f"weights {list(features.shape)} and {list(time.shape)} do not fit an input of shape {list(x.shape)}")
    if rank < 1 or features.shape[0] % rank:
        raise refuse(op, f"has {features.shape[0]} filters of rank {rank}")
    return [((x.shape[0], features.shape[0] // rank), op.attributes.get("out_dtype", x.dtype))]


def _work_svdf(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x, features, time = (need(op, inputs, i) for i in range(3))
    batch = x.shape[0]
    kind = Kind.FC if batch == 1 else Kind.GEMM
    return {"kind": kind, "macs": batch * (features.elements + time.elements), "h_in": batch, "h_out": batch, "c_in": x.shape[1], "c_out": features.shape[0]}


define("ProjectedLSTM", _infer_projected_lstm, _work_projected_lstm)
define("SVDF", _infer_svdf, _work_svdf)
