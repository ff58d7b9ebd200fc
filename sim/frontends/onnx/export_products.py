"""Convolutions, pooling, matrix products and attention as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.onnx.elements import FLOATING
from sim.frontends.onnx.export_groups import grouped_product
from sim.frontends.onnx.export_writer import Writer, exports
from sim.graph.ir import Op, Quantization, Tensor
from sim.graph.ops.definition import as_tuple

TRANSPOSED = "_transposed"  # behind the name of a matrix that is stored [in, out]


def to_first(writer: Writer, op: Op, x: str) -> str:
    """An image with its channels first."""
    rank = len(writer.graph.tensors[op.inputs[0]].shape)
    return writer.node("Transpose", [x], f"{op.name}.channels_first", perm=[0, rank - 1, *range(1, rank - 1)]) if is_last(op) else x


def is_last(op: Op) -> bool:
    """Whether an operator's images have their channels last."""
    return bool(op.attributes.get("layout", "NCHW") == "NHWC")


def spatial(writer: Writer, op: Op, type: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
    """A node over images; around images with channels last stand transpositions."""
    rank = len(writer.graph.tensors[op.inputs[0]].shape)
    target: list[str] | str = f"{op.name}.image" if is_last(op) else outputs
    made = writer.node(type, [to_first(writer, op, inputs[0]), *inputs[1:]], target, name=op.name, **attributes)
    if is_last(op):
        writer.node("Transpose", [made], outputs, perm=[0, *range(2, rank), 1])


def window(op: Op, rank: int) -> dict[str, Any]:
    """Attributes of a window that slides over ``rank`` dimensions."""
    given: dict[str, Any] = {
        key: list(as_tuple(op.attributes[key], length)) for key, length in (("strides", rank), ("dilations", rank)) if key in op.attributes
    }
    if op.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return given | {"auto_pad": op.attributes["auto_pad"]}
    return given | ({"pads": list(as_tuple(op.attributes["pads"], 2 * rank))} if "pads" in op.attributes else {})


@exports("Conv", "ConvTranspose")
def _conv(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    rank = len(writer.graph.tensors[op.inputs[0]].shape) - 2
    given = window(op, rank) | {"group": int(op.attributes.get("group", 1)), "kernel_shape": list(writer.graph.tensors[op.inputs[1]].shape[2:])}
    for key in ("output_padding", "output_shape"):
        if op.type == "ConvTranspose" and key in op.attributes:
            given[key] = list(as_tuple(op.attributes[key], rank))
    spatial(writer, op, op.type, inputs, outputs, given)


@exports("MaxPool", "AveragePool")
def _pool(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    rank = len(writer.graph.tensors[op.inputs[0]].shape) - 2
    type = "LpPool" if op.attributes.get("mode") == "lp" else op.type
    given = window(op, rank) | {"kernel_shape": list(as_tuple(op.attributes["kernel"], rank)), "ceil_mode": int(bool(op.attributes.get("ceil_mode")))}
    if type == "AveragePool":
        given["count_include_pad"] = int(bool(op.attributes.get("count_include_pad")))
    spatial(writer, op, type, inputs[:1], outputs, given)


@exports("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    type = "GlobalLpPool" if op.attributes.get("mode") == "lp" else op.type
    spatial(writer, op, type, inputs[:1], outputs, {})


@exports("Dense", raw_inputs=True)
def _dense(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """``x [..., in] * weight [out, in] + bias``: a Gemm for matrices with a bias, else a MatMul with the transposed weights."""
    wanted = writer.type_of(op.outputs[0])
    x, bias = writer.read(inputs[0]), writer.read(inputs[2], wanted) if len(inputs) > 2 else ""
    if len(inputs) > 3 and inputs[3]:
        product = grouped_product(writer, op, x, outputs if not bias else f"{op.name}.product")
    elif len(writer.graph.tensors[op.inputs[0]].shape) == 2 and bias:
        writer.node("Gemm", [x, writer.read(inputs[1], wanted), bias], outputs, name=op.name, transB=1)
        return
    else:
        weight = transposed_weight(writer, op, wanted)
        product = writer.node("MatMul", [x, weight], f"{op.name}.product" if bias else outputs, name=op.name)
    if bias:
        writer.node("Add", [product, bias], outputs, name=f"{op.name}/bias")


def transposed_weight(writer: Writer, op: Op, wanted: DType) -> str:
    """Weights ``[in, out]``: stored that way where they are stored, else transposed by a node."""
    tensor = writer.graph.tensors[op.inputs[1]]
    if not tensor.is_stored or (tensor.dtype != wanted and tensor.quantization is None):
        return writer.node("Transpose", [writer.read(tensor.name, wanted)], f"{op.name}.weight", perm=[1, 0])
    found = tensor.quantization
    if found is not None:
        turned = Quantization(found.scale, found.zero_point, None if found.axis is None else 1 - found.axis)
        real = writer.dequantize(transposed_integers(writer, tensor), tensor.name + TRANSPOSED, turned, writer.integer_type(tensor))
        return writer.as_float(real, tensor.name, wanted if wanted in FLOATING else None)
    stored = tensor.name + TRANSPOSED
    if stored not in writer.initializers:
        writer.store_as(stored, writer.values(tensor).T, writer.numpy_type(tensor.dtype))
    return stored


def transposed_integers(writer: Writer, tensor: Tensor) -> str:
    """Stored integers ``[in, out]``."""
    stored = tensor.name + TRANSPOSED
    if stored not in writer.initializers:
        writer.store_as(stored, writer.values(tensor).T, writer.integer_type(tensor))
    return stored


@exports("MatMul")
def _matmul(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    operands = list(inputs[:2])
    for index, key in enumerate(("transpose_a", "transpose_b")):
        if op.attributes.get(key):
            rank = len(writer.graph.tensors[op.inputs[index]].shape)
            operands[index] = writer.node("Transpose", [operands[index]], f"{op.name}.{key}", perm=[*range(rank - 2), rank - 1, rank - 2])
    bias = inputs[2] if len(inputs) > 2 else ""
    product = writer.node("MatMul", operands, f"{op.name}.product" if bias else outputs, name=op.name)
    if bias:
        writer.node("Add", [product, bias], outputs)


@exports("Einsum")
def _einsum(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node("Einsum", inputs, outputs, name=op.name, equation=str(op.attributes["equation"]))


@exports("Attention")
def _attention(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """softmax(scale Q K^T + mask) V over ``[batch, heads, positions, size]``; fewer key and value heads are repeated."""
    if op.attributes.get("softcap"):
        raise ModelError(f"{op.name}: attention with a soft cap has no ONNX form here")
    q, k = (writer.graph.tensors[name].shape for name in op.inputs[:2])
    keys, values = (_repeated(writer, op, name, q[1], writer.graph.tensors[own].shape) for name, own in zip(inputs[1:3], op.inputs[1:3], strict=True))
    turned = writer.node("Transpose", [keys], f"{op.name}.keys", perm=[0, 1, 3, 2])
    scale = float(op.attributes.get("scale") or q[3] ** -0.5)
    scaled = writer.node("Mul", [inputs[0], writer.scalar(f"{op.name}_scale", scale, op.inputs[0])], f"{op.name}.scaled")
    scores = writer.node("MatMul", [scaled, turned], f"{op.name}.scores")
    if len(inputs) > 3 and inputs[3]:
        scores = writer.node("Add", [scores, inputs[3]], f"{op.name}.masked")
    if op.attributes.get("causal"):
        hidden = np.triu(np.full((q[2], k[2]), -1e9 if q[2] > 1 else 0.0), k=k[2] - q[2] + 1)
        kind = writer.numpy_type(writer.graph.tensors[op.inputs[0]].dtype)
        scores = writer.node("Add", [scores, writer.constant(f"{op.name}_causal", np.maximum(hidden, np.finfo(np.float16).min), kind)], f"{op.name}.causal")
    shares = writer.node("Softmax", [scores], f"{op.name}.shares", axis=-1)
    writer.node("MatMul", [shares, values], outputs, name=op.name)


def _repeated(writer: Writer, op: Op, name: str, heads: int, shape: tuple[int, ...]) -> str:
    """Key or value heads, each as often as query heads read it."""
    if shape[1] == heads:
        return name
    batch, own, steps, size = shape
    apart = writer.node("Reshape", [name, writer.constant(f"{op.name}_apart", [batch, own, 1, steps, size])], f"{op.name}.apart")
    wide = writer.node("Expand", [apart, writer.constant(f"{op.name}_wide", [batch, own, heads // own, steps, size])], f"{op.name}.wide")
    return writer.node("Reshape", [wide, writer.constant(f"{op.name}_heads", [batch, heads, steps, size])], f"{op.name}.heads")
