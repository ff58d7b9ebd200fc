"""The model being written: nodes, initializers, names, and how stored and quantized tensors are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.onnx.elements import FLOATING as FLOATS
from sim.frontends.onnx.reading import import_onnx_package
from sim.graph.ir import RUNNING, Graph, Op, Quantization, Tensor
from sim.registry import Registry

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 21, 10  # the first operator set with 4-bit integers; ONNX Runtime 1.18 and newer read it
_TWO_BITS = (25, 13)  # likewise with 2-bit integers
_UNSIGNED: dict[DType, Any] = {DType.I8: np.uint8, DType.I16: np.uint16}
INTEGERS = (DType.I8, DType.I4, DType.I2, DType.I16)
Write = Callable[["Writer", Op, list[str], list[str]], None]


@dataclass(frozen=True)
class Export:
    """How an operator is written. ``raw_inputs``: it gets the graph's own names of its inputs, not dequantized ones; ``raw_outputs``: likewise."""

    write: Write
    raw_inputs: bool = False
    raw_outputs: bool = False


EXPORTS: Registry[Export] = Registry("exported operator")


def exports(*types: str, raw_inputs: bool = False, raw_outputs: bool = False) -> Callable[[Write], Write]:
    """Enter a handler for these operator types: ``handler(writer, op, inputs, outputs)``."""

    def enter(write: Write) -> Write:
        for type in types:
            EXPORTS.register(type)(Export(write, raw_inputs, raw_outputs))
        return write

    return enter


def held_wider(graph: Graph) -> str:
    """Why integers of two bits are written as four, for a report; nothing where there are none, or they are written as they are.

    Beside integer activations they are not, whatever onnx knows: ONNX Runtime turns such products into integer kernels, which have no INT2.
    """
    if not any(tensor.dtype == DType.I2 for tensor in graph.tensors.values()):
        return ""
    if not has_two_bits():
        return "the installed onnx package has no INT2: integers of two bits are stored as INT4, twice as large; a newer onnx stores them as they are"
    if any(tensor.dtype in INTEGERS and not tensor.is_stored for tensor in graph.tensors.values()):
        return "beside integer activations ONNX Runtime takes no INT2: integers of two bits are stored as INT4, twice as large"
    return ""


def has_two_bits() -> bool:
    """Whether the installed onnx package knows integers of two bits."""
    return hasattr(import_onnx_package().TensorProto, "INT2")


