"""One layer while it is imported: its inputs and attributes, and how it enters the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.openvino.elements import dtype_named
from sim.frontends.openvino.stored import Stored, computed, is_number
from sim.frontends.openvino.xml_reader import Layer
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Op, Role, Tensor

Value = str | Stored  # a tensor of the graph being built, or a constant that has not entered it yet
Use = Literal["weight", "operand", "constant"]
Handler = Callable[["Node"], None]
Shape = tuple[int, ...]
MAX_LIST = 4096  # entries of a constant used as shape, axes, pads ...
HANDLERS: dict[str, Handler] = {}


def handles(*types: str) -> Callable[[Handler], Handler]:
    """Enter a handler for these layer types, of whatever operator set."""

    def enter(handler: Handler) -> Handler:
        for type in types:
            HANDLERS[type] = handler
        return handler

    return enter


@dataclass
class State:
    """What all layers of one import share."""

    builder: GraphBuilder
    shapes: dict[str, int] = field(default_factory=dict)  # what open extents are bound to
    used: set[str] = field(default_factory=set)  # names of ``shapes`` that were asked for
    values: dict[tuple[str, str], Value] = field(default_factory=dict)  # (layer, output port) -> value
    readers: dict[tuple[str, str], int] = field(default_factory=dict)  # (layer, output port) -> edges that leave it
    only_read_once: set[str] = field(default_factory=set)  # tensors of ports that one edge leaves
    makers: dict[str, Op] = field(default_factory=dict)
    entered: dict[object, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    state_outputs: list[str] = field(default_factory=list)
    folded_bytes: int = 0

    def enter(self, value: Value, use: Use = "operand") -> str:
        """The graph tensor of a value; constants are declared on first use, and become weights when one use makes them so."""
        if isinstance(value, str):
            return value
        role: Role = "weight" if use == "weight" or (use == "operand" and value.trained and is_number(value) and value.elements > 1) else "constant"
        key = (value.token, value.shape, value.element, None if value.scale is None else id(value.scale))
        if key not in self.entered:
            name = self.builder.tensor(value.name, value.shape, value.dtype, role, quantization=value.quantization(), load=value.read)
            self.builder.graph.tensors[name].group_bits = value.group_bits()
            self.entered[key] = name
        tensor = self.builder.graph.tensors[self.entered[key]]
        tensor.role = role if role == "weight" else tensor.role
        return tensor.name


class Node:
    """A view of one layer. Handlers read inputs and attributes through it and call :meth:`emit`, :meth:`step` or :meth:`bind`."""

    def __init__(self, layer: Layer, sources: Sequence[tuple[str, str] | None], state: State) -> None:
        self.layer, self.sources, self.state = layer, sources, state
        self.type, self.name, self.data = layer.type, layer.name, layer.data

    def refuse(self, why: str) -> ModelError:
        return ModelError(f"{self.layer.label}: {why}")

    def warn(self, what: str) -> None:
        self.state.warnings.append(f"{self.layer.label}: {what}")

    # --- attributes ----------------------------------------------------------------------------------------------

    def text(self, key: str, default: str = "") -> str:
        return self.data.get(key, default).strip()

    def number(self, key: str, default: float | None = None) -> float:
        text = self.data.get(key)
        if text is None and default is not None:
            return default
        try:
            return float(text or "")
        except ValueError:
            raise self.refuse(f"attribute {key} is {text!r}, not a number") from None

    def whole(self, key: str, default: int | None = None) -> int:
        text = self.data.get(key)
        if text is None and default is not None:
            return default
        try:
            return int((text or "")[:24])
        except ValueError:
            raise self.refuse(f"attribute {key} is {text!r}, not a whole number") from None

    def wholes(self, key: str) -> list[int] | None:
        """A list of whole numbers; None if the layer does not have it."""
        text = self.data.get(key)
        if text is None:
            return None
        try:
            return [int(part[:24]) for part in text.split(",")[:MAX_LIST] if part.strip()]
        except ValueError:
            raise self.refuse(f"attribute {key} is {text[:60]!r}, not a list of whole numbers") from None

    def flag(self, key: str, default: bool = False) -> bool:
        text = self.data.get(key)
        return default if text is None else text.strip().lower() in ("true", "1")

    def version(self) -> int:
        """Number of the operator set the layer is from; 1 for layers of extensions."""
        digits = self.layer.version.removeprefix("opset")
        return int(digits) if digits.isdigit() and len(digits) < 4 else 1

    # --- inputs --------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        return len(self.sources)

    def has(self, index: int) -> bool:
        return index < len(self.sources) and self.sources[index] is not None

    def value(self, index: int) -> Value:
        source = self.sources[index] if index < len(self.sources) else None
        if source is None:
            raise self.refuse(f"needs at least {index + 1} inputs")
        if source not in self.state.values:
            raise self.refuse(f"reads port {source[1]} of layer {source[0]}, which nothing computes")
        return self.state.values[source]

    def stored(self, index: int) -> Stored | None:
        value = self.value(index) if self.has(index) else None
        return value if isinstance(value, Stored) else None

    def shape(self, index: int) -> Shape:
        value = self.value(index)
        return value.shape if isinstance(value, Stored) else self.state.builder.shape(value)

    def dtype(self, index: int) -> DType:
        value = self.value(index)
        return value.seen if isinstance(value, Stored) else self.tensor(value).dtype

    def constant(self, index: int) -> np.ndarray:
        """The values of an input that must be known while importing."""
        stored = self.stored(index)
        array = None if stored is None else stored.value()
        if array is None:
            raise self.refuse(f"input {index} must be known when the model is imported; bind open extents, or reshape the model before saving it")
        return array

    def ints(self, index: int) -> list[int]:
        array = self.constant(index)
        if array.size > MAX_LIST:
            raise self.refuse(f"input {index} lists {array.size:,} numbers")
        return [int(part) for part in array.ravel()]

    def axes(self, index: int, rank: int) -> list[int]:
        return [self.axis(axis, rank) for axis in self.ints(index)]

    def axis(self, axis: int, rank: int) -> int:
        if not -rank <= axis < rank:
            raise self.refuse(f"names axis {axis} of {rank} dimensions")
        return axis % rank

    def operand(self, index: int, use: Use = "operand") -> str:
        """Name of the graph tensor of an input, which must be there."""
        return self.state.enter(self.value(index), use)

    def optional(self, index: int, use: Use = "operand") -> str:
        """Name of the graph tensor of an input, ``""`` if it is absent."""
        return self.operand(index, use) if self.has(index) else ""

    def operands(self, *uses: Use) -> list[str]:
        """All inputs in order; those beyond ``uses`` are operands."""
        return [self.optional(index, uses[index] if index < len(uses) else "operand") for index in range(self.count)]

    def read_once(self, name: str) -> bool:
        """Whether one edge alone leaves the port that this tensor is."""
        return name in self.state.only_read_once

    # --- results -------------------------------------------------------------------------------------------------

    def used(self, output: int) -> bool:
        """Whether somebody reads this output."""
        ports = self.layer.outputs
        return output < len(ports) and self.state.readers.get((self.layer.id, ports[output].id), 0) > 0

    def output_dtype(self, index: int = 0) -> DType:
        """As the file states it."""
        ports = self.layer.outputs
        if index >= len(ports) or not ports[index].precision:
            raise self.refuse(f"does not state the format of its output {index}")
        return dtype_named(ports[index].precision, self.layer.label)

    def outputs_used(self, most: int) -> int:
        """How many outputs to make: up to the last one that is read, at least one."""
        return max((index + 1 for index in range(most) if self.used(index)), default=1)

    def emit(
        self, type: str, inputs: Sequence[str], attributes: dict[str, Any] | None = None, *, outputs: int = 1, shapes: Sequence[Shape] | None = None
    ) -> str:
        """Add an operator with this layer's outputs; returns the first. ``shapes``: where they cannot be inferred; formats are then the file's."""
        given = None if shapes is None else [(shape, self.output_dtype(i)) for i, shape in enumerate(shapes)]
        made = self.step(type, inputs, attributes, outputs=len(given) if given else outputs, shapes=given, name=self.name)
        for index, name in enumerate(made):
            self.bind(index, name)
        return made[0]

    def step(
        self,
        type: str,
        inputs: Sequence[str],
        attributes: dict[str, Any] | None = None,
        *,
        outputs: int = 1,
        shapes: Sequence[tuple[Shape, DType]] | None = None,
        name: str = "",
    ) -> list[str]:
        """Add an operator that is one of several standing for this layer; returns its outputs."""
        for shape, _ in shapes or ():
            check_shape(self.layer.label, shape)
        inputs = list(inputs)
        while inputs and not inputs[-1]:
            inputs.pop()
        made = self.state.builder.add_many(type, inputs, attributes, name=name or f"{self.name}.{type.lower()}", outputs=outputs, shapes=shapes)
        op = self.state.builder.graph.ops[-1]
        for output in made:
            check_shape(self.layer.label, self.tensor(output).shape)
            self.state.makers[output] = op
            self._make_real(self.tensor(output), inputs, shapes is not None)
        return made

    def _make_real(self, output: Tensor, inputs: Sequence[str], stated: bool) -> None:
        """An operator on a dequantized or converted constant computes in the format that operators see."""
        first = self.state.builder.graph.tensors.get(inputs[0]) if inputs else None
        if stated or first is None or not first.is_stored or output.dtype != first.dtype:
            return
        value = next((value for value in (self.stored(i) for i in range(self.count)) if value is not None and value.dtype == first.dtype), None)
        if value is not None:
            output.dtype = value.seen

    def bind(self, index: int, value: Value) -> None:
        """Let output ``index`` be this value."""
        if index >= len(self.layer.outputs):
            return
        port = self.layer.outputs[index]
        key = (self.layer.id, port.id)
        self.state.values[key] = value
        if isinstance(value, str):
            if self.state.readers.get(key, 0) == 1 and value not in self.state.only_read_once and value in self.state.makers:
                self.state.only_read_once.add(value)
            else:
                self.state.only_read_once.discard(value)
        made = value.shape if isinstance(value, Stored) else self.state.builder.shape(value)
        stated = port.shape
        if stated is not None and (len(stated) != len(made) or any(a not in (-1, b) for a, b in zip(stated, made, strict=True))):
            self.warn(f"output {index} has shape {list(made)}; the file states {stated}")

    def bind_array(self, index: int, array: np.ndarray, *, trained: bool = False) -> None:
        self.bind(index, computed(self.name, array, trained=trained))

    def tensor(self, name: str) -> Tensor:
        return self.state.builder.graph.tensors[name]

    def maker(self, name: str, *types: str) -> Op | None:
        """The operator that made a tensor which only this layer reads, if it is of one of these types."""
        op = self.state.makers.get(name) if self.read_once(name) else None
        return op if op is not None and op.type in types and op.outputs[0] == name else None

    def entered(self, suffix: str, array: np.ndarray) -> str:
        """Declare a constant this layer needs."""
        return self.state.enter(computed(f"{self.name}.{suffix}", array), "constant")
