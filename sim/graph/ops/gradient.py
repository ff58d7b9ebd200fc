"""Operators of a training step: losses, gradients of operators, what is kept for the backward pass, updates of weights.

A gradient operator takes the gradient of the output first (``dy``), then what its forward operator kept; it carries the forward
operator's attributes, and ``shape`` where the shape of its result does not follow from its operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from device_models.work import DType, Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.arithmetic import EXP_UNARY
from sim.graph.ops.definition import Infer, TensorType, define, need, refuse, same_as_first
from sim.graph.ops.spatial import conv_work, split_layout

_FROM_OUTPUT = ("Sigmoid", "Tanh", "Exp", "Sqrt", "Rsqrt", "Softplus")  # a product of what was computed, no transcendental again


def _shaped(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Of the shape in the attributes, in the format of ``dy``."""
    return [(tuple(int(extent) for extent in op.attributes["shape"]), need(op, inputs, 0).dtype)]


def _like(*positions: int) -> Infer:
    """One output like each of these inputs, as many as the operator has."""

    def infer(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
        found: list[TensorType] = [(need(op, inputs, position).shape, need(op, inputs, 0).dtype) for position in positions]
        return found[: len(op.outputs)]

    return infer


def _work_activation(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    of = op.attributes.get("of", "Relu")
    if of in EXP_UNARY and of not in _FROM_OUTPUT:
        return {"kind": Kind.EXP, "exp_elements": outputs[0].elements}
    return {"kind": Kind.ELEMENTWISE}


def _infer_batch_norm(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """x, scale, bias -> y, and mean and reciprocal deviation of each channel of this batch."""
    x, scale = need(op, inputs, 0), need(op, inputs, 1)
    if len(scale.shape) != 1 or scale.shape[0] not in x.shape[1:]:
        raise refuse(op, f"scales {list(scale.shape)} do not fit an input of shape {list(x.shape)}")
    made: list[TensorType] = [(x.shape, x.dtype), (scale.shape, DType.F32), (scale.shape, DType.F32)]
    return made


def _infer_cross_entropy(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Logits ``[..., classes]``, labels ``[...]`` -> mean loss ``()``, probabilities ``[..., classes]``."""
    x, labels = need(op, inputs, 0), need(op, inputs, 1)
    if not x.shape or labels.shape != x.shape[:-1]:
        raise refuse(op, f"labels {list(labels.shape)} do not fit logits {list(x.shape)}")
    return [((), x.dtype), (x.shape, x.dtype)]


def _infer_squared_error(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, target = need(op, inputs, 0), need(op, inputs, 1)
    if x.shape != target.shape:
        raise refuse(op, f"targets {list(target.shape)} do not fit outputs {list(x.shape)}")
    return [((), x.dtype)]


def _work_softmax(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    return {"kind": Kind.SOFTMAX, "exp_elements": need(op, inputs, 0).elements}


def _work_input_gradient(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    """dy, weights -> dx: every product of the forward convolution once; a transposed convolution where it has strides."""
    dy, w = need(op, inputs, 0), need(op, inputs, 1)
    row = conv_work(op, outputs[0], dy, w.shape)
    row |= {"h_in": row["h_out"], "w_in": row["w_out"], "h_out": row["h_in"], "w_out": row["w_in"], "c_in": row["c_out"], "c_out": row["c_in"]}
    if row["stride"] > 1 and row["kind"] not in (Kind.DW, Kind.GCONV):
        row["kind"] = Kind.CONVT
    elif row["kind"] == Kind.FIRST:
        row["kind"] = Kind.CONV
    return row


def _work_weight_gradient(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    """dy, x -> dw: for dense convolutions a product of two activations ``[out, N*pixels] x [N*pixels, in*window]``."""
    dy, x = need(op, inputs, 0), need(op, inputs, 1)
    shape = outputs[0].shape
    row = conv_work(op, x, dy, shape)
    if row["groups"] > 1:
        return row
    batch, _, spatial = split_layout(op, dy.shape)
    inner = batch * prod(spatial)
    return {
        "kind": Kind.BMM, "macs": row["macs"], "batch": 1, "h_in": shape[0], "h_out": shape[0], "w_in": 1, "w_out": 1, "c_in": inner, "c_out": prod(shape[1:]),
    }  # fmt: skip


def _infer_attention(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """dq, dk, dv, and the scores' gradient ``[B, heads, M, N]`` where the mask is learned."""
    dy, q, k, v = (need(op, inputs, i) for i in range(4))
    made: list[TensorType] = [(tensor.shape, dy.dtype) for tensor in (q, k, v)]
    return [*made, ((*q.shape[:3], k.shape[2]), dy.dtype)][: len(op.outputs)]


def _work_attention(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    """dy, q, k, v: the scores are computed again; then dv and dp (``Dv`` each), dq and dk (``D`` each)."""
    q, k, v = (need(op, inputs, i) for i in (1, 2, 3))
    scores = q.elements // q.shape[3] * k.shape[2]
    return {
        "kind": Kind.ATTENTION, "macs": scores * (3 * q.shape[3] + 2 * v.shape[3]), "batch": q.shape[0] * q.shape[1], "h_in": q.shape[2],
        "h_out": q.shape[2], "c_in": q.shape[3], "c_out": k.shape[2], "exp_elements": scores,
    }  # fmt: skip


def _work_pool(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    dy = need(op, inputs, 0)
    batch, channels, spatial = split_layout(op, outputs[0].shape)
    _, _, pooled = split_layout(op, dy.shape)
    kernel = op.attributes.get("kernel", spatial)
    kernel = (kernel,) * len(spatial) if isinstance(kernel, int) else kernel
    return {
        "kind": Kind.POOL, "batch": batch, "h_in": pooled[0], "w_in": prod(pooled[1:]), "h_out": spatial[0], "w_out": prod(spatial[1:]),
        "c_in": channels, "c_out": channels, "kernel_h": kernel[0], "kernel_w": prod(kernel[1:]),
    }  # fmt: skip


def _updates(states: int) -> Infer:
    """weights, ``states`` tensors of the optimiser, gradient -> the same weights and tensors, overwritten."""

    def infer(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
        weights, gradient = need(op, inputs, 0), need(op, inputs, states + 1)
        if any(need(op, inputs, i).shape != weights.shape for i in range(states + 1)) or gradient.shape != weights.shape:
            raise refuse(op, f"a gradient {list(gradient.shape)} does not fit weights {list(weights.shape)}")
        return [(need(op, inputs, i).shape, need(op, inputs, i).dtype) for i in range(states + 1)]

    return infer


def _format(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    return [(need(op, inputs, 0).shape, DType(op.attributes["to"]))]


define("ActivationGrad", same_as_first, _work_activation, elementwise=True)  # dy, and what the activation read or made
define("SoftmaxGrad", same_as_first, Kind.NORM)  # dy, y
define("BatchNormTrain", _infer_batch_norm, Kind.NORM)
define("BatchNormGrad", _like(1, 2, 2), Kind.NORM)  # dy, x, scale, mean, reciprocal deviation -> dx, dscale, dbias
define("FrozenBatchNorm", same_as_first, Kind.NORM, elementwise=True)  # x, scale, bias, mean, variance, all of them constant
define("FrozenBatchNormGrad", same_as_first, Kind.NORM, elementwise=True)  # dy, scale, variance
define("NormGrad", _like(1, 2, 2), Kind.NORM)  # dy, x, scale -> dx, dscale, dbias; attribute of: LayerNorm, RMSNorm ...
define("ConvInputGrad", _shaped, _work_input_gradient)
define("ConvWeightGrad", _shaped, _work_weight_gradient)
for _name in ("MaxPoolGrad", "AveragePoolGrad", "GlobalAveragePoolGrad", "GlobalMaxPoolGrad"):
    define(_name, _shaped, _work_pool)
define("AttentionGrad", _infer_attention, _work_attention)  # dy, q, k, v, mask
define("RotaryEmbeddingGrad", same_as_first, Kind.EXP)  # dy, cos and sin tables
define("GatherGrad", _shaped, Kind.PERMUTE)  # dy, indices: rows are added up in a table of zeros
define("SliceGrad", _shaped, Kind.CONCAT)  # zeros around dy
define("ResizeGrad", _shaped, Kind.PERMUTE)
define("ReduceGrad", _shaped, Kind.PERMUTE)  # dy is spread over the reduced axes; where a maximum was: dy, x
define("CrossEntropy", _infer_cross_entropy, _work_softmax)
define("CrossEntropyGrad", same_as_first, Kind.ELEMENTWISE, elementwise=True)  # probabilities, labels
define("SquaredError", _infer_squared_error, Kind.ELEMENTWISE)
define("SquaredErrorGrad", same_as_first, Kind.ELEMENTWISE, elementwise=True)  # output, target
define("CompressActivation", _format, Kind.QUANT)  # kept for the backward pass in fewer bits; attribute to
define("DecompressActivation", _format, Kind.QUANT)
for _name, _states in (("SgdUpdate", 0), ("MomentumUpdate", 1), ("AdamUpdate", 2)):
    define(_name, _updates(_states), Kind.ELEMENTWISE, overwrites=_states + 1)