class Writer:
    """Collects the nodes and initializers of one model."""

    def __init__(self, graph: Graph, fill: Callable[[Tensor], np.ndarray] | None) -> None:
        self.onnx, self.graph, self.fill = import_onnx_package(), graph, fill
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.two_bits = any(tensor.dtype == DType.I2 for tensor in graph.tensors.values()) and not held_wider(graph)
        self.opset, self.ir_version = _TWO_BITS if self.two_bits else (OPSET, IR_VERSION)
        self.domains: dict[str, int] = {"": self.opset}
        self.taken = set(graph.tensors)
        self._node_names: dict[str, int] = {}
        self.run_time_grids: dict[str, tuple[str, str]] = {}  # integers found at run time -> their scale and zero point
        self._read: dict[tuple[str, DType | None], str] = {}

    # ------------------------------------------------------------------ names and nodes
    def fresh(self, stem: str) -> str:
        """A tensor name nobody has."""
        name, count = stem, 0
        while name in self.taken:
            count += 1
            name = f"{stem}_{count}"
        self.taken.add(name)
        return name

    def node(self, type: str, inputs: Sequence[str], outputs: Sequence[str] | str, *, domain: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node; ``outputs`` as text is the stem of one fresh output. Gives its first output."""
        made = [self.fresh(outputs)] if isinstance(outputs, str) else list(outputs)
        inputs = list(inputs)
        while inputs and not inputs[-1]:
            inputs.pop()
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(self.onnx.helper.make_node(type, inputs, made, name=self._node_name(name or made[0]), domain=domain, **given))
        self.domains.setdefault(domain, 1)
        return made[0]

    def _node_name(self, name: str) -> str:
        """A node name nobody has: the name, or the name with a number."""
        count = self._node_names.get(name, 0)
        self._node_names[name] = count + 1
        return f"{name}/{count}" if count else name

    def constant(self, stem: str, values: Any, dtype: Any = np.int64) -> str:
        """An initializer of its own."""
        name = self.fresh(stem)
        self.initializers[name] = self.onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), name)
        return name

    def scalar(self, stem: str, value: float, like: str | DType) -> str:
        """A number in the format of a tensor of the graph."""
        dtype = like if isinstance(like, DType) else self.graph.tensors[like].dtype if like in self.graph.tensors else DType.F32
        return self.constant(stem, value, self.numpy_type(dtype if dtype in FLOATS else DType.F32))

    # ------------------------------------------------------------------ formats
    def element(self, dtype: DType) -> int:
        """The ONNX element type of a format."""
        kinds = self.onnx.TensorProto
        return int(
            {
                DType.F32: kinds.FLOAT, DType.F16: kinds.FLOAT16, DType.BF16: kinds.BFLOAT16, DType.F64: kinds.DOUBLE, DType.I8: kinds.INT8,
                DType.I4: kinds.INT4, DType.I2: kinds.INT2 if self.two_bits else kinds.INT4, DType.I16: kinds.INT16, DType.I32: kinds.INT32,
                DType.I64: kinds.INT64, DType.BOOL: kinds.BOOL, DType.F8: kinds.FLOAT8E4M3FN,
            }[dtype]
        )  # fmt: skip

    def numpy_type(self, dtype: DType) -> Any:
        """The NumPy type of a format."""
        return self.onnx.helper.tensor_dtype_to_np_dtype(self.element(dtype))

    def type_of(self, name: str) -> DType:
        return self.graph.tensors[name].dtype

    def values(self, tensor: Tensor) -> np.ndarray:
        """Stored values, or those that stand in for them."""
        if tensor.load is not None:
            return np.asarray(tensor.load()).reshape(tensor.shape)
        if self.fill is None:
            raise ModelError(f"no values are stored for {tensor.name!r}")
        return np.asarray(self.fill(tensor)).reshape(tensor.shape)

    # ------------------------------------------------------------------ reading
    def read(self, name: str, wanted: DType | None = None) -> str:
        """The real tensor behind a name: stored ones become initializers, integers with scales are dequantized.

        ``wanted``: the float format a stored tensor is needed in.
        """
        if not name:
            return ""
        tensor = self.graph.tensors[name]
        if tensor.dtype not in FLOATS and not (tensor.dtype in INTEGERS or tensor.quantization is not None):
            return self.store(tensor)
        if (name, wanted) not in self._read:
            self._read[name, wanted] = self._reading(tensor, wanted if wanted in FLOATS else None)
        return self._read[name, wanted]

    def _reading(self, tensor: Tensor, wanted: DType | None) -> str:
        if tensor.dtype in FLOATS:
            stored = self.store(tensor)
            if not tensor.is_stored or wanted in (None, tensor.dtype):
                return stored
            return self.node("Cast", [stored], f"{tensor.name}_{wanted.name.lower()}", to=self.element(wanted))  # type: ignore[union-attr]  # not None here
        if tensor.quantization is None:
            if tensor.is_stored and tensor.load is not None and np.asarray(tensor.load()).dtype.kind in "iub" and tensor.role == "constant":
                return self.store(tensor)
            raise self.no_scale(tensor)
        return self.as_float(self.dequantize(self.store(tensor), tensor.name, tensor.quantization, self.integer_type(tensor)), tensor.name, wanted)

    def as_float(self, source: str, stem: str, wanted: DType | None) -> str:
        """A dequantized value, which is float32, in the float format it is needed in."""
        if wanted is None or wanted == DType.F32:
            return source
        return self.node("Cast", [source], f"{stem}_{wanted.name.lower()}", to=self.element(wanted))

    def no_scale(self, tensor: Tensor) -> ModelError:
        """The error for integers whose meaning nobody knows."""
        return ModelError(
            f"{tensor.name!r} holds {tensor.dtype.name} integers without a scale; quantize with calibration data to find the scales of activations"
        )

    def integer_type(self, tensor: Tensor) -> Any:
        """The NumPy type of the integers a tensor holds: files may store unsigned ones."""
        if tensor.is_stored and tensor.load is not None:
            found = np.asarray(tensor.load()).dtype
            if found == _UNSIGNED.get(tensor.dtype):
                return found.type
        unsigned = tensor.quantization is not None and tensor.quantization.unsigned
        return _UNSIGNED[tensor.dtype] if unsigned and tensor.dtype in _UNSIGNED else self.numpy_type(tensor.dtype)

    def store(self, tensor: Tensor) -> str:
        """An initializer for a stored tensor; the name itself for any other."""
        if tensor.is_stored and tensor.name not in self.initializers:
            self.store_as(tensor.name, self.values(tensor), self.integer_type(tensor) if tensor.dtype in INTEGERS else self.numpy_type(tensor.dtype))
        return tensor.name

    def store_as(self, name: str, values: np.ndarray, kind: Any) -> str:
        """An initializer with these values in a NumPy type."""
        self.initializers[name] = self.onnx.numpy_helper.from_array(np.ascontiguousarray(values).astype(kind), name)
        return name

    # ------------------------------------------------------------------ quantization
    def dequantize(self, source: str, stem: str, found: Quantization, kind: Any, axis: int | None = None) -> str:
        """A DequantizeLinear with scales and zero points of its own."""
        scale, point = self.grid(stem, found, kind)
        axis = found.axis if axis is None else axis
        return self.node("DequantizeLinear", [source, scale, point], f"{stem}_DequantizeLinear_Output", name=f"{stem}_DequantizeLinear", axis=axis)

    def grid(self, stem: str, found: Quantization, kind: Any) -> tuple[str, str]:
        """Initializers of scale and zero point; the zero point of sums is left out, it is 0."""
        key = (f"{stem}_scale", f"{stem}_zero_point")
        if key[0] not in self.initializers:
            many = len(found.scale) > 1 or found.axis is not None
            points = found.zero_point * (len(found.scale) if len(found.zero_point) == 1 else 1)
            self.store_as(key[0], np.array(found.scale if many else found.scale[0]), np.float32)
            if kind != np.int32:
                self.store_as(key[1], np.array(points if many else points[0]), kind)
        return key[0], "" if kind == np.int32 else key[1]

    def real_name(self, name: str) -> str:
        """Where an operator writes a result: integers with scales are quantized behind it."""
        tensor = self.graph.tensors[name]
        if tensor.dtype not in INTEGERS:
            return name
        if tensor.quantization is None:
            raise self.no_scale(tensor)
        return f"{name}_real"

    def quantize_output(self, name: str) -> None:
        """The QuantizeLinear behind a result that is held in integers."""
        tensor = self.graph.tensors[name]
        if tensor.dtype in INTEGERS and tensor.quantization is not None:
            self.quantize(f"{name}_real", name, tensor.quantization)

    def quantize(self, source: str, name: str, found: Quantization) -> None:
        """A QuantizeLinear into the tensor ``name``."""
        scale, point = self.grid(name, found, self.integer_type(self.graph.tensors[name]))
        self.node("QuantizeLinear", [source, scale, point], [name], name=f"{name}_QuantizeLinear", axis=found.axis)

    # ------------------------------------------------------------------ the end
    def model(self) -> onnx.ModelProto:
        """The finished model, with its shapes stated at inputs and outputs."""
        helper = self.onnx.helper
        for name in self.graph.outputs:
            if self.graph.tensors[name].is_stored or name in self.graph.inputs:
                self.store(self.graph.tensors[name])
        sides = [[helper.make_tensor_value_info(name, self._interface(name), self.graph.tensors[name].shape) for name in names] for names in
                 (self.graph.inputs, self.graph.outputs)]  # fmt: skip
        made = helper.make_graph(self.nodes, self.graph.name or "model", *sides, initializer=list(self.initializers.values()))
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.domains.items()]
        return helper.make_model(made, opset_imports=opsets, ir_version=self.ir_version, producer_name="edgesim")

    def _interface(self, name: str) -> int:
        tensor = self.graph.tensors[name]
        kind = self.integer_type(tensor) if tensor.dtype in INTEGERS else self.numpy_type(tensor.dtype)
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


def write_fused(writer: Writer, fused: Sequence[Op], value: str, last: str) -> None:
    """Operators that follow ``value`` one after the other; the last one makes ``last``."""
    for index, op in enumerate(fused):
        target = last if index + 1 == len(fused) else writer.fresh(f"{op.name}.value")
        operands = [value if name == RUNNING else writer.read(name) for name in op.inputs]
        EXPORTS[op.type].write(writer, op, operands, [target])
        value = target
