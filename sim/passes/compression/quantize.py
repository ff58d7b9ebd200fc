"""Quantization: weights and activations in fewer bits, with scales from real values where the model has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.compression.base import COMPRESSIONS, Compression, Means, Ranges, checked_feeds, chosen, note
from sim.passes.compression.dynamic import quantize_at_run_time
from sim.passes.compression.group_scales import add_group_scales
from sim.passes.compression.rounding import Grid, Rule, container, grid_of, limits, range_grid, width
from sim.passes.compression.weights import Weight, as_rows, from_rows, values_of, weights_of
from sim.passes.conversion import FLOATS, INTEGERS, Conversion, Formats, is_quantized
from sim.passes.fold_batch_norm import FoldBatchNorm
from sim.passes.fold_constants import FoldConstants
from sim.passes.remove_identities import RemoveIdentities
from sim.scenario.compression import MixedPrecisionOptions, QuantizeOptions

FORMATS = {"int8": DType.I8, "int4": DType.I4, "int2": DType.I2, "int16": DType.I16, "fp16": DType.F16, "bf16": DType.BF16}
# Operators that no converter gives an integer meaning: detection heads, searches, and erf before it is recognised as part of Gelu.
_ALWAYS_FLOAT = ("DetectionOutput", "NonMaxSuppression", "Erf", "TopK")
_SCALE_BITS = 32
_DEFAULT_GROUP = 32
RoundingOptions = QuantizeOptions | MixedPrecisionOptions


@COMPRESSIONS.register("quantize")
@dataclass(frozen=True)
class Quantize(Compression[QuantizeOptions]):
    """Retype weights and activations; batch norms are folded first, as every converter does.

    The result is explicit: integer tensors carry scales (where values are known), conversions stand at the borders of what stays float,
    and ``precision: as_stored`` runs it as it is. With activations ``none`` weights are unpacked while they are multiplied; with
    ``dynamic`` products of integers find the scale of their input while they run.
    """

    name = "quantize"
    retypes_interface: ClassVar[bool] = True

    def apply(self, graph: Graph) -> None:
        weights, activations = self.options.formats
        refuse_quantized(graph)
        selected = chosen(graph.ops, self.options.only, self.options.skip)
        if weights in ("fp16", "bf16"):
            formats = float_formats(graph, FORMATS[weights], activations)
            Conversion(graph, formats, (), (), True, _others(graph, selected)).run()
        else:
            round_weights(graph, self.options, self.means, dict.fromkeys((op.name for op in selected), width(FORMATS[weights])), activations)
        graph.notes["quantization"] = {"method": self.options.method, "weights": weights, "activations": activations}


def refuse_quantized(graph: Graph) -> None:
    """Raise ModelError for a model that holds integers already."""
    if is_quantized(graph):
        raise ModelError(f"{graph.name} is quantized already; quantizing it again would round rounded numbers: start from the float model")


def float_formats(graph: Graph, weights: DType, activations: str) -> Formats:
    """Formats of a network in a shorter float format, or with only its weights stored in one."""
    if activations == "none":
        usual = usual_float(graph)
        return Formats(usual, weights, usual, usual)
    return Formats(weights, weights, weights, weights)


def usual_float(graph: Graph) -> DType:
    """The float format of the network's activations."""
    made = [graph.tensors[name].dtype for name in (*graph.inputs, *(name for op in graph.ops for name in op.outputs))]
    return next((dtype for dtype in made if dtype in FLOATS), DType.F32)


def round_weights(graph: Graph, options: RoundingOptions, means: Means, weights: dict[str, int], activations: str) -> None:
    """Integer weights (``weights``: operator name -> their bits, 2 to 8) and activations in place; everything else stays float."""
    prepare(graph)
    present = {op.name for op in graph.ops}
    bits = {name: count for name, count in weights.items() if name in present}
    if not any(weight.op.name in bits for weight in weights_of(graph)):
        raise ModelError(f"{graph.name} has no float weights among the chosen operators; there is nothing to quantize")
    ranges = _observed(graph, means)
    before = {name: replace(tensor) for name, tensor in graph.tensors.items()}
    trained = weights_of(graph)
    usual = usual_float(graph)
    fixed = activations in ("int8", "int16")
    format = FORMATS[activations] if activations not in ("none", "dynamic") else usual
    formats = Formats(format, DType.I8, format, DType.I32 if fixed else format)
    Conversion(graph, formats, _ALWAYS_FLOAT, (), True, {op.name for op in graph.ops if op.name not in bits}).run()
    for weight in trained:
        _round(graph, weight, before[weight.tensor.name], bits, options)
    for name, old in before.items():
        if old.is_stored and name in graph.tensors and name not in {weight.tensor.name for weight in trained}:
            _round_other(graph.tensors[name], old, options)
    if fixed:
        _set_activation_grids(graph, ranges)
        _round_biases(graph, before)
    if activations == "dynamic":
        quantize_at_run_time(graph, set(bits))
    if options.granularity == "per_group":
        add_group_scales(graph, before, rule_of(options), options.group_size or _DEFAULT_GROUP, bits)


def prepare(graph: Graph) -> None:
    """What converters compute before they look at numbers: constants, identities, batch norms."""
    for step in (FoldConstants(), RemoveIdentities(), FoldBatchNorm()):
        step.apply(graph)
        graph.drop_unused_tensors()


