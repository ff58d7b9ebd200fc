"""Constants of a network: where their values lie in the .bin file, how they are viewed, and how they are dequantized."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError
from sim.frontends.openvino.elements import ELEMENTS, FLOATING, QUANTIZED, UNSIGNED, decoded
from sim.graph.ir import Quantization

MAX_VALUE_ELEMENTS = 2**20  # constants above this are never computed with during the import
_MAX_SCALES = 2**20


@dataclass(frozen=True)
class Stored:
    """A constant: ``read`` gives its stored numbers in ``shape`` (None: they cannot be told).

    ``real``: the format operators see, where it differs from the stored one; with ``scale`` (and ``zero``), broadcast over the shape:
    ``scale * (stored - zero)``. ``scale_bits``: what scales and zero points take beside the numbers. ``grouped``: the scales belong to
    groups that the shape no longer shows; they are not kept.
    """

    name: str
    shape: tuple[int, ...]
    element: str
    read: Callable[[], np.ndarray] | None = field(repr=False, compare=False)
    trained: bool = True
    real: DType | None = None
    scale: np.ndarray | None = field(default=None, repr=False, compare=False)
    zero: np.ndarray | None = field(default=None, repr=False, compare=False)
    scale_bits: int = 0
    grouped: bool = False
    token: object = field(default_factory=object, repr=False)

    @property
    def dtype(self) -> DType:
        """As it is stored."""
        return ELEMENTS[self.element][0]

    @property
    def seen(self) -> DType:
        """As operators see it."""
        return self.dtype if self.real is None else self.real

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def is_quantized(self) -> bool:
        return self.real is not None and self.dtype in QUANTIZED

    def value(self) -> np.ndarray | None:
        """Its numbers as operators see them, if it is small enough to compute with during an import."""
        if self.elements > MAX_VALUE_ELEMENTS or self.read is None or self.grouped:
            return None
        return self.real_values()

    def real_values(self) -> np.ndarray:
        if self.read is None:
            raise ModelError(f"constant {self.name!r}: numbers of format {self.element} cannot be computed with")
        array = self.read()
        if self.zero is not None:
            array = array.astype(np.float32) - self.zero
        if self.scale is not None:
            array = array * self.scale
        if self.real is not None:
            array = array.astype(np.float16 if self.real == DType.F16 else np.float64 if self.real == DType.F64 else np.float32)
        return array.reshape(self.shape)

    # --- views ---------------------------------------------------------------------------------------------------

    def reshaped(self, shape: Sequence[int]) -> Stored:
        """The same numbers in another shape, still unread; scales follow where they vary along leading axes only."""
        shape = tuple(int(extent) for extent in shape)
        if shape == self.shape:
            return self
        read = self.read
        scale, zero = (_regrouped(part, self.shape, shape) for part in (self.scale, self.zero))
        grouped = self.grouped or (self.scale is not None and scale is None) or (self.zero is not None and zero is None)
        kept = {"grouped": True, "scale": None, "zero": None} if grouped else {"scale": scale, "zero": zero}
        return replace(self, shape=shape, read=None if read is None else lambda: read().reshape(shape), **kept)  # type: ignore[arg-type]

    def transposed(self, perm: Sequence[int]) -> Stored:
        perm = tuple(int(axis) for axis in perm)
        if perm == tuple(range(len(perm))):
            return self
        read = self.read
        scale, zero = (None if part is None else _ranked(part, len(perm)).transpose(perm) for part in (self.scale, self.zero))
        shape = tuple(self.shape[axis] for axis in perm)
        return replace(self, shape=shape, read=None if read is None else lambda: read().transpose(perm), scale=scale, zero=zero)

    # --- dequantization ------------------------------------------------------------------------------------------

    def converted(self, to: DType) -> Stored:
        """Seen in another format from now on."""
        return replace(self, real=None if to == self.dtype else to)

    def shifted(self, zero: np.ndarray, bits: int) -> Stored:
        return replace(self, zero=_ranked(zero, len(self.shape)), scale_bits=self.scale_bits + bits)

    def scaled(self, factor: np.ndarray, bits: int) -> Stored:
        factor = _ranked(factor, len(self.shape))
        return replace(self, scale=factor if self.scale is None else self.scale * factor, scale_bits=self.scale_bits + bits)

    def quantization(self) -> Quantization | None:
        """Scales per tensor or along one axis; None for other groups (or none at all)."""
        if not self.is_quantized or self.grouped or self.scale is None or self.scale.size > _MAX_SCALES:
            return None
        varying = [axis for axis, extent in enumerate(self.scale.shape) if extent > 1]
        if len(varying) > 1 or (varying and self.scale.size != self.shape[varying[0]]) or not np.isfinite(self.scale).all():
            return None
        axis = varying[0] if varying else None
        zeros = np.zeros(1) if self.zero is None else self.zero
        if zeros.size not in (1, self.scale.size) or not np.isfinite(zeros).all():
            return None
        points = tuple(int(point) for point in np.broadcast_to(zeros.ravel(), (self.scale.size,)))
        return Quantization(tuple(float(part) for part in self.scale.ravel()), points, axis, unsigned=self.element in UNSIGNED)

    def group_bits(self) -> float:
        """Bits an element that scales of groups add; none where a whole channel shares one."""
        if not self.is_quantized or not self.elements or (self.quantization() is not None and not self.grouped):
            return 0.0
        return self.scale_bits / self.elements


def _ranked(part: np.ndarray, rank: int) -> np.ndarray:
    if part.ndim > rank:
        if part.size != 1 and any(extent != 1 for extent in part.shape[: part.ndim - rank]):
            raise ModelError(f"scales of shape {list(part.shape)} do not fit numbers of {rank} dimensions")
        return part.reshape(part.shape[part.ndim - rank :])
    return part.reshape((1,) * (rank - part.ndim) + part.shape)


def _regrouped(part: np.ndarray | None, old: tuple[int, ...], new: tuple[int, ...]) -> np.ndarray | None:
    """Scales of a reshaped constant. They vary along axes up to ``last``; those axes must become leading axes of the new shape."""
    if part is None:
        return None
    if part.size == 1:
        return part.reshape((1,) * len(new))
    last = max(axis for axis, extent in enumerate(part.shape) if extent > 1)
    leading = prod(old[: last + 1])
    for count in range(len(new) + 1):
        if prod(new[:count]) == leading:
            full = np.broadcast_to(part.reshape(part.shape[: last + 1]), old[: last + 1])
            return full.reshape((*new[:count], *(1,) * (len(new) - count)))
    return None  # groups cut across the new axes


def from_file(name: str, shape: tuple[int, ...], element: str, weights: Path, offset: int, size: int) -> Stored:
    """A constant in the .bin file, read when asked for."""
    kind = ELEMENTS[element][1]
    count = prod(shape)
    if not kind:
        return Stored(name, shape, element, None)

    def read() -> np.ndarray:
        raw = np.fromfile(weights, dtype=kind, offset=offset, count=size // np.dtype(kind).itemsize)
        if raw.nbytes != size:
            raise ModelError(f"{weights}: ends before the numbers of {name!r}")
        return decoded(raw, element, count).reshape(shape)

    return Stored(name, shape, element, read)


_ELEMENT_OF_NUMPY = {
    "float32": "f32", "float64": "f64", "float16": "f16", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "uint8": "u8", "uint16": "u16",
    "uint32": "u32", "uint64": "u64", "bool": "boolean",
}  # fmt: skip


def computed(name: str, array: np.ndarray, *, trained: bool = False) -> Stored:
    """A constant found during the import."""
    element = _ELEMENT_OF_NUMPY.get(str(array.dtype))
    if element is None:
        raise ModelError(f"constant {name!r} has numbers of type {array.dtype}")
    return Stored(name, tuple(array.shape), element, lambda: array, trained)


def is_number(stored: Stored) -> bool:
    """Floating or quantized: it may be a trained parameter."""
    return stored.is_quantized or stored.dtype in FLOATING


def bits_of(stored: Stored) -> int:
    return stored.elements * int(DTYPE_BITS[stored.dtype])
