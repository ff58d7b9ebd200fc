"""Constants of a model: initializers, constant nodes and what is computed from them at import; values are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.onnx.elements import ELEMENT_DTYPES, FLOATING, dtype_of, stored_bytes
from sim.frontends.onnx.reading import ModelFile, external_file, import_onnx_package
from sim.frontends.onnx.wire import MARK
from sim.graph.ir import Quantization

if TYPE_CHECKING:
    import onnx

MAX_VALUE_ELEMENTS = 2**20  # constants above this are never computed with during the import
_EXTERNAL = 1  # TensorProto.data_location


@dataclass(frozen=True)
class Stored:
    """A constant: ``read()`` gives its values in ``shape``. ``trained``: an initializer or computed from one, not a ``Constant`` node.

    ``origin`` and ``perm`` remember that it is a transposed view, so that transposing twice gives the first one back.
    """

    name: str
    shape: tuple[int, ...]
    element: int
    read: Callable[[], np.ndarray] = field(repr=False, compare=False)
    trained: bool = True
    quantization: Quantization | None = None
    real_dtype: DType | None = None  # what dequantizing gives
    blocked: tuple[Stored, ...] = ()  # scales (and zero points) of block-wise quantization
    origin: Stored | None = field(default=None, repr=False)
    perm: tuple[int, ...] = ()
    token: object = field(default_factory=object, repr=False)  # the same for all views of one constant

    @property
    def key(self) -> tuple[object, str, tuple[int, ...]]:
        """Tells this view of this constant from all others, whatever their names."""
        return self.token, self.name, self.shape

    @property
    def dtype(self) -> DType:
        return ELEMENT_DTYPES[self.element]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def is_quantized(self) -> bool:
        return self.quantization is not None or bool(self.blocked)

    @property
    def is_floating(self) -> bool:
        return self.dtype in FLOATING

    def value(self) -> np.ndarray | None:
        """Its values, if small enough to compute with during an import and not quantized."""
        return self.read() if self.elements <= MAX_VALUE_ELEMENTS and not self.is_quantized else None

    def transposed(self, perm: Sequence[int]) -> Stored:
        """The same values with permuted axes, still unread."""
        perm = tuple(int(axis) for axis in perm)
        root, combined = (self.origin, tuple(self.perm[axis] for axis in perm)) if self.origin else (self, perm)
        if combined == tuple(range(len(combined))):
            return root
        shape, quantization = tuple(root.shape[axis] for axis in combined), root.quantization
        if quantization is not None and quantization.axis is not None:
            quantization = replace(quantization, axis=combined.index(quantization.axis))
        name = f"{root.name}.T" if len(combined) == 2 else f"{root.name}.{''.join(map(str, combined))}"
        return replace(root, name=name, shape=shape, read=lambda: root.read().transpose(combined), quantization=quantization, origin=root, perm=combined)

    def reshaped(self, shape: Sequence[int]) -> Stored:
        """The same values in another shape, still unread; a per-axis quantization does not survive a change of its axis."""
        shape = tuple(int(extent) for extent in shape)
        if shape == self.shape:
            return self
        quantization = self.quantization
        if quantization is not None and quantization.axis is not None:
            quantization = _axis_after_reshape(quantization, self.shape, shape)
        return replace(self, name=f"{self.name}.view", shape=shape, read=lambda: self.read().reshape(shape), quantization=quantization, origin=None, perm=())

    def mapped(self, function: Callable[[np.ndarray], np.ndarray], element: int, suffix: str) -> Stored:
        """Values computed elementwise when read."""
        return replace(self, name=f"{self.name}.{suffix}", element=element, read=lambda: function(self.read()), origin=None, perm=())


def _axis_after_reshape(quantization: Quantization, old: tuple[int, ...], new: tuple[int, ...]) -> Quantization | None:
    axis = quantization.axis or 0
    before, extent = prod(old[:axis]), old[axis]
    matches = [i for i, size in enumerate(new) if size == extent and prod(new[:i]) == before]
    return replace(quantization, axis=matches[0]) if matches else None


def computed(name: str, value: np.ndarray, element: int, trained: bool) -> Stored:
    """A constant found during the import."""
    return Stored(name, tuple(value.shape), element, lambda: value, trained)


def from_proto(proto: onnx.TensorProto, file: ModelFile, name: str, trained: bool) -> Stored:
    """The constant a TensorProto describes; ModelError if its dimensions and its data do not fit each other."""
    shape, what = tuple(proto.dims), f"tensor {name!r}"
    check_shape(what, shape)
    dtype_of(proto.data_type, what)
    span = next((int(entry.value) for entry in proto.external_data if entry.key == MARK and entry.value.isdigit()), None)
    if proto.data_location == _EXTERNAL:
        read = _external_reader(proto, file, shape, what)
    elif span is not None and span < len(file.spans):
        read = _span_reader(file, span, proto.data_type, shape, what)
    else:
        read = _kept_reader(proto, shape, what)
    return Stored(name, shape, proto.data_type, read, trained)


def from_sparse_proto(sparse: onnx.SparseTensorProto, file: ModelFile, name: str) -> Stored:
    """The constant a SparseTensorProto describes: values at positions ``[count]`` of the flat tensor or ``[count, rank]``; the rest is zero."""
    shape, what = tuple(sparse.dims), f"sparse tensor {name!r}"
    check_shape(what, shape)
    values = from_proto(sparse.values, file, name, trained=True)
    indices = from_proto(sparse.indices, file, f"{name}.indices", trained=False)
    count = values.elements
    if len(values.shape) != 1 or indices.shape not in ((count,), (count, len(shape))) or not shape:
        raise ModelError(f"{what} of shape {list(shape)} has values of shape {list(values.shape)} at indices of shape {list(indices.shape)}")

    def read() -> np.ndarray:
        places = indices.read().astype(np.int64)
        flat = places if places.ndim == 1 else places @ np.array([prod(shape[axis + 1 :]) for axis in range(len(shape))], np.int64)
        if count and not (flat.min() >= 0 and flat.max() < prod(shape)):
            raise ModelError(f"{what} has values outside of it")
        dense = np.zeros(prod(shape), values.read().dtype)
        dense[flat] = values.read()
        return dense.reshape(shape)

    return Stored(name, shape, sparse.values.data_type, read, trained=True)


def _kept_reader(proto: onnx.TensorProto, shape: tuple[int, ...], what: str) -> Callable[[], np.ndarray]:
    """Small tensors are decoded at once: a wrong one is found now."""
    words = max(len(proto.float_data), len(proto.int32_data), 2 * len(proto.int64_data), 2 * len(proto.double_data), 2 * len(proto.uint64_data))
    present = len(proto.raw_data) or 4 * words
    if present * 8 < prod(shape):  # even at one bit an element
        raise ModelError(f"{what} claims shape {list(shape)} and comes with {present} bytes")
    value = _decode(proto, shape, what)
    return lambda: value


def _decode(proto: onnx.TensorProto, shape: tuple[int, ...], what: str) -> np.ndarray:
    from onnx import numpy_helper

    try:
        value: np.ndarray = numpy_helper.to_array(proto)
    except (ValueError, TypeError, KeyError, OverflowError, AssertionError) as error:
        raise ModelError(f"{what} of shape {list(shape)} cannot be decoded ({error})") from error
    if tuple(value.shape) != shape:
        raise ModelError(f"{what} claims shape {list(shape)} and holds {list(value.shape)}")
    value.setflags(write=False)
    return value


def _span_reader(file: ModelFile, index: int, element: int, shape: tuple[int, ...], what: str) -> Callable[[], np.ndarray]:
    span, path = file.spans[index], file.path
    expected = stored_bytes(element, prod(shape))
    if span.raw_bytes is not None and span.raw_bytes != expected:
        raise ModelError(f"{what} claims shape {list(shape)} ({expected:,} bytes) and comes with {span.raw_bytes:,} bytes")
    if prod(shape) > 8 * (span.end - span.start):
        raise ModelError(f"{what} claims shape {list(shape)} and comes with {span.end - span.start:,} bytes")

    def read() -> np.ndarray:
        onnx = import_onnx_package()
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

        with path.open("rb") as stream:
            stream.seek(span.start)
            encoded = stream.read(span.end - span.start)
        try:
            return _decode(onnx.TensorProto.FromString(encoded), shape, f"{path}: {what}")
        except DecodeError as error:
            raise ModelError(f"{path}: {what} is not where it was when the model was imported") from error

    return read


def _external_reader(proto: onnx.TensorProto, file: ModelFile, shape: tuple[int, ...], what: str) -> Callable[[], np.ndarray]:
    entries = {entry.key: entry.value for entry in proto.external_data}
    target = external_file(file.path, entries.get("location", ""), what)
    expected, size = stored_bytes(proto.data_type, prod(shape)), target.stat().st_size
    offset_text, length_text = entries.get("offset", "0") or "0", entries.get("length", str(expected))
    if not (offset_text.isdigit() and length_text.isdigit() and len(offset_text) < 20 and len(length_text) < 20):
        raise ModelError(f"{what} has external data at offset {offset_text!r}, length {length_text!r}")
    offset, length = int(offset_text), int(length_text)
    if length != expected or offset + length > size:
        raise ModelError(f"{what} of shape {list(shape)} needs {expected:,} bytes; {target.name} has {length:,} at {offset:,} of {size:,}")
    element = proto.data_type

    def read() -> np.ndarray:
        onnx = import_onnx_package()
        with target.open("rb") as stream:
            stream.seek(offset)
            held = onnx.TensorProto(data_type=element, dims=shape, raw_data=stream.read(length))
        return _decode(held, shape, f"{Path(target)}: {what}")

    return read
