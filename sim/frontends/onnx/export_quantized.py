"""Conversions between numbers and integers, and products of integers whose scales are found at run time, as ONNX nodes."""

from __future__ import annotations

import numpy as np

from sim.frontends.onnx.export_products import transposed_integers, window
from sim.frontends.onnx.export_writer import Writer, exports, write_fused
from sim.graph.ir import Op


@exports("Quantize", raw_inputs=True, raw_outputs=True)
def _quantize(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """Of a result in integers too: from one scale to another."""
    target = writer.graph.tensors[op.outputs[0]]
    if target.quantization is None:
        raise writer.no_scale(target)
    writer.quantize(writer.read(inputs[0]), outputs[0], target.quantization)


@exports("Dequantize", raw_inputs=True, raw_outputs=True)
def _dequantize(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    source = writer.graph.tensors[inputs[0]]
    if source.quantization is None:
        raise writer.no_scale(source)
    scale, point = writer.grid(source.name, source.quantization, writer.integer_type(source))
    writer.node("DequantizeLinear", [writer.store(source), scale, point], outputs, name=op.name, axis=source.quantization.axis)


@exports("DynamicQuantize", raw_inputs=True, raw_outputs=True)
def _dynamic(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    made = [*outputs, *(writer.fresh(f"{op.name}.{part}") for part in ("scale", "zero_point")[len(outputs) - 1 :])]
    writer.node("DynamicQuantizeLinear", [writer.read(inputs[0])], made, name=op.name)
    writer.run_time_grids[outputs[0]] = (made[1], made[2])


def integer_product(writer: Writer, op: Op) -> bool:
    """Write a product of stored integers and integers found at run time, with the scaling of its sums; False if it is none."""
    grids = writer.run_time_grids.get(op.inputs[0]) if op.inputs else None
    weight = writer.graph.tensors.get(op.inputs[1]) if len(op.inputs) > 1 else None
    if grids is None or weight is None or weight.quantization is None or op.type not in ("Conv", "Dense") or len(op.fused) < 2:
        return False
    points = [] if not any(weight.quantization.zero_point) else [writer.constant(f"{weight.name}_zero_point", weight.quantization.zero_point, np.int8)]
    if op.type == "Dense":
        operands = [op.inputs[0], transposed_integers(writer, weight), grids[1], *points]
        sums = writer.node("MatMulInteger", operands, f"{op.name}.sums", name=op.name)
    else:
        rank = len(weight.shape) - 2
        operands = [op.inputs[0], writer.store(weight), grids[1], *points]
        given = window(op, rank) | {"group": int(op.attributes.get("group", 1)), "kernel_shape": list(weight.shape[2:])}
        sums = writer.node("ConvInteger", operands, f"{op.name}.sums", name=op.name, **given)
    real = writer.node("Cast", [sums], f"{op.name}.real", to=writer.element(writer.type_of(op.outputs[0])))
    _scale(writer, op, real, grids[0])
    return True


def _scale(writer: Writer, op: Op, sums: str, scale: str) -> None:
    """Sums times the scales of both operands, plus the bias, through what else is fused; the cast and the scaling are the first two of it."""
    weight = writer.graph.tensors[op.inputs[1]]
    assert weight.quantization is not None  # the caller looked
    column = (-1, *(1,) * (len(weight.shape) - 2)) if op.type == "Conv" else (-1,)
    own = writer.constant(f"{weight.name}_scale", np.array(weight.quantization.scale).reshape(column), np.float32)
    rest, bias = op.fused[2:], op.inputs[2] if len(op.inputs) > 2 else ""
    both = writer.node("Mul", [scale, own], f"{op.name}.scales")
    inner = bool(rest or bias)
    value = writer.node("Mul", [sums, both], f"{op.name}.scaled" if inner else [op.outputs[0]])
    if bias:
        shaped = writer.node("Reshape", [writer.read(bias), writer.constant(f"{op.name}_column", column)], f"{op.name}.bias")
        value = writer.node("Add", [value, shaped], f"{op.name}.biased" if rest else [op.outputs[0]])
    write_fused(writer, rest, value, op.outputs[0])
