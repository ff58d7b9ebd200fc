"""A TFLite file as plain records: tensors, operators and where the stored values lie."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from device_models.work import DType
from sim.errors import EdgesimError, ModelError
from sim.frontends.limits import MAX_RANK
from sim.frontends.tflite.flatbuffer import Copies, check_layout, int_vector
from sim.frontends.tflite.sparse import SparseLayout, read_layout
from sim.graph.ir import Quantization

# tensorflow/lite/schema/schema.fbs, enum TensorType: number -> (format, NumPy type of the stored values)
FORMATS: dict[int, tuple[DType, str]] = {
    0: (DType.F32, "<f4"), 1: (DType.F16, "<f2"), 2: (DType.I32, "<i4"), 3: (DType.I8, "u1"), 4: (DType.I64, "<i8"), 6: (DType.BOOL, "?"),
    7: (DType.I16, "<i2"), 9: (DType.I8, "i1"), 10: (DType.F64, "<f8"), 12: (DType.I64, "<u8"), 15: (DType.I32, "<u4"), 16: (DType.I16, "<u2"),
    17: (DType.I4, "u1"), 18: (DType.BF16, "<u2"),
}  # fmt: skip
_OTHER_TYPES = {5: "STRING", 8: "COMPLEX64", 11: "COMPLEX128", 13: "RESOURCE", 14: "VARIANT"}
MAX_OPTIONS_BYTES = 1 << 16
DAMAGE = (struct.error, IndexError, KeyError, ValueError, TypeError, OverflowError, ZeroDivisionError)  # what the generated readers raise on nonsense


@dataclass(frozen=True)
class TensorRecord:
    """A tensor as the file states it. ``label``: its name in graphs; ``signature``: its shape with -1 for extents that may change."""

    index: int
    name: str
    label: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    type: int
    buffer: int
    quantization: Quantization | None
    is_variable: bool
    is_sparse: bool
    layout: SparseLayout | None = None  # which elements a sparse tensor keeps

    @property
    def dtype(self) -> DType:
        if self.type not in FORMATS:
            raise ModelError(f"tensor {self.name!r} holds {_OTHER_TYPES.get(self.type, f'type {self.type}')}, which is not supported")
        return FORMATS[self.type][0]


@dataclass(frozen=True)
class OperatorRecord:
    """An operator: ``code`` is its name in the schema, ``custom`` the name of a custom operator; -1 stands for an absent input."""

    index: int
    code: str
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    raw: Any

    @property
    def label(self) -> str:
        return f"operator {self.index} ({self.custom or self.code})"

    def options(self, kind: str) -> Any:
        """The generated reader of its options, such as ``Conv2DOptions``; an empty one (all defaults) if it has none."""
        import tflite

        table = self.raw.BuiltinOptions()
        reader = getattr(tflite, kind)()
        if table is None or self.raw.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, kind):
            return _Defaults()
        reader.Init(table.Bytes, table.Pos)
        return reader

    def option_list(self, kind: str, slot: int) -> tuple[int, ...] | None:
        """A list of numbers among its options."""
        reader = self.options(kind)
        return None if isinstance(reader, _Defaults) else int_vector(reader, slot, len(reader._tab.Bytes))

    def custom_options(self) -> bytes:
        """Those of a custom operator; empty if there are none or they are no list of settings."""
        return b"" if not 0 < self.raw.CustomOptionsLength() <= MAX_OPTIONS_BYTES else self.raw.CustomOptionsAsNumpy().tobytes()


_NOT_ZERO = {"DilationWFactor": 1, "DilationHFactor": 1, "DilationDFactor": 1}


class _Defaults:
    """Options that the file leaves out: every number is 0 as the schema says, except those named."""

    def __getattr__(self, name: str) -> Any:
        return lambda: _NOT_ZERO.get(name, 0)


@dataclass(frozen=True)
class TfliteFile:
    """One subgraph. ``buffers``: (offset, bytes) of the stored values, (0, 0) if there are none; ``subgraph(i)`` gives another one."""

    path: Path
    tensors: list[TensorRecord]
    operators: list[OperatorRecord]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    buffers: list[tuple[int, int]]
    subgraphs: int
    subgraph: Callable[[int], TfliteFile]
    data: mmap


@contextmanager
def open_tflite(path: Path) -> Iterator[TfliteFile]:
    """Read a file's structure. Raises ModelError if it is damaged, EdgesimError if the readers are not installed."""
    try:
        import tflite
    except ImportError as error:
        raise EdgesimError(f"{path}: reading .tflite files needs two more packages: pip install 'edgesim[tflite]'") from error
    try:
        with path.open("rb") as file:
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "the file is empty"
        raise ModelError(f"cannot read the file: {reason}") from error
    check_layout(data)
    try:
        record = _read_model(path, tflite.Model.GetRootAs(data), data)
    except DAMAGE as error:
        raise ModelError(f"damaged file ({type(error).__name__}: {error})") from error
    yield record  # the map is closed when the last record that refers to it goes


