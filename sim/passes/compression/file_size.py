"""What quantization adds to a model file beside the stored numbers: nodes, names, scales and zero points, as each file format writes them.

What a field takes follows from the encodings (onnx.proto, the TensorFlow Lite schema). Which fields quantizers write, how often they repeat
a name, and what their tables take with padding and shared parts, was read off files that ONNX Runtime's static quantizer and TensorFlow
Lite's converter wrote; the constants are means over such files, not bounds.
"""

from __future__ import annotations

from device_models.work import DType
from sim.graph.ir import Graph, Tensor
from sim.passes.conversion import INTEGERS

STRUCTURE = "structure_bytes"  # key of the graph's notes: what the file holds beside the stored tensors
_ORIGINAL = "structure_bytes_uncompressed"
# Protobuf: a field is a tag, a length and its content. Nodes repeat the tensor's name in inputs, outputs and their own name; the constants
# are the suffixes that quantizers for ONNX Runtime append (_QuantizeLinear_Output, _scale, _zero_point ...), the operator's name and the tags.
_QUANTIZE_NAMES, _QUANTIZE_REST = 5, 83
_DEQUANTIZE_NAMES, _DEQUANTIZE_REST = 5, 111
_GRID_NAMES, _GRID_REST = 2, 38  # initializers of scale and zero point
_RENAMED, _RENAMED_BIAS = 2 * len("_quantized"), 6 * len("_quantized")  # stored integers get this suffix wherever they are named
# Flat buffers: tables of quantization parameters with vectors min, max, scale (4 bytes an entry) and zero_point (8), each with a length;
# biases, whose scales follow from those of weights and inputs, have no min and max.
_TFLITE_TABLE, _TFLITE_ENTRY, _TFLITE_BIAS = 48, 20, 12
_CLAMPS = ("Relu", "Relu6", "ReluN1To1", "Clip")
_SCALE_BYTES = 4  # counted already in the tensors' own bytes


def restate_structure(graph: Graph) -> None:
    """Set the note of what the file holds beside the stored tensors; networks that come from no file have none."""
    if STRUCTURE not in graph.notes:
        return
    original = graph.notes.setdefault(_ORIGINAL, graph.notes[STRUCTURE])
    format = graph.notes.get("format")
    added = _onnx_bytes(graph) if format == "onnx" else _tflite_bytes(graph) if format == "tflite" else 0.0
    graph.notes[STRUCTURE] = float(original) + added


def _quantized(graph: Graph) -> tuple[list[Tensor], list[Tensor]]:
    """Activations held in integers, and stored tensors that became integers."""
    held = [tensor for tensor in graph.tensors.values() if tensor.dtype in INTEGERS or (tensor.dtype == DType.I32 and tensor.role == "weight")]
    readers = graph.consumers()
    clamped = {name for name, ops in readers.items() if len(ops) == 1 and ops[0].type in _CLAMPS and name not in graph.outputs}
    moved = [tensor for tensor in held if not tensor.is_stored and tensor.name not in clamped]  # a clamp is part of what it follows
    return moved, [tensor for tensor in held if tensor.is_stored]


def _slices(graph: Graph, tensor: Tensor) -> int:
    """How many scales a stored tensor has: counted in the bits its elements carry, or one for each sum of a bias."""
    if tensor.quantization is not None:
        return len(tensor.quantization.scale)
    if tensor.dtype == DType.I32:
        weights = [graph.tensors[op.inputs[1]] for op in graph.consumers()[tensor.name] if len(op.inputs) > 2 and op.inputs[2] == tensor.name]
        return _slices(graph, weights[0]) if weights and weights[0].dtype != DType.I32 else 1
    return max(round(tensor.group_bits * tensor.elements / (8 * _SCALE_BYTES)), 1)


def _onnx_bytes(graph: Graph) -> float:
    moved, stored = _quantized(graph)
    total = 0.0
    for tensor in moved:
        names = len(tensor.name)
        total += names * (_QUANTIZE_NAMES + _DEQUANTIZE_NAMES + _GRID_NAMES) + _QUANTIZE_REST + _DEQUANTIZE_REST + _GRID_REST
    for tensor in stored:
        count = _slices(graph, tensor)
        own = count * (2 * _SCALE_BYTES if tensor.dtype == DType.I32 else 1)  # zero points, and the scales of biases
        renamed = _RENAMED_BIAS if tensor.dtype == DType.I32 else _RENAMED
        total += len(tensor.name) * (_DEQUANTIZE_NAMES + _GRID_NAMES) + _DEQUANTIZE_REST + _GRID_REST + own + renamed
    return total


def _tflite_bytes(graph: Graph) -> float:
    moved, stored = _quantized(graph)
    total = float(len(moved) * (_TFLITE_TABLE + _TFLITE_ENTRY))
    for tensor in stored:
        entry = _TFLITE_BIAS if tensor.dtype == DType.I32 and len(tensor.shape) == 1 else _TFLITE_ENTRY - _SCALE_BYTES
        total += _TFLITE_TABLE + _slices(graph, tensor) * entry
    return total
