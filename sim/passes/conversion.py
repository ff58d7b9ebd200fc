"""Conversion of a graph to other number formats: which tensor gets which, and the casts at borders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import Graph, Op, Tensor
from sim.graph.ops import OPS
from sim.passes.edit import fresh_name, fresh_op_name

FLOATS = (DType.F32, DType.F16, DType.BF16, DType.F64)
INTEGERS = (DType.I8, DType.I4, DType.I16, DType.I2, DType.I1)
WEIGHTED = ("Conv", "ConvTranspose", "Dense", "MatMul", "LSTM", "GRU", "RNN")


@dataclass(frozen=True)
class Formats:
    """Number formats of activations, of the weights of products, of all other stored numbers, and of biases."""

    activations: DType
    weights: DType
    other: DType
    bias: DType


def is_quantized(graph: Graph) -> bool:
    """Whether a graph holds integer weights or integers with scales."""
    return any(tensor.dtype in INTEGERS and (tensor.role == "weight" or tensor.quantization is not None) for tensor in graph.tensors.values())


class Conversion:
    """One conversion of one graph: decides a format for every tensor, then inserts the conversions that are missing.

    ``keep_float``, ``only``: operator types, see :class:`~sim.passes.precision.Precision`. ``exempt``: names of operators that stay float32.
    """

    def __init__(
        self, graph: Graph, formats: Formats, keep_float: tuple[str, ...], only: tuple[str, ...], keep_interface: bool, exempt: Collection[str] = ()
    ) -> None:
        self.graph, self.formats, self.keep_interface, self.exempt = graph, formats, keep_interface, frozenset(exempt)
        self.float_format = formats.activations if formats.activations in FLOATS else DType.F32
        self.keep = frozenset(keep_float) if formats.activations not in FLOATS else frozenset()
        self.only = frozenset(only) if formats.activations not in FLOATS else frozenset()
        self.original = {name: tensor.dtype for name, tensor in graph.tensors.items()}
        updates = [op for op in graph.ops if OPS[op.type].overwrites and graph.tensors[op.inputs[0]].role == "weight"]
        written = [(op, OPS[op.type].overwrites) for op in updates]
        self.updated = {op.outputs[0] for op in updates}
        self.summed = {name for op, count in written for name in (*op.inputs[1:count], *op.outputs[1:count])}  # small updates vanish in short formats
        self.converted: dict[tuple[str, DType], str] = {}
        self.inserted: list[Op] = []

    def run(self) -> None:
        self.retype_stored()
        self.retype_activations()
        ops: list[Op] = []
        for op in self.graph.ops:
            self._convert_operands(op)
            ops += [*self.inserted, op]
            self.inserted = []
        self.graph.ops = ops
        if self.keep_interface:
            self._restore_outputs()

    def _target(self, op: Op) -> DType:
        """The format an operator's activations have."""
        if op.name in self.exempt:
            return DType.F32
        parts = {op.type, *(fused.type for fused in op.fused)}
        return self.float_format if parts & self.keep or (self.only and op.type not in self.only) else self.formats.activations

    def retype_stored(self) -> None:
        wanted: dict[str, DType] = {}
        for op in self.graph.ops:
            kept = self._target(op) != self.formats.activations or op.name in self.exempt
            for index, name in enumerate(op.all_inputs):
                if name in self.graph.tensors and self.graph.tensors[name].is_stored and self.original[name] in FLOATS:
                    format = self._target(op) if kept else self._stored_format(op, name, index)
                    wanted[name] = format if name not in wanted or kept is False else wanted[name]
        for name, format in wanted.items():
            retype(self.graph.tensors[name], format)

    def _stored_format(self, op: Op, name: str, index: int) -> DType:
        if op.type in WEIGHTED:
            recurrent = op.type in ("LSTM", "GRU", "RNN")
            if index in ((1, 2) if recurrent else (0, 1)) and name in op.inputs[: 3 if recurrent else 2]:
                return self.formats.weights
            return self.formats.bias
        return self.formats.other

    def retype_activations(self) -> None:
        for name in self.graph.inputs:
            tensor = self.graph.tensors[name]
            if tensor.dtype in FLOATS and not self.keep_interface:
                retype(tensor, self.formats.activations)
        for tensor in self.graph.tensors.values():
            if tensor.role == "state" and tensor.dtype in FLOATS and tensor.name not in self.summed:
                retype(tensor, self.float_format if self.formats.activations in FLOATS else self.formats.activations)
        for op in self.graph.ops:
            for name in op.outputs:
                if self.original[name] in FLOATS and name not in self.summed:
                    retype(self.graph.tensors[name], self._target(op))
            if op.type == "Cast" and op.attributes.get("to") in FLOATS:
                op.attributes = {**op.attributes, "to": self.graph.tensors[op.outputs[0]].dtype}

    def _convert_operands(self, op: Op) -> None:
        if op.type in ("Cast", "Quantize", "Dequantize"):
            return
        target = self._target(op)
        op.inputs = tuple(self._operand(name, target) for name in op.inputs)
        for fused in op.fused:
            fused.inputs = tuple(self._operand(name, target) for name in fused.inputs)

    def _operand(self, name: str, target: DType) -> str:
        tensor = self.graph.tensors.get(name)
        if tensor is None or tensor.is_stored or self.original.get(name) not in FLOATS or tensor.dtype == target or tensor.role == "state":
            return name
        if (name, target) not in self.converted:
            made = fresh_name(self.graph, f"{name}.{target.name.lower()}")
            self.graph.tensors[made] = Tensor(made, tensor.shape, target)
            self.inserted.append(self._conversion(name, made, tensor.dtype, target))
            self.converted[name, target] = made
        return self.converted[name, target]

    def _conversion(self, source: str, made: str, before: DType, after: DType) -> Op:
        if before in FLOATS and after in FLOATS:
            type = "Cast"
        else:
            type = "Quantize" if before in FLOATS else "Dequantize"
        return Op(fresh_op_name(self.graph, f"{made}.{type.lower()}"), type, (source,), (made,), {"to": after})

    def _restore_outputs(self) -> None:
        """Outputs keep name and format: what makes one writes to another tensor, and a conversion follows."""
        for name in dict.fromkeys(self.graph.outputs):
            tensor, wanted = self.graph.tensors[name], self.original[name]
            if wanted not in FLOATS or tensor.dtype == wanted or tensor.role != "activation" or name in self.updated:  # weights stay where they are
                continue
            inner = fresh_name(self.graph, f"{name}.{tensor.dtype.name.lower()}")
            self.graph.tensors[inner] = Tensor(inner, tensor.shape, tensor.dtype)
            for op in self.graph.ops:
                op.outputs = tuple(inner if made == name else made for made in op.outputs)
                op.inputs = tuple(inner if read == name else read for read in op.inputs)
                for fused in op.fused:
                    fused.inputs = tuple(inner if read == name else read for read in fused.inputs)
            before = tensor.dtype
            retype(tensor, wanted)
            self.graph.ops.append(self._conversion(inner, name, before, wanted))


def retype(tensor: Tensor, dtype: DType) -> None:
    """Stored values become others with the format, and are forgotten; from float to float they are rounded where somebody reads them."""
    if tensor.dtype == dtype:
        return
    if not (tensor.dtype in FLOATS and dtype in FLOATS):
        tensor.load = None
    tensor.dtype, tensor.quantization = dtype, None
