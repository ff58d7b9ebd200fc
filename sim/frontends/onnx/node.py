"""One ONNX node while it is imported: its operands, attributes and version, and how it enters the graph."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.onnx.elements import FLOATING
from sim.frontends.onnx.stored import Stored, computed
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Quantization, Role, Tensor

if TYPE_CHECKING:
    import onnx

    from sim.frontends.onnx.reading import ModelFile

Value = str | Stored  # a tensor of the graph being built, or a constant that has not entered it yet
Use = Literal["weight", "operand", "constant"]
Handler = Callable[["Node"], None]
Shape = tuple[int, ...]
OutputTypes = Sequence[tuple[Sequence[int], DType]] | None  # stated where an operator cannot infer them

MAX_LIST = 4096  # entries of a constant used as shape, axes, pads ...


class OpenOperand(ModelError):
    """A shape, axis or the like is computed at run time: the operator cannot be imported as what it is."""


@dataclass
class ImportState:
    """What all nodes of one import share."""

    builder: GraphBuilder
    file: ModelFile
    declared: Mapping[str, tuple[Shape, DType]] = field(default_factory=dict)  # outputs' shapes as the file states them
    warnings: list[str] = field(default_factory=list)
    folded_bytes: int = 0
    sparse_bytes: dict[str, int] = field(default_factory=dict)  # initializers stored sparse -> bytes in the file
    entered: dict[object, str] = field(default_factory=dict)  # Stored.key -> tensor of the graph
    dynamic_scales: set[str] = field(default_factory=set)  # tensors that hold the scale of a dynamic quantization
    node_names: dict[str, int] = field(default_factory=dict)  # name -> nodes that have it
    sequences: dict[str, list[Value]] = field(default_factory=dict)  # lists of tensors, by their names in the file
    run: Callable[[Any, ChainMap[str, Value]], None] | None = None  # imports a subgraph's nodes
    enter_constants: Callable[[Any, ChainMap[str, Value]], None] | None = None  # and before that what it stores
    unrolled: int = 0  # rounds and nodes that loops put into the graph

    def enter(self, value: Value, use: Use) -> str:
        """The graph tensor of a value; constants are declared on first use, and become weights when one use makes them so."""
        if isinstance(value, str):
            return value
        role = _role(value, use)
        if value.key not in self.entered:
            self.entered[value.key] = self.builder.tensor(value.name, value.shape, value.dtype, role, quantization=value.quantization, load=value.read)
        tensor = self.builder.graph.tensors[self.entered[value.key]]
        tensor.role = role if role == "weight" else tensor.role
        tensor.quantization = tensor.quantization or value.quantization
        return tensor.name


class Node:
    """A view of one NodeProto. Handlers read operands and attributes through it and call :meth:`emit` or :meth:`bind`."""

    def __init__(self, proto: onnx.NodeProto, state: ImportState, values: ChainMap[str, Value], version: int) -> None:
        self.proto, self.state, self.values, self.version = proto, state, values, version
        self.type = proto.op_type
        self._made: set[str] = set()  # tensors of this node's operators that do not yet have the file's names
        self.outputs = list(proto.output)
        while self.outputs and not self.outputs[-1]:
            self.outputs.pop()
        self.name = self._own_name(proto.name or next((name for name in self.outputs if name), proto.op_type))
        self.attributes = {attribute.name: _attribute_value(attribute) for attribute in proto.attribute}

    def _own_name(self, name: str) -> str:
        """Files may give many nodes one name; these are numbered here, since the graph builder would search for each anew."""
        earlier = self.state.node_names.get(name, 0)
        self.state.node_names[name] = earlier + 1
        return f"{name}_{earlier}" if earlier else name

    def refuse(self, why: str) -> ModelError:
        """The error for a node that cannot be imported."""
        return ModelError(f"{self.name} ({self.type}): {why}")

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    # ------------------------------------------------------------------ operands
    def value(self, index: int) -> Value | None:
        """Operand ``index``; None if absent."""
        name = self.proto.input[index] if index < len(self.proto.input) else ""
        if not name:
            return None
        if name not in self.values:
            raise self.refuse(f"reads {name!r}, which nothing computes at inference")
        return self.values[name]

    def has(self, index: int) -> bool:
        return self.value(index) is not None

    def needed(self, index: int) -> Value:
        value = self.value(index)
        if value is None:
            raise self.refuse(f"needs at least {index + 1} inputs")
        return value

    def stored(self, index: int) -> Stored | None:
        value = self.value(index)
        return value if isinstance(value, Stored) else None

    def shape(self, index: int) -> Shape:
        value = self.needed(index)
        return value.shape if isinstance(value, Stored) else self.state.builder.shape(value)

    def dtype(self, index: int) -> DType:
        """Format of operand ``index`` as the operator sees it (a dequantized constant is real)."""
        value = self.needed(index)
        if isinstance(value, Stored):
            return value.real_dtype if value.is_quantized and value.real_dtype is not None else value.dtype
        return self.state.builder.graph.tensors[value].dtype

    def constant(self, index: int) -> np.ndarray | None:
        """The values of a constant operand; None if it is absent."""
        value = self.value(index)
        if value is None:
            return None
        array = value.value() if isinstance(value, Stored) else None
        if array is None:
            what = f"input {index} ({self.proto.input[index]!r}) must be known when the model is imported"
            raise OpenOperand(f"{self.name} ({self.type}): {what}; bind symbolic dimensions, or export it as a constant")
        return array

    def ints(self, index: int, attribute: str | None = None) -> list[int] | None:
        """Whole numbers from operand ``index``, else from an attribute; None if both are absent."""
        array = self.constant(index)
        if array is not None:
            if array.size > MAX_LIST:
                raise self.refuse(f"input {index} lists {array.size:,} numbers")
            return [int(part) for part in np.ravel(array)]
        given = self.attribute(attribute) if attribute else None
        return None if given is None else [int(part) for part in given]

    def scalar(self, index: int, attribute: str | None = None, default: float | None = None) -> float | None:
        """One number from operand ``index``, else from an attribute."""
        array = self.constant(index)
        if array is not None:
            if array.size != 1:
                raise self.refuse(f"input {index} must be one number, it has shape {list(array.shape)}")
            return float(array.reshape(()))
        return self.attribute(attribute, default) if attribute else default

    def operand(self, index: int, use: Use = "operand") -> str:
        """Name of the graph tensor of operand ``index`` (``""`` if absent)."""
        value = self.value(index)
        return "" if value is None else self.enter(value, use)

    def operands(self, *uses: Use) -> list[str]:
        """All inputs in order; those beyond ``uses`` are operands. Absent ones at the end are dropped."""
        count = len(self.proto.input)
        names = [self.operand(i, uses[i] if i < len(uses) else "operand") for i in range(count)]
        while names and not names[-1]:
            names.pop()
        return names

    def enter(self, value: Value, use: Use = "operand") -> str:
        """The graph tensor of a value."""
        return self.state.enter(value, use)

    # ------------------------------------------------------------------ results
    def emit(self, type: str, inputs: Sequence[str], attributes: dict[str, Any] | None = None, *, shapes: OutputTypes = None) -> list[str]:
        """Add an operator with this node's outputs."""
        made = self.step(type, inputs, attributes, outputs=max(len(self.outputs), 1), shapes=shapes, name=self.name)
        for wanted, name in zip(self.outputs, made, strict=False):
            if wanted:
                self.values[wanted] = self._renamed(name, wanted)
        return [self.values[wanted] if wanted else name for wanted, name in zip(self.outputs, made, strict=False)]  # type: ignore[misc]  # just bound to names

    def step(
        self,
        type: str,
        inputs: Sequence[str],
        attributes: dict[str, Any] | None = None,
        *,
        outputs: int = 1,
        shapes: OutputTypes = None,
        name: str | None = None,
    ) -> list[str]:
        """Add an operator that is one of several standing for this node; returns its outputs."""
        for shape, _ in shapes or ():
            check_shape(f"an output of {self.name}", shape)
        inputs = list(inputs)
        while inputs and not inputs[-1]:
            inputs.pop()
        made = self.state.builder.add_many(type, inputs, attributes, name=name or f"{self.name}.{type.lower()}", outputs=outputs, shapes=shapes)
        self._made.update(made)
        for output in made:
            tensor = self.tensor(output)
            check_shape(f"an output of {self.name}", tensor.shape)
            if shapes is None:
                self._make_real(tensor, inputs)
        return made

    def bind(self, index: int, value: Value) -> None:
        """Let output ``index`` be an existing value; no operator is needed."""
        if index < len(self.outputs) and self.outputs[index]:
            self.values[self.outputs[index]] = value

    def bind_step(self, index: int, name: str) -> None:
        """Let output ``index`` be the result of a step, under the name the file gives it."""
        if index < len(self.outputs) and self.outputs[index]:
            self.values[self.outputs[index]] = self._renamed(name, self.outputs[index])

    def bind_array(self, index: int, array: np.ndarray, element: int, *, trained: bool = False) -> None:
        """Let output ``index`` be a constant."""
        if index < len(self.outputs) and self.outputs[index]:
            self.bind(index, computed(self.outputs[index], array, element, trained))

    def new_constant(self, suffix: str, array: np.ndarray, element: int) -> str:
        """Declare a constant this node needs."""
        return self.enter(computed(f"{self.name}.{suffix}", array, element, trained=False), "constant")

    def tensor(self, name: str) -> Tensor:
        return self.state.builder.graph.tensors[name]

    def quantize_output(self, name: str, quantization: Quantization | None, dtype: DType) -> None:
        """State in which integer format a tensor is held."""
        tensor = self.tensor(name)
        tensor.dtype, tensor.quantization = dtype, quantization

    def warn(self, what: str) -> None:
        self.state.warnings.append(f"{self.name} ({self.type}): {what}")

    def _make_real(self, output: Tensor, inputs: Sequence[str]) -> None:
        """An operator whose first operand is a dequantized constant computes with real numbers."""
        first = self.state.builder.graph.tensors.get(inputs[0]) if inputs else None
        if first is None or not first.is_stored or output.dtype != first.dtype:
            return
        value = self.value(0)
        if isinstance(value, Stored) and value.is_quantized and value.real_dtype is not None:
            output.dtype = value.real_dtype

    def _renamed(self, name: str, wanted: str) -> str:
        """Give a tensor that this node made the name the file has for it; one that others made keeps its name."""
        tensors = self.state.builder.graph.tensors
        if wanted in tensors or name not in self._made:
            return name
        self._made.discard(name)
        tensor = tensors.pop(name)
        tensor.name = wanted
        tensors[wanted] = tensor
        for op in reversed(self.state.builder.graph.ops):  # back to its maker, which is one of this node's own operators
            op.inputs = tuple(wanted if other == name else other for other in op.inputs)
            if name in op.outputs:
                op.outputs = tuple(wanted if other == name else other for other in op.outputs)
                break
        return wanted


