"""Matrices whose weights share scales in groups: ONNX Runtime's MatMulNBits, or a blocked DequantizeLinear."""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.work import DType
from sim.frontends.onnx.elements import FLOATING
from sim.frontends.onnx.export_writer import Writer
from sim.frontends.onnx.table import CONTRIB
from sim.graph.ir import Op

_BITS = {DType.I4: 4, DType.I8: 8}


def grouped_product(writer: Writer, op: Op, x: str, outputs: list[str] | str) -> str:
    """The product with weights ``[out, in]`` of which ``group_size`` neighbours share a scale (inputs 3 and 4 of the operator)."""
    weight = writer.graph.tensors[op.inputs[1]]
    group, bits = int(op.attributes["group_size"]), _BITS.get(weight.dtype, 0)
    if bits and group >= 16 and group & (group - 1) == 0:
        return _n_bits(writer, op, x, outputs, group, bits)
    kind, zero = writer.numpy_type(weight.dtype), op.inputs[4] if len(op.inputs) > 4 else ""
    stored = writer.store_as(weight.name, writer.values(weight), kind)
    points = writer.store_as(zero, writer.values(writer.graph.tensors[zero]), kind) if zero else ""
    scales = writer.read(op.inputs[3], writer.type_of(op.outputs[0]))
    real = writer.node("DequantizeLinear", [stored, scales, points], f"{weight.name}_DequantizeLinear_Output", axis=1, block_size=group)
    return writer.node("MatMul", [x, writer.node("Transpose", [real], f"{op.name}.weight", perm=[1, 0])], outputs, name=op.name)


def _n_bits(writer: Writer, op: Op, x: str, outputs: list[str] | str, group: int, bits: int) -> str:
    """Stored integers are unsigned: the zero point of signed ones is half of the range."""
    weight = writer.graph.tensors[op.inputs[1]]
    half, (outs, ins) = 1 << (bits - 1), weight.shape
    blocks = -(-ins // group)
    padded = np.full((outs, blocks * group), half, dtype=np.uint8)
    padded[:, :ins] = (writer.values(weight).astype(np.int16) + half).astype(np.uint8)
    names = [writer.store_as(f"{weight.name}_Q{bits}", _packed(padded, bits).reshape(outs, blocks, group * bits // 8), np.uint8)]
    names.append(writer.store_as(f"{weight.name}_scales", writer.values(writer.graph.tensors[op.inputs[3]]).reshape(-1), _scale_type(writer, op)))
    if len(op.inputs) > 4 and op.inputs[4]:
        points = (writer.values(writer.graph.tensors[op.inputs[4]]).astype(np.int16) + half).astype(np.uint8)
        even = np.pad(points, ((0, 0), (0, -blocks % (8 // bits))), constant_values=half)
        names.append(writer.store_as(f"{weight.name}_zero_points", _packed(even, bits).reshape(-1), np.uint8))
    return writer.node("MatMulNBits", [x, *names], outputs, domain=CONTRIB, name=op.name, K=ins, N=outs, bits=bits, block_size=group)


def _scale_type(writer: Writer, op: Op) -> Any:
    """Scales have the format of the input, floats."""
    dtype = writer.type_of(op.inputs[0])
    return writer.numpy_type(dtype) if dtype in FLOATING else np.float32


def _packed(values: np.ndarray, bits: int) -> np.ndarray:
    """Two numbers of four bits in each byte, the first in the low half."""
    return values if bits == 8 else values[:, 0::2] | (values[:, 1::2] << 4)
