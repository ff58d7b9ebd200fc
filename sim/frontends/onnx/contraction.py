"""Convolutions, pooling, matrix products."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from sim.frontends.onnx.elements import FLOAT, INT2, INT4, INT8
from sim.frontends.onnx.elementwise import parameters
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.stored import Stored
from sim.frontends.onnx.table import CONTRIB, handles

_FUSED_ACTIVATIONS = {
    "Relu": "Relu",
    "LeakyRelu": "LeakyRelu",
    "Sigmoid": "Sigmoid",
    "Tanh": "Tanh",
    "Clip": "Clip",
    "HardSigmoid": "HardSigmoid",
    "Gelu": "Gelu",
}


def window(node: Node, rank: int) -> dict[str, Any]:
    """Strides, pads, dilations, padding rule and groups of a sliding window over ``rank`` spatial dimensions."""
    attributes: dict[str, Any] = {}
    for key, length in (("strides", rank), ("dilations", rank), ("pads", 2 * rank)):
        given = node.attribute(key)
        if given is None:
            continue
        if len(given) != length:
            raise node.refuse(f"has {key} {list(given)} for {rank} spatial dimensions")
        attributes[key] = tuple(int(part) for part in given)
    auto_pad = node.attribute("auto_pad", "NOTSET") or "NOTSET"
    if auto_pad not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.refuse(f"has auto_pad {auto_pad!r}")
    if auto_pad != "NOTSET":
        attributes["auto_pad"] = auto_pad
        attributes.pop("pads", None)
    return attributes


def spatial_rank(node: Node, index: int = 0) -> int:
    """Number of spatial dimensions of an operand ``[batch, channels, ...]``."""
    rank = len(node.shape(index)) - 2
    if rank < 1:
        raise node.refuse(f"needs a batch, channels and at least one spatial dimension, got shape {list(node.shape(index))}")
    return rank


def conv_attributes(node: Node, weight: int = 1) -> dict[str, Any]:
    """Attributes of a convolution whose weights are operand ``weight``."""
    attributes = window(node, spatial_rank(node))
    attributes["group"] = int(node.attribute("group", 1))
    kernel = node.attribute("kernel_shape")
    if kernel is not None and tuple(kernel) != node.shape(weight)[2:]:
        raise node.refuse(f"states kernel {list(kernel)}, its weights have shape {list(node.shape(weight))}")
    return attributes


@handles("Conv")
def _conv(node: Node) -> None:
    node.emit("Conv", node.operands("operand", "weight", "weight"), conv_attributes(node))


@handles("FusedConv", domain=CONTRIB)
def _fused_conv(node: Node) -> None:
    """Convolution, optional residual input (3), activation."""
    y = node.step("Conv", [node.operand(0), node.operand(1, "weight"), node.operand(2, "weight")], conv_attributes(node), name=node.name)[0]
    if node.has(3):
        y = node.step("Add", [y, node.operand(3)])[0]
    node.bind_step(0, _activation(node, y))


def _activation(node: Node, y: str) -> str:
    activation = node.attribute("activation")
    if not activation:
        return y
    if activation not in _FUSED_ACTIVATIONS:
        raise node.refuse(f"fuses activation {activation!r}")
    return node.step(_FUSED_ACTIVATIONS[activation], [y])[0]


@handles("DeformConv")
def _deformable_conv(node: Node) -> None:
    """Inputs x, W, offset, B, mask: samples are gathered for every kernel position, then multiplied as a 1x1 convolution."""
    weight, x, offsets = node.needed(1), node.shape(0), node.shape(2)
    kernel = node.shape(1)[2:]
    if len(x) != 4 or len(offsets) != 4 or offsets[1] % (2 * prod(kernel)):
        raise node.refuse(f"has input {list(x)}, offsets {list(offsets)} and weights {list(node.shape(1))}")
    gathered = (x[0], x[1] * prod(kernel), *offsets[2:])
    operands = [node.operand(0), node.operand(2), node.operand(4)]
    columns = node.step("GridSample", operands, {"original": "DeformConv"}, shapes=[(gathered, node.dtype(0))])[0]
    shape = (node.shape(1)[0], prod(node.shape(1)[1:]), 1, 1)
    flat = node.enter(weight.reshaped(shape), "weight") if isinstance(weight, Stored) else node.step("Reshape", [weight], {"shape": shape})[0]
    node.emit("Conv", [columns, flat, node.operand(3, "weight")], {"group": int(node.attribute("group", 1))})


@handles("ConvTranspose")
def _conv_transpose(node: Node) -> None:
    rank = spatial_rank(node)
    attributes = window(node, rank) | {"group": int(node.attribute("group", 1))}
    if attributes.get("auto_pad") == "VALID":
        del attributes["auto_pad"]
    for key in ("output_padding", "output_shape"):
        if node.attribute(key):
            given = [int(part) for part in node.attribute(key)]
            attributes[key] = tuple(given[-rank:] if key == "output_shape" else given)
    node.emit("ConvTranspose", node.operands("operand", "weight", "weight"), attributes)


@handles("MaxPool", "AveragePool", "LpPool")
def _pool(node: Node) -> None:
    rank = spatial_rank(node)
    kernel = node.attribute("kernel_shape")
    if kernel is None or len(kernel) != rank:
        raise node.refuse(f"has kernel_shape {kernel} for {rank} spatial dimensions")
    attributes = window(node, rank) | {"kernel": tuple(int(part) for part in kernel)}
    attributes |= {key: bool(value) for key, value in parameters(node, "ceil_mode", "count_include_pad").items()}
    if node.type == "LpPool":
        attributes["mode"] = "lp"
    node.emit("MaxPool" if node.type == "MaxPool" else "AveragePool", [node.operand(0)], attributes)


@handles("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global_pool(node: Node) -> None:
    mode = {"mode": "lp"} if node.type == "GlobalLpPool" else {}
    node.emit("GlobalMaxPool" if node.type == "GlobalMaxPool" else "GlobalAveragePool", [node.operand(0)], mode)


def dense(node: Node, x: str, weight: Stored, bias: str = "", attributes: dict[str, Any] | None = None) -> str:
    """``x [..., in] * weight [out, in] + bias``; scales of block-wise quantized weights are inputs 3 and 4."""
    extra = [node.enter(part, "constant") for part in weight.blocked]
    return node.step("Dense", [x, node.enter(weight, "weight"), bias, *extra], attributes, name=node.name)[0]


def product(node: Node, a: int, b: int, attributes: dict[str, Any] | None = None) -> str:
    """A matrix product of two operands: ``Dense`` where the second is a stored matrix, else ``MatMul``."""
    weight = node.stored(b)
    if weight is not None and len(weight.shape) == 2 and len(node.shape(a)) >= 1 and not isinstance(node.needed(a), Stored):
        return dense(node, node.operand(a), weight.transposed((1, 0)), attributes=attributes)
    return node.step("MatMul", [node.operand(a, "weight"), node.operand(b, "weight")], attributes, name=node.name)[0]


@handles("MatMul")
def _matmul(node: Node) -> None:
    node.bind_step(0, product(node, 0, 1))


@handles("FusedMatMul", domain=CONTRIB)
def _fused_matmul(node: Node) -> None:
    """A product with transposed operands and a factor."""
    attributes = {f"transpose_{which}": True for which in "ab" if node.attribute(f"trans{which.upper()}", 0)}
    operands = [_batch_last_but_one(node, index, which) for index, which in enumerate("AB")]
    y = node.step("MatMul", operands, attributes, name=node.name)[0]
    node.bind_step(0, _scaled(node, y, float(node.attribute("alpha", 1.0))))


def _batch_last_but_one(node: Node, index: int, which: str) -> str:
    """An operand of ``FusedMatMul``. With ``transBatch`` its first dimension belongs behind the batch ones; the transposition that
    ONNX Runtime merged into the product stands in the graph again, as other runtimes run it."""
    name, rank = node.operand(index, "weight"), len(node.shape(index))
    if not node.attribute(f"transBatch{which}", 0):
        return name
    if rank < 3:
        raise node.refuse(f"transposes batch dimensions of operand {index}, which has {rank} dimensions")
    return node.step("Transpose", [name], {"perm": (*range(1, rank - 1), 0, rank - 1)}, name=f"{node.name}.batch_{which.lower()}")[0]


def _scaled(node: Node, y: str, factor: float) -> str:
    if factor == 1.0:
        return y
    return node.step("Mul", [y, node.new_constant("alpha", np.array(factor, np.float32), FLOAT)])[0]


def _times(stored: Stored, factor: float) -> Stored:
    """Weights with a factor, applied when they are read (to the scale if they are quantized)."""
    if factor == 1.0:
        return stored
    if stored.quantization is not None:
        scale = tuple(factor * part for part in stored.quantization.scale)
        return replace(stored, name=f"{stored.name}.scaled", quantization=replace(stored.quantization, scale=scale), origin=None, perm=())
    return stored.mapped(lambda array: (array * np.asarray(factor, array.dtype)).astype(array.dtype), stored.element, "scaled")


@handles("Gemm")
def gemm(node: Node) -> None:
    """``alpha A' B' + beta C``. With a stored matrix B it is ``Dense``; factors go into stored operands."""
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))
    trans_a, trans_b = bool(node.attribute("transA", 0)), bool(node.attribute("transB", 0))
    if len(node.shape(0)) != 2 or len(node.shape(1)) != 2:
        raise node.refuse(f"multiplies shapes {list(node.shape(0))} and {list(node.shape(1))}; both must be matrices")
    weight = node.stored(1)
    if weight is None:
        y = node.step("MatMul", [node.operand(0, "weight"), node.operand(1)], {"transpose_a": trans_a, "transpose_b": trans_b}, name=node.name)[0]
        node.bind_step(0, _plus(node, _scaled(node, y, alpha), beta))
        return
    weight = _times(weight if trans_b else weight.transposed((1, 0)), alpha)
    x = node.operand(0)
    if trans_a:
        x = node.step("Transpose", [x], {"perm": (1, 0)})[0]
    bias = node.stored(2)
    if node.has(2) and (bias is None or bias.elements != weight.shape[0]):
        node.bind_step(0, _plus(node, dense(node, x, weight), beta))
        return
    entered = node.enter(_times(bias.reshaped((weight.shape[0],)), beta), "weight") if bias is not None else ""
    node.bind_step(0, dense(node, x, weight, entered))


def _plus(node: Node, y: str, beta: float) -> str:
    addend = node.value(2)
    if addend is None or beta == 0.0:
        return y
    if isinstance(addend, Stored):
        return node.step("Add", [y, node.enter(_times(addend, beta), "weight")])[0]
    return node.step("Add", [y, _scaled(node, addend, beta)])[0]


@handles("Einsum")
def _einsum(node: Node) -> None:
    node.emit("Einsum", node.operands("weight", "weight", "weight"), {"equation": str(node.attribute("equation", ""))})


@handles("MatMulNBits", domain=CONTRIB)
def _matmul_n_bits(node: Node) -> None:
    """Weights ``[N, K]`` of 2, 4 or 8 bits in blocks along K, each with its scale (2) and perhaps zero point (3); bias 5."""
    n, k, bits = (int(node.attribute(key, default)) for key, default in (("N", 0), ("K", 0), ("bits", 4)))
    formats = {2: INT2, 4: INT4, 8: INT8}
    if bits not in formats:
        raise node.refuse(f"has weights of {bits} bits; known: 2, 4, 8")
    packed = node.stored(1)
    if packed is None or packed.elements * 8 < n * k * bits:
        raise node.refuse(f"needs stored weights of {n} x {k} x {bits} bits")
    scales = tuple(part for part in (node.stored(2), node.stored(3)) if part is not None)
    weight = replace(packed, shape=(n, k), element=formats[bits], blocked=scales, real_dtype=node.dtype(0), read=_unpacked(packed, n, k, bits))
    node.bind_step(0, dense(node, node.operand(0), weight, node.operand(5, "weight")))


def _unpacked(packed: Stored, n: int, k: int, bits: int) -> Any:
    def read() -> np.ndarray:
        """Low bits first within each byte; columns beyond K are padding."""
        octets = packed.read().reshape(n, -1)
        parts = np.stack([(octets >> shift) & (2**bits - 1) for shift in range(0, 8, bits)], axis=-1)
        return np.asarray(parts.reshape(n, -1)[:, :k])

    return read