def _role(value: Stored, use: Use) -> Role:
    """Trained parameters are: operands of contractions, norms and look-ups; and other floating or quantized initializers of more than one element."""
    is_number = value.is_quantized or value.dtype in FLOATING
    if use == "weight" or (use == "operand" and value.trained and is_number and value.elements > 1):
        return "weight"
    return "constant"


# AttributeProto.type: FLOAT 1, INT 2, STRING 3, TENSOR 4, GRAPH 5, FLOATS 6, INTS 7, STRINGS 8
def _attribute_value(attribute: onnx.AttributeProto) -> Any:
    kind = int(attribute.type)
    if kind == 0:  # files of IR version 1 do not state it
        kind = next((number for number, name in ((7, "ints"), (6, "floats"), (8, "strings")) if len(getattr(attribute, name))), 0)
        kind = kind or next((number for number, name in ((1, "f"), (2, "i"), (3, "s"), (4, "t"), (5, "g")) if attribute.HasField(name)), 7)
    if kind == 3:
        return attribute.s.decode(errors="replace")
    if kind == 8:
        return [text.decode(errors="replace") for text in attribute.strings]
    single = {1: "f", 2: "i", 4: "t", 5: "g"}
    if kind in single:
        return getattr(attribute, single[kind])
    return list(getattr(attribute, {6: "floats", 7: "ints"}.get(kind, "ints")))
