"""Groups of DequantizeLinear -> operator -> QuantizeLinear become one integer operator.

A file in Q/DQ form computes with real numbers between explicit conversions; runtimes run such a group as one integer kernel. The rule here:

1. ``DequantizeLinear`` of a constant is no operator: the stored tensor keeps its integer format and carries its scales.
2. An operator joins a group if every activation it reads comes from a ``Dequantize`` with known scale, and its single result is read only by one
   ``Quantize`` with known scale, and its weights, if it has any, are integers. Clamps (Relu, Clip) between operator and ``Quantize`` belong to the group.
   The operator then reads the integer tensors directly and its result (each result along the chain) has the format and
   scale of the ``Quantize``, which disappears; a ``Dequantize`` disappears with its last reader.
3. A ``Dequantize`` moves behind operators that only move elements, as runtimes propagate it, where that brings it to operators that read integers.
4. Whatever does not form a full group (a real input somewhere, a result also read unquantized, operators without integer meaning such
   as Cast) stays real, between explicit ``Quantize`` and ``Dequantize`` operators.

Whether a device has an integer kernel for the operator is for the compiler to say, not for the graph.
"""

from __future__ import annotations

from device_models.work import DType
from sim.graph.ir import Graph, Op, Tensor

FLOATING = (DType.F32, DType.F16, DType.BF16, DType.F64, DType.F8)
# Clamps: they keep the scale of what they clamp, so a producer's requantization does them; other activations would need a scale of their own.
_CHAIN = ("Relu", "Relu6", "ReluN1To1", "Clip")
# They keep every number as it is, so that a scale for all of them holds behind them too.
_MOVES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "MaxPool", "DepthToSpace", "SpaceToDepth", "ChannelShuffle")
_WEIGHTED = ("Conv", "ConvTranspose", "Dense", "MatMul", "PRelu", "LSTM", "GRU", "RNN")
_NEVER = (
    "Quantize",
    "Dequantize",
    "DynamicQuantize",
    "Cast",
    "NonMaxSuppression",
    "DetectionOutput",
    "Generic",
    "ArgMax",
    "ArgMin",
    "NonZero",
    "Random",
    "Range",
)


def group_quantized(graph: Graph) -> Graph:
    """Apply the rule in place; returns the graph."""
    grouping = _Grouping(graph)
    grouping.close_all()
    if grouping.sink():
        grouping.close_all()
    grouping.sweep()
    return graph


class _Grouping:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.producers = graph.producers()
        self.readers: dict[str, int] = dict.fromkeys(graph.tensors, 0)
        for op in graph.ops:
            for name in op.all_inputs:
                self.readers[name] += 1
        for name in graph.outputs:
            self.readers[name] += 1
        self.removed: set[int] = set()

    def close_all(self) -> None:
        for op in self.graph.ops:
            if op.type == "Quantize" and len(op.inputs) == 1 and id(op) not in self.removed:
                self.close(op)

    def sink(self) -> bool:
        """Move Dequantize operators behind those that only move elements; says whether there were any."""
        ops: list[Op] = []
        for op in self.graph.ops:
            ops.append(op)
            if op.type in _MOVES and len(op.outputs) == 1 and id(op) not in self.removed and self._moves_integers(op):
                ops.append(self._dequantized_behind(op))
        found = len(ops) > len(self.graph.ops)
        self.graph.ops = ops
        return found

    def _moves_integers(self, op: Op) -> bool:
        """Whether its input is dequantized with one scale for all, and its result not an output that others expect here."""
        if not self._is_dequantized(op.inputs[0]) or op.outputs[0] in self.graph.outputs:
            return False
        quantization = self.graph.tensors[self.producers[op.inputs[0]].inputs[0]].quantization
        return quantization is not None and len(quantization.scale) == 1

    def _dequantized_behind(self, op: Op) -> Op:
        source = self._source(op.inputs[0])
        op.inputs = (source, *op.inputs[1:])
        real = self.graph.tensors[op.outputs[0]]
        name = f"{real.name}.integers"
        while name in self.graph.tensors:
            name += "_"
        held = self.graph.tensors[source]
        self.graph.tensors[name] = Tensor(name, real.shape, held.dtype, quantization=held.quantization)
        back = Op(f"{name}.dequantize", "Dequantize", (name,), op.outputs, {"to": real.dtype})
        op.outputs = (name,)
        self.producers[name], self.producers[real.name] = op, back
        self.readers[name] = 1
        return back

    def close(self, quantize: Op) -> None:
        """Turn the group that ends in this Quantize into integer operators, if it is one."""
        chain = self._chain(quantize.inputs[0])
        if not chain:
            return
        head, result = chain[-1], self.graph.tensors[quantize.outputs[0]]
        head.inputs = tuple(self._source(name) for name in head.inputs)
        for op in chain:
            inner = self.graph.tensors[op.outputs[0]]
            inner.dtype, inner.quantization = result.dtype, result.quantization
        first = self.graph.tensors[head.inputs[0]] if head.inputs[0] else result
        if "out_dtype" in head.attributes or first.dtype != result.dtype:
            head.attributes["out_dtype"] = result.dtype
        chain[0].outputs = quantize.outputs
        self.producers[quantize.outputs[0]] = chain[0]
        self.removed.add(id(quantize))

    def _chain(self, name: str) -> list[Op]:
        """From the operator before the Quantize back to the group's head; empty if there is no full group."""
        chain: list[Op] = []
        while True:
            op = self.producers.get(name)
            if op is None or op.type in _NEVER or len(op.outputs) != 1 or self.readers[name] != 1:
                return []
            chain.append(op)
            activations = [other for other in op.inputs if other and not self.graph.tensors[other].is_stored]
            if not activations or self._has_real_weights(op):
                return []
            if all(self._is_dequantized(other) for other in activations):
                return chain
            if op.type not in _CHAIN or len(activations) != 1:
                return []
            name = activations[0]

    def _has_real_weights(self, op: Op) -> bool:
        """A layer whose weights were left in floating point computes in it, between its neighbours' integers."""
        weights = self.graph.tensors[op.inputs[1]] if op.type in _WEIGHTED and len(op.inputs) > 1 and op.inputs[1] else None
        return weights is not None and weights.is_stored and weights.dtype in FLOATING

    def _is_dequantized(self, name: str) -> bool:
        op = self.producers.get(name)
        return op is not None and op.type == "Dequantize" and len(op.inputs) == 1 and self.graph.tensors[op.inputs[0]].quantization is not None

    def _source(self, name: str) -> str:
        """The integer tensor behind a dequantized one."""
        if not name or not self._is_dequantized(name):
            return name
        source = self.producers[name].inputs[0]
        self.readers[name] -= 1
        self.readers[source] += 1
        return source

    def sweep(self) -> None:
        """Drop what nobody reads any more."""
        for op in self.graph.ops:
            if op.type == "Dequantize" and self.readers[op.outputs[0]] == 0:
                self.removed.add(id(op))
        self.graph.ops = [op for op in self.graph.ops if id(op) not in self.removed]
        self.graph.drop_unused_tensors()
