"""Benchmark graphs in pieces: a branch is one operator (or a chain of it) with its own inputs, weights and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

OPSET = 17
IR_VERSION = 8
SCALE, MIDDLE = 0.02, 128  # of unsigned activations in integer graphs; the values do not change the time


@dataclass
class Branch:
    """Nodes whose names begin with ``prefix``; ``kind`` says what is measured (``pw``, ``gemm``, ...)."""

    prefix: str
    kind: str
    rng: np.random.Generator
    nodes: list[NodeProto] = field(default_factory=list)
    weights: list[TensorProto] = field(default_factory=list)
    inputs: list[ValueInfoProto] = field(default_factory=list)
    outputs: list[ValueInfoProto] = field(default_factory=list)

    def input(self, shape: Sequence[int]) -> str:
        """A float activation that another operator has just made, as between the operators of a network."""
        return self._neighbour("Abs", [self._graph_input(shape)])

    def output(self, name: str, *, integer: bool = False) -> None:
        """End the branch: ``name`` is read by another operator, so that it is no result of the graph, for which memory is taken anew in every run."""
        from onnx import TensorProto, helper

        value = self._neighbour("DequantizeLinear", [name, *self._scale(MIDDLE, np.uint8)]) if integer else name
        end = self._neighbour("ReduceMax", [value], keepdims=0)
        self.outputs.append(helper.make_tensor_value_info(end, TensorProto.FLOAT, []))

    def weight(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = self._fresh("w")
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def random(self, shape: Sequence[int]) -> str:
        """A float weight."""
        return self.weight((self.rng.standard_normal(tuple(shape)) * 0.1).astype(np.float32))

    def op(self, type: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        """A node that is measured; the name of its first output."""
        return self._node(self.prefix, type, inputs, outputs, attributes)

    def indices(self, shape: Sequence[int]) -> str:
        """Whole numbers as a graph input."""
        return self._graph_input(shape, np.int64)

    def quantized_input(self, shape: Sequence[int]) -> str:
        """An unsigned 8-bit activation that another operator has just made, dequantized."""
        made = self._neighbour("QuantizeLinear", [self._graph_input(shape), *self._scale(MIDDLE, np.uint8)])
        return self.dequantized(made)

    def convolved_input(self, shape: Sequence[int]) -> str:
        """An unsigned 8-bit activation that a convolution has just made, dequantized: the runtime keeps it in the layout of its convolutions."""
        weights = [self.quantized_weight((shape[1], 1, 1, 1), 0), self.quantized_bias(shape[1])]
        made = self._neighbour("Conv", [self.quantized_input(shape), *weights], group=shape[1], kernel_shape=[1, 1])
        return self.dequantized(self._neighbour("QuantizeLinear", [made, *self._scale(MIDDLE, np.uint8)]))

    def dequantized(self, name: str) -> str:
        return self.op("DequantizeLinear", [name, *self._scale(MIDDLE, np.uint8)])

    def quantized(self, name: str) -> str:
        return self.op("QuantizeLinear", [name, *self._scale(MIDDLE, np.uint8)])

    def requantized(self, name: str) -> str:
        """As the quantization tools put it between operators: quantized, then dequantized."""
        return self.dequantized(self.quantized(name))

    def quantized_weight(self, shape: Sequence[int], axis: int) -> str:
        """A signed 8-bit weight with a scale for each slice of ``axis``, dequantized."""
        values = self.weight(self.rng.integers(-127, 128, tuple(shape)).astype(np.int8))
        scales, zeros = self.weight(np.full(shape[axis], SCALE, np.float32)), self.weight(np.zeros(shape[axis], np.int8))
        return self.op("DequantizeLinear", [values, scales, zeros], axis=axis)

    def quantized_bias(self, length: int) -> str:
        values = self.weight(np.zeros(length, np.int32))
        scales, zeros = self.weight(np.full(length, SCALE * SCALE, np.float32)), self.weight(np.zeros(length, np.int32))
        return self.op("DequantizeLinear", [values, scales, zeros], axis=0)

    def _scale(self, zero: int, type: Any) -> list[str]:
        return [self.weight(np.array(SCALE, np.float32)), self.weight(np.array(zero, type))]

    def _graph_input(self, shape: Sequence[int], type: Any = np.float32) -> str:
        from onnx import helper

        name = self._fresh("x")
        self.inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(type)), list(shape)))
        return name

    def _neighbour(self, type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node around the measured ones, whose name begins otherwise."""
        return self._node(f"around_{self.prefix}", type, inputs, 1, attributes)

    def _node(self, prefix: str, type: str, inputs: Sequence[str], outputs: int, attributes: dict[str, Any]) -> str:
        from onnx import helper

        names = [f"{self._fresh('y')}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(type, list(inputs), names, name=f"{prefix}_{len(self.nodes)}", **attributes))
        return names[0]

    def _fresh(self, letter: str) -> str:
        return f"{self.prefix}_{letter}{len(self.nodes)}_{len(self.weights)}_{len(self.inputs)}"


def model_of(branches: Sequence[Branch]) -> ModelProto:
    """One model that holds all branches side by side."""
    from onnx import helper

    graph = helper.make_graph(
        [node for branch in branches for node in branch.nodes],
        "benchmark",
        [value for branch in branches for value in branch.inputs],
        [value for branch in branches for value in branch.outputs],
        [weight for branch in branches for weight in branch.weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)], ir_version=IR_VERSION)
