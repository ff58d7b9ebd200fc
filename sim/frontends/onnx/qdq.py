"""Groups of DequantizeLinear -> operator -> QuantizeLinear become one integer operator.

A file in Q/DQ form computes with real numbers between explicit conversions; runtimes run such a group as one integer kernel. The rule here:

1. ``DequantizeLinear`` of a constant is no operator: the stored tensor keeps its integer format and carries its scales.
2. An operator joins a group if every activation it reads comes from a ``Dequantize`` with known scale, and its single result is read only by one
   ``Quantize`` with known scale, and its weights, if it has any, are integers. Clamps (Relu, Clip) between operator and ``Quantize`` belong to the group.
   The operator then reads the integer tensors directly and its result (each result along the chain) has the format and
   scale of the ``Quantize``, which disappears; a ``Dequantize`` disappears with its last reader.
3. Whatever does not form a full group (a real input somewhere, a result also read unquantized, operators without integer meaning such
   as Cast) stays real, between explicit ``Quantize`` and ``Dequantize`` operators.

Whether a device has an integer kernel for the operator is for the compiler to say, not for the graph.
"""

from __future__ import annotations

from sim.frontends.onnx.elements import FLOATING
from sim.graph.ir import Graph, Op

# Clamps: they keep the scale of what they clamp, so a producer's requantization does them; other activations would need a scale of their own.
_CHAIN = ("Relu", "Relu6", "ReluN1To1", "Clip")
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
    for op in graph.ops:
        if op.type == "Quantize" and len(op.inputs) == 1:
            grouping.close(op)
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
