"""Writing ONNX: a graph with values as a model that ONNX Runtime runs.

Quantized tensors stand between QuantizeLinear and DequantizeLinear, as quantizers for ONNX Runtime write them; operators without an ONNX
name of their own are written with several. The handlers are in ``export_*.py``, one table line each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from device_models.work import DType
from sim.errors import EdgesimError, ModelError, Problem
from sim.frontends.onnx import export_elements, export_movement, export_products, export_recurrent  # noqa: F401  (they fill the table)
from sim.frontends.onnx.export_quantized import integer_product
from sim.frontends.onnx.export_writer import EXPORTS, INTEGERS, Writer, write_fused
from sim.graph.ir import Graph, Op, Tensor
from sim.registry import near_names

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 2**31 - 2**20  # what one protobuf message may hold
Fill = Callable[[Tensor], np.ndarray]


def export_onnx(graph: Graph, *, fill: Fill | None = None) -> onnx.ModelProto:
    """The model of a graph; inputs, outputs and tensors keep their names.

    ``fill``: values for stored tensors that have none (structures of built-in networks). Raises ModelError with every operator that has
    no ONNX form, every stored tensor without values and every integer tensor without scales; EdgesimError if the onnx package is missing.
    """
    writer = Writer(graph, fill)
    unknown = dict.fromkeys(inner.type for op in graph.ops for inner in (op, *op.fused) if inner.type not in EXPORTS)
    if unknown:
        raise ModelError([Problem(path=graph.name, what=f"operator {name} has no ONNX form; {near_names(name, EXPORTS)}") for name in unknown])
    makers = graph.producers()
    for name, tensor in graph.tensors.items():
        found_at_run_time = name in makers and makers[name].type == "DynamicQuantize"
        if tensor.dtype in INTEGERS and tensor.quantization is None and not tensor.is_stored and not found_at_run_time:
            raise writer.no_scale(tensor)
    missing = [name for name, tensor in graph.tensors.items() if tensor.is_stored and tensor.load is None and fill is None]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ModelError(f"{graph.name}: no values are stored for {', '.join(missing[:3])}{more}; built-in networks are structures without weights")
    for op in graph.ops:
        _write(writer, op)
    return writer.model()


def write_onnx(graph: Graph, path: Path, *, fill: Fill | None = None) -> int:
    """Write the model to a file; gives its bytes. Nothing is left behind where that fails. Raises as :func:`export_onnx`."""
    data = export_onnx(graph, fill=fill).SerializeToString()
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(f"{graph.name}: {len(data) / 2**30:.1f} GiB are too large for one ONNX file")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise EdgesimError(f"{path}: cannot be written ({error.strerror or error})") from None
    return len(data)


def _write(writer: Writer, op: Op) -> None:
    """One operator with what is fused into it."""
    form = EXPORTS[op.type]
    if integer_product(writer, op):
        return
    inputs = list(op.inputs) if form.raw_inputs else [writer.read(name, _wanted(writer, op)) for name in op.inputs]
    outputs = list(op.outputs) if form.raw_outputs else [writer.real_name(name) for name in op.outputs]
    last = outputs[0] if outputs else ""
    if op.fused:
        outputs[0] = writer.fresh(f"{op.name}.0")
    form.write(writer, op, inputs, outputs)
    write_fused(writer, op.fused, outputs[0] if outputs else "", last)
    if not form.raw_outputs:
        for name in op.outputs:
            writer.quantize_output(name)


def _wanted(writer: Writer, op: Op) -> DType | None:
    """The float format in which stored operands are read: that of the result."""
    made = writer.type_of(op.outputs[0]) if op.outputs else None
    return None if made is None or made in INTEGERS or op.type in ("Cast", "Gather", "Where") else made


def random_fill(seed: int = 0) -> Fill:
    """Values for structures: small normal weights, positive variances and scales, indices 0; the same for a seed and a tensor's name and shape."""

    def values(tensor: Tensor) -> np.ndarray:
        from zlib import crc32

        random = np.random.default_rng([seed, crc32(tensor.name.encode())])
        if tensor.dtype in (DType.I64, DType.I32, DType.BOOL):
            return np.zeros(tensor.shape, dtype=np.int64)
        if tensor.dtype in INTEGERS:
            return random.integers(-1, 2, size=tensor.shape).astype(np.int8)
        if tensor.name.endswith((".variance", ".deviation", ".scales")):
            return np.ones(tensor.shape, dtype=np.float32)
        fan_in = max(tensor.elements // max(tensor.shape[0], 1), 1) if tensor.shape else 1
        return random.normal(0.0, fan_in**-0.5, size=tensor.shape).astype(np.float32)

    return values
