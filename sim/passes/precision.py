"""Convert a network to another precision as a runtime's converter does: formats of weights and activations, casts at borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.base import PASSES, Pass
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


FORMATS: dict[str, Formats] = {
    "float32": Formats(DType.F32, DType.F32, DType.F32, DType.F32),
    "float16": Formats(DType.F16, DType.F16, DType.F16, DType.F16),
    "int8": Formats(DType.I8, DType.I8, DType.I8, DType.I32),
    "w8a16": Formats(DType.I16, DType.I8, DType.I16, DType.I32),
    "w4a16": Formats(DType.I16, DType.I4, DType.I16, DType.I32),
    "int4": Formats(DType.I8, DType.I4, DType.I8, DType.I32),
}


@PASSES.register("precision")
@dataclass(frozen=True)
class Precision(Pass):
    """Retype activations and weights; index tensors (integers, booleans) stay as they are.

    ``to``: the precision. ``keep_float``: operators that stay in float, between Dequantize and Quantize. ``interface``: ``float``
    keeps the formats of the graph's inputs and outputs, with conversions behind and before them; ``converted`` retypes them.
    ``activations``: ``float16`` or ``float32`` for weight-only quantization; the precision's own format if empty.
    ``only``: the operators that have integer kernels, where those are the exception; all if empty.
    A model that is quantized already stays as it is where ``to`` has integer weights (with a note), and is refused otherwise.
    """

    name = "precision"
    retypes_interface: ClassVar[bool] = True
    to: str = ""
    keep_float: tuple[str, ...] = ()
    interface: str = "float"
    activations: str = ""
    only: tuple[str, ...] = ()

    def apply(self, graph: Graph) -> None:
        formats = self._formats()
        if _is_quantized(graph):
            self._keep(graph)
            return
        _Conversion(graph, formats, self.keep_float, self.only, self.interface == "float").run()

    def _formats(self) -> Formats:
        if self.to not in FORMATS:
            raise ModelError(f"unknown precision {self.to!r}; known: {', '.join(sorted(FORMATS))}")
        formats = FORMATS[self.to]
        if not self.activations:
            return formats
        floating = DType.F16 if self.activations == "float16" else DType.F32
        return Formats(floating, formats.weights, floating, floating)

    def _keep(self, graph: Graph) -> None:
        if FORMATS[self.to].weights in FLOATS:
            raise ModelError(f"{graph.name} is quantized already and cannot be made {self.to}; use precision as_stored, or start from the float model")
        note = f"the model is quantized already: kept as stored, not converted to {self.to}"
        graph.notes["compiler"] = [*graph.notes.get("compiler", ()), note]


def _is_quantized(graph: Graph) -> bool:
    return any(tensor.dtype in INTEGERS and (tensor.role == "weight" or tensor.quantization is not None) for tensor in graph.tensors.values())


class _Conversion:
    """One conversion of one graph: decides a format for every tensor, then inserts the conversions that are missing."""

    def __init__(self, graph: Graph, formats: Formats, keep_float: tuple[str, ...], only: tuple[str, ...], keep_interface: bool) -> None:
        self.graph, self.formats, self.keep_interface = graph, formats, keep_interface
        self.float_format = formats.activations if formats.activations in FLOATS else DType.F32
        self.keep = frozenset(keep_float) if formats.activations not in FLOATS else frozenset()
        self.only = frozenset(only) if formats.activations not in FLOATS else frozenset()
        self.original = {name: tensor.dtype for name, tensor in graph.tensors.items()}
        self.converted: dict[tuple[str, DType], str] = {}
        self.inserted: list[Op] = []

    def run(self) -> None:
        self._retype_stored()
        self._retype_activations()
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
        parts = {op.type, *(fused.type for fused in op.fused)}
        return self.float_format if parts & self.keep or (self.only and op.type not in self.only) else self.formats.activations

    def _retype_stored(self) -> None:
        wanted: dict[str, DType] = {}
        for op in self.graph.ops:
            kept = self._target(op) != self.formats.activations
            for index, name in enumerate(op.all_inputs):
                if name in self.graph.tensors and self.graph.tensors[name].is_stored and self.original[name] in FLOATS:
                    format = self.float_format if kept else self._stored_format(op, name, index)
                    wanted[name] = format if name not in wanted or kept is False else wanted[name]
        for name, format in wanted.items():
            _retype(self.graph.tensors[name], format)

    def _stored_format(self, op: Op, name: str, index: int) -> DType:
        if op.type in WEIGHTED:
            recurrent = op.type in ("LSTM", "GRU", "RNN")
            if index in ((1, 2) if recurrent else (0, 1)) and name in op.inputs[: 3 if recurrent else 2]:
                return self.formats.weights
            return self.formats.bias
        return self.formats.other

    def _retype_activations(self) -> None:
        for name in self.graph.inputs:
            tensor = self.graph.tensors[name]
            if tensor.dtype in FLOATS and not self.keep_interface:
                _retype(tensor, self.formats.activations)
        for tensor in self.graph.tensors.values():
            if tensor.role == "state" and tensor.dtype in FLOATS:
                _retype(tensor, self.float_format if self.formats.activations in FLOATS else self.formats.activations)
        for op in self.graph.ops:
            for name in op.outputs:
                if self.original[name] in FLOATS:
                    _retype(self.graph.tensors[name], self._target(op))
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
            if wanted not in FLOATS or tensor.dtype == wanted or tensor.role != "activation":
                continue
            inner = fresh_name(self.graph, f"{name}.{tensor.dtype.name.lower()}")
            self.graph.tensors[inner] = Tensor(inner, tensor.shape, tensor.dtype)
            for op in self.graph.ops:
                op.outputs = tuple(inner if made == name else made for made in op.outputs)
                op.inputs = tuple(inner if read == name else read for read in op.inputs)
                for fused in op.fused:
                    fused.inputs = tuple(inner if read == name else read for read in fused.inputs)
            before = tensor.dtype
            _retype(tensor, wanted)
            self.graph.ops.append(self._conversion(inner, name, before, wanted))


def _retype(tensor: Tensor, dtype: DType) -> None:
    """Stored values are forgotten with their format: nobody reads them after a conversion."""
    if tensor.dtype != dtype:
        tensor.dtype, tensor.load, tensor.quantization = dtype, None, None
