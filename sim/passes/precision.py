"""Convert a network to another precision as a runtime's converter does: formats of weights and activations, casts at borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Tensor
from sim.passes.base import PASSES, Pass
from sim.passes.conversion import FLOATS, Conversion, Formats, is_quantized, retype
from sim.passes.edit import fresh_name

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
    ``group_bits``: bits a weight that scales of groups add, to the table of a look-up too. ``output_weights``: ``int8`` or ``int4`` for
    the output matrix of a language model (the shape of the table its tokens are looked up in), with ``output_group_bits``.
    ``untied``: a table that is the output matrix too is stored twice, both in that format.
    A model that is quantized already stays as it is where ``to`` has integer weights (with a note), and is refused otherwise.
    """

    name = "precision"
    retypes_interface: ClassVar[bool] = True
    to: str = ""
    keep_float: tuple[str, ...] = ()
    interface: str = "float"
    activations: str = ""
    only: tuple[str, ...] = ()
    group_bits: float = 0.0
    output_weights: str = ""
    output_group_bits: float = 0.0
    untied: bool = False

    def apply(self, graph: Graph) -> None:
        formats = self._formats()
        if is_quantized(graph):
            self._keep(graph)
            return
        tables = vocabulary_tables(graph)
        if self.untied:
            _untie(graph, tables)
        Conversion(graph, formats, self.keep_float, self.only, self.interface == "float").run()
        self._group(graph, formats, tables)

    def _group(self, graph: Graph, formats: Formats, tables: tuple[str, ...]) -> None:
        """Group scales of the weights, and the formats of tables and the output matrix."""
        output = {"int4": DType.I4, "int8": DType.I8}.get(self.output_weights)
        outputs = _output_matrices(graph, tables) | set(tables if self.untied else ())
        for tensor in graph.tensors.values():
            if self.group_bits and tensor.role == "weight" and (tensor.dtype == formats.weights or tensor.name in tables):
                retype(tensor, formats.weights)
                tensor.group_bits = self.group_bits
            if output is not None and tensor.name in outputs:
                retype(tensor, output)
                tensor.group_bits = self.output_group_bits

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


def vocabulary_tables(graph: Graph) -> tuple[str, ...]:
    """Trained tables whose rows are looked up by tokens."""
    gathers = (op for op in graph.ops if op.type == "Gather" and op.attributes.get("axis", 0) == 0)
    names = dict.fromkeys(op.inputs[0] for op in gathers)
    return tuple(name for name in names if graph.tensors[name].role == "weight" and len(graph.tensors[name].shape) == 2)


def _output_matrices(graph: Graph, tables: tuple[str, ...]) -> set[str]:
    shapes = {graph.tensors[name].shape for name in tables}
    return {op.inputs[1] for op in graph.ops if op.type == "Dense" and op.inputs[1] in graph.tensors and graph.tensors[op.inputs[1]].shape in shapes}


def _untie(graph: Graph, tables: tuple[str, ...]) -> None:
    """A matrix of its own for every product with a table."""
    for op in graph.ops:
        if op.type == "Dense" and op.inputs[1] in tables:
            table = graph.tensors[op.inputs[1]]
            name = fresh_name(graph, f"{table.name}.output")
            graph.tensors[name] = Tensor(name, table.shape, table.dtype, "weight")
            op.inputs = (op.inputs[0], name, *op.inputs[2:])
