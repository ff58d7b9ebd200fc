"""What the handlers of single operators work with: the file's tensors as tensors of the graph under construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.tflite.reader import FORMATS, OperatorRecord, TensorRecord, TfliteFile
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Quantization, Sparsity
from sim.graph.ops import OPS

SMALL = 4096  # constants of at most so many elements are read to compute shapes
_INTEGERS = (DType.I32, DType.I64, DType.BOOL)
_ACTIVATIONS: dict[int, tuple[str, dict[str, Any]]] = {1: ("Relu", {}), 2: ("ReluN1To1", {}), 3: ("Relu6", {}), 4: ("Tanh", {}), 5: ("Sign", {})}
Shape = tuple[int, ...]


def stored_values(path: Path, offset: int, size: int, kind: str, shape: Shape, dtype: DType, perm: Sequence[int] | None) -> np.ndarray:
    """Values of a stored tensor, read from the file now: an array of ``shape`` with its axes permuted by ``perm``."""
    raw = np.fromfile(path, dtype=kind, offset=offset, count=size // np.dtype(kind).itemsize)
    if dtype is DType.I4:  # two to a byte, the low half first, two's complement
        halves = np.stack([raw & 15, raw >> 4], axis=1).reshape(-1)[: int(np.prod(shape))].astype(np.int8)
        raw = np.where(halves > 7, halves - 16, halves)
    return raw.reshape(shape).transpose(perm) if perm is not None else raw.reshape(shape)


class Unrolled:
    """Counts what the loops of a file put into the graph: a hostile one counts to a billion."""

    LIMIT = 10_000  # rounds and operators

    def __init__(self) -> None:
        self.count = 0

    def spend(self, entries: int, what: str) -> None:
        self.count += entries
        if self.count > self.LIMIT:
            raise ModelError(f"{what}: unrolled, this loop has more than {self.LIMIT:,} operators; export the model for shorter sequences")


class Context:
    """The import of one file. Handlers read inputs with :meth:`x` and :meth:`weight`, constants with :meth:`constant`, and add with :meth:`emit`."""

    def __init__(self, file: TfliteFile, name: str) -> None:
        self.file = file
        self.builder = GraphBuilder(name)
        self.names: dict[int, str] = {}  # file tensor -> graph tensor
        self.folded: dict[int, np.ndarray] = {}  # values computed while importing
        self.folded_elements = 0
        self.alias: dict[int, int] = {}  # output of a folded conversion -> the stored tensor it converts
        self.variables: set[int] = set()  # resources that name a variable
        self.state_outputs: list[str] = []
        self.warnings: list[str] = []
        self.sparse: dict[str, int] = {}
        self._weights: dict[tuple[Any, ...], str] = {}
        self.unrolled = Unrolled()
        self.depth = 0  # of subgraphs inside each other

    def share(self, outer: Context, *, quiet: bool) -> None:
        """Become the import of a subgraph inside ``outer``: the same graph under construction, tensors of its own."""
        self.builder, self.sparse, self.state_outputs = outer.builder, outer.sparse, outer.state_outputs
        self._weights, self.unrolled, self.depth = outer._weights, outer.unrolled, outer.depth + 1
        self.warnings = [] if quiet else outer.warnings

    # --- the file's tensors -------------------------------------------------------------------------------------

    def record(self, op: OperatorRecord, position: int) -> TensorRecord:
        """The tensor at an input position, which must be there."""
        if not self.has(op, position):
            raise ModelError(f"{op.label}: input {position} is missing")
        index = op.inputs[position]
        return self.file.tensors[self.alias.get(index, index)]

    def has(self, op: OperatorRecord, position: int) -> bool:
        return position < len(op.inputs) and op.inputs[position] >= 0

    def output(self, op: OperatorRecord, position: int = 0) -> TensorRecord:
        if position >= len(op.outputs):
            raise ModelError(f"{op.label}: output {position} is missing")
        return self.file.tensors[op.outputs[position]]

    def is_stored(self, tensor: TensorRecord) -> bool:
        """Whether the file holds its values."""
        return 0 < tensor.buffer < len(self.file.buffers) and self.file.buffers[tensor.buffer][1] > 0 and tensor.index not in self.names

    def is_known(self, op: OperatorRecord, position: int) -> bool:
        return self.has(op, position) and (op.inputs[position] in self.folded or self.is_stored(self.record(op, position)))

    def values(self, index: int) -> np.ndarray | None:
        """Values of a small tensor that is known while importing, else None."""
        index = self.alias.get(index, index)
        if index in self.folded:
            return self.folded[index]
        tensor = self.file.tensors[index]
        if not self.is_stored(tensor) or int(np.prod(tensor.shape, dtype=object)) > SMALL or tensor.is_sparse:
            return None
        return self._load(tensor, None)()

    def constant(self, op: OperatorRecord, position: int) -> np.ndarray | None:
        return self.values(op.inputs[position]) if self.has(op, position) else None

    def ints(self, op: OperatorRecord, position: int, what: str) -> list[int]:
        """A constant input as a list of integers; it must be known while importing."""
        values = self.constant(op, position)
        if values is None:
            raise ModelError(f"{op.label}: its {what} is computed while the model runs; only constant ones are supported")
        return [int(value) for value in np.asarray(values).reshape(-1)]

    def _load(self, tensor: TensorRecord, perm: Sequence[int] | None) -> Callable[[], np.ndarray]:
        offset, size = self.file.buffers[tensor.buffer]
        dtype, kind = FORMATS[tensor.type]
        shape = check_shape(f"tensor {tensor.name!r}", tensor.shape)
        expected = -(-int(np.prod(shape, dtype=object)) * int(DTYPE_BITS[dtype]) // 8)
        if size != expected:
            raise ModelError(f"damaged file: tensor {tensor.name!r} of shape {list(shape)} has {size} bytes stored, not {expected}")
        return partial(stored_values, self.file.path.absolute(), offset, size, kind, shape, dtype, perm)

    def _load_sparse(self, tensor: TensorRecord, perm: Sequence[int] | None) -> Callable[[], np.ndarray] | None:
        """Values of a sparse tensor, zeros included; None where the file does not say which elements it keeps."""
        layout = tensor.layout
        if layout is None or tensor.dtype is DType.I4:
            return None
        offset, size = self.file.buffers[tensor.buffer]
        kind, kept = FORMATS[tensor.type][1], layout.kept()
        shape = check_shape(f"tensor {tensor.name!r}", tensor.shape)
        if size != kept * np.dtype(kind).itemsize:
            raise ModelError(f"damaged file: sparse tensor {tensor.name!r} keeps {kept:,} values and has {size:,} bytes stored")
        read = partial(stored_values, self.file.path.absolute(), offset, size, kind, (kept,), tensor.dtype, None)
        return lambda: layout.dense(read(), shape) if perm is None else layout.dense(read(), shape).transpose(perm)

    def _sparsity(self, tensor: TensorRecord) -> Sparsity:
        """As its layout says; without one, by the bytes stored."""
        if tensor.layout is not None:
            return tensor.layout.sparsity(tensor.shape)
        elements = int(np.prod(tensor.shape, dtype=object))
        kept = self.file.buffers[tensor.buffer][1] * 8 / float(DTYPE_BITS[tensor.dtype])
        return Sparsity(min(max(1.0 - kept / elements, 0.0), 1.0) if elements else 0.0)

    # --- tensors of the graph -----------------------------------------------------------------------------------

    def shape(self, name: str) -> Shape:
        return self.builder.shape(name)

    def x(self, op: OperatorRecord, position: int) -> str:
        """The graph tensor at an input position: an activation, a variable, or a stored tensor entered now."""
        return self.tensor(self.record(op, position))

    def all_inputs(self, op: OperatorRecord) -> list[str]:
        return [self.x(op, position) for position in range(len(op.inputs)) if self.has(op, position)]

    def tensor(self, tensor: TensorRecord) -> str:
        if tensor.index in self.names:
            return self.names[tensor.index]
        if tensor.index in self.folded:
            return self._enter_folded(tensor)
        if self.is_stored(tensor):
            is_weight = tensor.dtype not in _INTEGERS and int(np.prod(tensor.shape, dtype=object)) > 1
            return self.stored(tensor, role="weight" if is_weight else "constant")
        if tensor.is_variable:
            return self.state(tensor)
        raise ModelError(f"tensor {tensor.name!r} is read before any operator computes it")

    def state(self, tensor: TensorRecord) -> str:
        """A variable, kept between runs."""
        shape = check_shape(f"variable {tensor.name!r}", tensor.shape)
        self.names[tensor.index] = self.builder.tensor(tensor.label, shape, tensor.dtype, "state", quantization=tensor.quantization)
        return self.names[tensor.index]

    def _enter_folded(self, tensor: TensorRecord) -> str:
        values = self.folded[tensor.index]
        self.names[tensor.index] = self.builder.tensor(tensor.label, values.shape, tensor.dtype, "constant", load=lambda: values)
        return self.names[tensor.index]

    def stored(
        self,
        tensor: TensorRecord,
        perm: Sequence[int] | None = None,
        shape: Shape | None = None,
        role: Literal["weight", "constant"] = "weight",
        axis: int | None = None,
    ) -> str:
        """Enter a stored tensor once, its axes permuted; ``shape``: another view of the permuted values; ``axis``: of its quantization after that."""
        key = (tensor.buffer, tensor.type, tensor.shape, tuple(perm or ()), shape)
        if key in self._weights:
            return self._weights[key]
        load = self._load_sparse(tensor, perm) if tensor.is_sparse else self._load(tensor, perm)
        permuted = tensor.shape if perm is None else tuple(tensor.shape[i] for i in perm)
        view = permuted if shape is None else shape
        dtype = tensor.dtype
        name = self.builder.tensor(
            tensor.label, check_shape(f"tensor {tensor.name!r}", view), dtype, role, quantization=_moved(tensor.quantization, axis), load=_viewed(load, view)
        )
        if tensor.is_sparse:
            self.sparse[name] = self.file.buffers[tensor.buffer][1]
            self.builder.graph.tensors[name].sparsity = self._sparsity(tensor)
        self._weights[key] = name
        return name

    def weight(self, op: OperatorRecord, position: int, perm: Sequence[int] | None = None, shape: Shape | None = None, axis: int | None = 0) -> str:
        """A weight in the graph's order of axes; if the model computes it, operators that reorder it."""
        tensor = self.record(op, position)
        if self.is_stored(tensor):
            return self.stored(tensor, perm, shape, axis=axis)
        name = self.tensor(tensor)
        if perm is not None:
            name = self.builder.add("Transpose", [name], {"perm": list(perm)}, name=f"{name}/reordered")
        return name if shape is None else self.builder.add("Reshape", [name], {"shape": list(shape)}, name=f"{name}/viewed")

    # --- operators ----------------------------------------------------------------------------------------------

    def emit(
        self,
        op: OperatorRecord,
        type: str,
        inputs: Sequence[str],
        attributes: dict[str, Any] | None = None,
        *,
        activation: int = 0,
        stated: bool = False,
        shapes: Sequence[Shape] | None = None,
        outputs: int | None = None,
    ) -> str:
        """Add an operator that makes the file operator's outputs. ``stated``: shapes as the file states them, for those that cannot be inferred."""
        records = [self.output(op, i) for i in range(len(op.outputs) if outputs is None else outputs)]
        if not records:
            raise ModelError(f"{op.label}: has no output")
        if shapes is None and (stated or OPS[type].infer is None):
            shapes = [check_shape(f"{op.label}: output {record.name!r}", record.shape) for record in records]
        given = None if shapes is None else [(shape, record.dtype) for shape, record in zip(shapes, records, strict=True)]
        names = self.builder.add_many(type, inputs, attributes, name=records[0].label, outputs=len(records), shapes=given)
        for name, record in zip(names, records, strict=True):
            self.finish(name, record)
        if activation:
            names[0] = self._activate(op, names[0], records[0], activation)
        for name, record in zip(names, records, strict=True):
            self.bind(record, name)
        return names[0]

    def step(self, op: OperatorRecord, type: str, inputs: Sequence[str], attributes: dict[str, Any] | None = None, suffix: str = "", **options: Any) -> str:
        """Add an operator on the way to the file operator's output; its format is inferred."""
        return self.builder.add(type, inputs, attributes, name=f"{self.output(op).label}/{suffix or type.lower()}", **options)

    def bind(self, record: TensorRecord, name: str) -> None:
        """From now on the file's tensor is this graph tensor."""
        if record.index in self.names:
            raise ModelError(f"tensor {record.name!r} is computed twice")
        self.names[record.index] = name
        made = self.builder.shape(name)
        if made != record.shape and not _may_change(record):
            self.warnings.append(f"tensor {record.name!r} has shape {list(made)}; the file states {list(record.shape)}")

    def finish(self, name: str, record: TensorRecord) -> None:
        """Give a computed tensor the file's number format and quantization."""
        tensor = self.builder.graph.tensors[name]
        tensor.dtype = record.dtype
        tensor.quantization = record.quantization

    def _activate(self, op: OperatorRecord, name: str, record: TensorRecord, activation: int) -> str:
        if activation not in _ACTIVATIONS:
            raise ModelError(f"{op.label}: unknown fused activation {activation}")
        type, attributes = _ACTIVATIONS[activation]
        activated = self.builder.add(type, [name], attributes, name=f"{name}/{type}")
        self.finish(activated, record)
        return activated


def _may_change(record: TensorRecord) -> bool:
    return -1 in record.signature or -1 in record.shape or not record.shape


def _moved(quantization: Quantization | None, axis: int | None) -> Quantization | None:
    if quantization is None or quantization.axis is None:
        return quantization
    return Quantization(quantization.scale, quantization.zero_point, axis if axis is not None else quantization.axis)


def _viewed(load: Callable[[], np.ndarray] | None, shape: Shape) -> Callable[[], np.ndarray] | None:
    return None if load is None else lambda: load().reshape(shape)