def rule_of(options: RoundingOptions) -> Rule:
    """How ranges are chosen."""
    return Rule(options.scales, float(options.percentile), options.symmetric)


def _others(graph: Graph, selected: list[Op]) -> set[str]:
    kept = {op.name for op in selected}
    return {op.name for op in graph.ops if op.name not in kept}


def _observed(graph: Graph, means: Means) -> Ranges:
    """The range of every activation over the calibration data; empty without data."""
    if means.calibration is None:
        return {}
    checked_feeds(graph, means.calibration)
    if means.observe is None:
        note(graph, "no runtime to calibrate activations with: their scales stay open")
        return {}
    return means.observe(graph, means.calibration)


def _round(graph: Graph, weight: Weight, old: Tensor, widths: dict[str, int], options: RoundingOptions) -> None:
    """One trained operand in its own format, with a grid from its values."""
    tensor = graph.tensors[old.name]
    if tensor.dtype not in INTEGERS:
        return
    bits = widths[weight.op.name]
    hold(tensor, bits, options.symmetric)
    axis = None if options.granularity == "per_tensor" or _one_scale(graph, weight, options) else weight.axis
    slices = 1 if axis is None else old.shape[axis]
    if options.granularity != "per_group" or weight.op.type != "Dense":
        tensor.group_bits = slices * (_SCALE_BITS + (0.0 if options.symmetric else float(DTYPE_BITS[tensor.dtype]))) / max(old.elements, 1)
    values = values_of(old)
    if values is None:
        return
    grid = grid_of(as_rows(values, axis), bits, rule_of(options))
    tensor.quantization, tensor.load = grid.quantization(axis), _rounded(old.load, grid, axis)


def hold(tensor: Tensor, bits: int, symmetric: bool) -> None:
    """Give a tensor the integers that hold so many bits. Where those are wider, it has that few different values: files with codebooks pack them."""
    low, high = limits(bits, symmetric)
    tensor.dtype = container(bits)
    if bits < width(tensor.dtype):
        tensor.clusters = high - low + 1


def _one_scale(graph: Graph, weight: Weight, options: RoundingOptions) -> bool:
    """TensorFlow Lite's converter gives dense layers one scale, unless it is asked for one a channel."""
    return graph.notes.get("format") == "tflite" and weight.op.type == "Dense" and "granularity" not in options.model_fields_set


def _round_other(tensor: Tensor, old: Tensor, options: RoundingOptions) -> None:
    """Tables, gains and constants that integer operators read: one scale each."""
    values = values_of(old) if tensor.dtype in (DType.I8, DType.I16) and old.dtype in FLOATS else None
    if values is None or values.size == 0:
        return
    grid = grid_of(values.reshape(1, -1), width(tensor.dtype), Rule(symmetric=tensor.dtype == DType.I16))
    tensor.quantization, tensor.load = grid.quantization(None), _rounded(old.load, grid, None)


def _rounded(load: Callable[[], np.ndarray] | None, grid: Grid, axis: int | None) -> Callable[[], np.ndarray]:
    def stored() -> np.ndarray:
        assert load is not None  # a grid was made from its values
        values = np.asarray(load())
        return from_rows(grid.stored(as_rows(values, axis)), values.shape, axis).astype(np.int16 if grid.high > 127 else np.int8)

    return stored


def _set_activation_grids(graph: Graph, ranges: Ranges) -> None:
    """Scales of integer activations from what was observed, under the name the float network had."""
    source = {op.outputs[0]: op.inputs[0] for op in graph.ops if op.type == "Quantize"} | {
        op.inputs[0]: op.outputs[0] for op in graph.ops if op.type == "Dequantize"
    }
    for tensor in graph.tensors.values():
        found = ranges.get(tensor.name) or ranges.get(source.get(tensor.name, ""))
        if tensor.dtype in (DType.I8, DType.I16) and not tensor.is_stored and found is not None:
            tensor.quantization = range_grid(*found, width(tensor.dtype), symmetric=tensor.dtype == DType.I16).quantization(None)


def _round_biases(graph: Graph, before: dict[str, Tensor]) -> None:
    """Biases are held in the scale of the sums they join: that of the input times that of the weights."""
    for op in graph.ops:
        if op.type not in ("Conv", "ConvTranspose", "Dense") or len(op.inputs) < 3 or not op.inputs[2]:
            continue
        image, weight, bias = (graph.tensors[name] for name in op.inputs[:3])
        old = before.get(bias.name)
        if bias.dtype != DType.I32 or old is None or old.load is None or image.quantization is None or weight.quantization is None:
            continue
        scale = image.quantization.scale[0] * np.array(weight.quantization.scale)
        grid = Grid(np.broadcast_to(scale, (bias.shape[0],)), np.zeros(bias.shape[0], dtype=np.int64), -(2**31), 2**31 - 1)
        bias.quantization = grid.quantization(0)
        bias.load = _rounded_bias(old.load, grid)


def _rounded_bias(load: Callable[[], np.ndarray], grid: Grid) -> Callable[[], np.ndarray]:
    return lambda: grid.stored(np.asarray(load(), dtype=np.float64).reshape(-1, 1)).reshape(-1).astype(np.int32)