def _read_model(path: Path, model: Any, data: mmap) -> TfliteFile:
    if not model.SubgraphsLength():
        raise ModelError("the file holds no graph")
    buffers = [_place(model.Buffers(i), len(data)) for i in range(model.BuffersLength())]
    copies = Copies()
    codes: list[tuple[str, str]] = []

    @cache
    def subgraph(index: int) -> TfliteFile:
        if not 0 <= index < model.SubgraphsLength():
            raise ModelError(f"damaged file: an operator runs subgraph {index} of {model.SubgraphsLength()}")
        graph = model.Subgraphs(index)
        taken: set[str] = set()
        copies.take(graph, 1, 2)
        tensors = [_read_tensor(i, graph.Tensors(i), taken, copies) for i in range(graph.TensorsLength())]
        codes[:] = codes or [_read_code(model.OperatorCodes(i), copies) for i in range(model.OperatorCodesLength())]
        operators = [_read_operator(i, graph.Operators(i), codes, len(tensors), copies) for i in range(graph.OperatorsLength())]
        inputs, outputs = _indices(graph.InputsAsNumpy(), len(tensors), "the graph"), _indices(graph.OutputsAsNumpy(), len(tensors), "the graph")
        return TfliteFile(path, tensors, operators, inputs, outputs, buffers, model.SubgraphsLength(), subgraph, data)

    return subgraph(0)


def _place(buffer: Any, size: int) -> tuple[int, int]:
    """Where a buffer's values lie; files above 2 GB keep them behind the flatbuffer (offset and size instead of data)."""
    if buffer.Offset() > 1:
        start, length = int(buffer.Offset()), int(buffer.Size())
    elif buffer.DataIsNone():
        return (0, 0)
    else:
        offset = buffer._tab.Offset(4)
        start, length = int(buffer._tab.Vector(offset)), int(buffer._tab.VectorLen(offset))
    if start + length > size:
        raise ModelError(f"damaged file: stored values at byte {start} reach beyond its end")
    return (start, length)


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "replace")


def _label(name: str, index: int, taken: set[str]) -> str:
    """A readable name that no other tensor has: converters join the names of everything they fused with semicolons."""
    label = re.sub(r"[^\w./:-]+", "_", name.split(";")[0])[:80] or "tensor"
    label = f"{label}_{index}" if label in taken or label == "tensor" else label
    taken.add(label)
    return label


def _read_tensor(index: int, raw: Any, taken: set[str], copies: Copies) -> TensorRecord:
    copies.take(raw, 0, 3, 7)
    shape = _small(raw.ShapeAsNumpy(), index)
    signature = _small(raw.ShapeSignatureAsNumpy(), index)
    if len(signature) != len(shape):
        signature = shape
    name = _text(raw.Name())
    return TensorRecord(
        index, name, _label(name, index, taken), shape, signature, int(raw.Type()), int(raw.Buffer()), _read_quantization(raw.Quantization(), index, copies),
        bool(raw.IsVariable()), raw.Sparsity() is not None, read_layout(raw.Sparsity(), shape),
    )  # fmt: skip


def _small(values: Any, index: int) -> tuple[int, ...]:
    numbers = () if isinstance(values, int) else tuple(values.tolist())
    if len(numbers) > MAX_RANK:
        raise ModelError(f"damaged file: tensor {index} has {len(numbers)} dimensions")
    return numbers


def _read_quantization(raw: Any, index: int, copies: Copies) -> Quantization | None:
    if raw is None or not raw.ScaleLength():
        return None
    copies.take(raw, 2, 3)
    scale = tuple(float(value) for value in raw.ScaleAsNumpy())
    zero = tuple(int(value) for value in raw.ZeroPointAsNumpy()) if raw.ZeroPointLength() else (0,)
    if len(zero) not in (1, len(scale)):
        raise ModelError(f"damaged file: tensor {index} has {len(scale)} scales but {len(zero)} zero points")
    return Quantization(scale, zero, int(raw.QuantizedDimension()) if len(scale) > 1 else None)


def _read_code(raw: Any, copies: Copies) -> tuple[str, str]:
    """(name in the schema, custom name). Old files keep the number in the deprecated 8-bit field."""
    copies.take(raw, 1)
    number = max(int(raw.BuiltinCode()), int(raw.DeprecatedBuiltinCode()))
    return _builtin_names().get(number, f"number {number}"), _text(raw.CustomCode())


@cache
def _builtin_names() -> dict[int, str]:
    import tflite

    return {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


def _read_operator(index: int, raw: Any, codes: list[tuple[str, str]], tensors: int, copies: Copies) -> OperatorRecord:
    copies.take(raw, 1, 2)
    if not 0 <= raw.OpcodeIndex() < len(codes):
        raise ModelError(f"damaged file: operator {index} has no operator code")
    code, custom = codes[raw.OpcodeIndex()]
    inputs = _indices(raw.InputsAsNumpy(), tensors, f"operator {index}", lowest=-1)
    return OperatorRecord(index, code, custom if code == "CUSTOM" else "", inputs, _indices(raw.OutputsAsNumpy(), tensors, f"operator {index}"), raw)


def _indices(values: Any, tensors: int, what: str, lowest: int = 0) -> tuple[int, ...]:
    numbers = () if isinstance(values, int) else tuple(values.tolist())
    if any(not lowest <= number < tensors for number in numbers):
        raise ModelError(f"damaged file: {what} refers to a tensor that does not exist")
    return numbers
