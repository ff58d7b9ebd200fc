"""Turn Dequantize, float operator, Quantize into one operator on integers."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops

_INTEGERS = (DType.I8, DType.I16, DType.I4)
_INTEGER_OPERATORS = (
    "Conv", "ConvTranspose", "Dense", "MatMul", "Add", "Mul", "Sub", "AveragePool", "GlobalAveragePool", "MaxPool", "GlobalMaxPool", "Concat",
    "Sigmoid", "Tanh", "HardSwish", "Swish", "HardSigmoid", "Gelu", "Softmax", "LayerNorm", "Relu", "Relu6", "LeakyRelu", "PRelu", "Clip", "Reduce", "ArgMax",
    "Resize", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Pad", "Gather", "DepthToSpace", "SpaceToDepth", "ChannelShuffle",
)  # fmt: skip


@PASSES.register("fuse_quantization")
@dataclass(frozen=True)
class FuseQuantization(Pass):
    """An operator that reads only dequantized integers and whose results are all quantized again runs on the integers.

    This is how runtimes execute models with explicit Quantize and Dequantize operators. ``operators``: those with integer kernels.
    """

    name = "fuse_quantization"
    operators: tuple[str, ...] = _INTEGER_OPERATORS

    def apply(self, graph: Graph) -> None:
        if not any(op.type == "Dequantize" for op in graph.ops):
            return
        uses = Uses(graph)
        for op in list(graph.ops):
            if op.type in self.operators and _on_integers(graph, uses, op):
                _rewire(graph, uses, op)
        _drop_unread(graph)


def _on_integers(graph: Graph, uses: Uses, op: Op) -> bool:
    floats = [name for name in op.all_inputs if graph.tensors[name].dtype in (DType.F32, DType.F16) and not graph.tensors[name].is_stored]
    if not floats or any(not _dequantized(graph, uses, name) for name in floats):
        return False
    tail = _tail(graph, uses, op)
    for name in tail.outputs:
        readers = uses.readers[name]
        if name in graph.outputs or not readers or any(reader.type != "Quantize" for reader in readers):
            return False
    return True


def _dequantized(graph: Graph, uses: Uses, name: str) -> bool:
    maker = uses.maker.get(name)
    if maker is None or maker.type != "Dequantize" or maker.fused:
        return False
    source = graph.tensors[maker.inputs[0]]
    return source.dtype in _INTEGERS or (source.dtype == DType.I32 and source.is_stored)


def _tail(graph: Graph, uses: Uses, op: Op) -> Op:
    """The last of the clamps that follow and vanish into the range of the integers."""
    while len(op.outputs) == 1:
        follower = uses.sole_reader(op.outputs[0])
        if follower is None or follower.type not in ("Relu", "Relu6", "Clip") or follower.fused or op.type in ("Relu", "Relu6", "Clip"):
            break
        op = follower
    return op


def _rewire(graph: Graph, uses: Uses, op: Op) -> None:
    tail = _tail(graph, uses, op)
    op.inputs = tuple(_integer_source(uses, name) for name in op.inputs)
    for fused in op.fused:
        fused.inputs = tuple(_integer_source(uses, name) for name in fused.inputs)
    outputs = []
    for name in tail.outputs:
        first, *others = uses.readers[name]
        outputs.append(first.outputs[0])
        for other in others:  # the same values in the same integers
            for reader in uses.readers[other.outputs[0]]:
                reader.inputs = tuple(first.outputs[0] if read == other.outputs[0] else read for read in reader.inputs)
        remove_ops(graph, [first, *(other for other in others if other.outputs[0] not in graph.outputs)])
    if tail is not op:
        op.fused = (*op.fused, Op(tail.name, tail.type, ("@",), (), dict(tail.attributes)))
        remove_ops(graph, [tail])
    op.outputs = tuple(outputs)
    for name in outputs:
        uses.maker[name] = op
    if "out_dtype" in op.attributes or op.type in ("Conv", "ConvTranspose", "Dense", "MatMul"):
        op.attributes = {**op.attributes, "out_dtype": graph.tensors[outputs[0]].dtype}


def _integer_source(uses: Uses, name: str) -> str:
    maker = uses.maker.get(name)
    return maker.inputs[0] if maker is not None and maker.type == "Dequantize" else name


def _drop_unread(graph: Graph) -> None:
    """Dequantize operators nobody reads any more."""
    read = {name for op in graph.ops for name in op.all_inputs} | set(graph.outputs)
    remove_ops(graph, [op for op in graph.ops if op.type == "Dequantize" and op.outputs[0] not in read])
