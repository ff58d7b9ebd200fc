"""Element types of the OpenVINO representation and the number formats they are stored in."""

from __future__ import annotations

import numpy as np

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError
from sim.registry import near_names

# openvino/core/type/element_type.hpp: name -> (format, NumPy type of one element; of a byte where several share one, empty if NumPy has none)
ELEMENTS: dict[str, tuple[DType, str]] = {
    "f32": (DType.F32, "<f4"), "f16": (DType.F16, "<f2"), "bf16": (DType.BF16, "<u2"), "f64": (DType.F64, "<f8"),
    "i8": (DType.I8, "i1"), "u8": (DType.I8, "u1"), "i16": (DType.I16, "<i2"), "u16": (DType.I16, "<u2"), "i32": (DType.I32, "<i4"), "u32": (DType.I32, "<u4"),
    "i64": (DType.I64, "<i8"), "u64": (DType.I64, "<u8"), "boolean": (DType.BOOL, "?"), "i4": (DType.I4, "u1"), "u4": (DType.I4, "u1"), "nf4": (DType.I4, "u1"),
    "i2": (DType.I2, "u1"), "u2": (DType.I2, "u1"), "f8e4m3": (DType.F8, ""), "f8e5m2": (DType.F8, ""), "f8e8m0": (DType.F8, ""), "f4e2m1": (DType.I4, "u1"),
}  # fmt: skip
# Old files and ports write precisions in upper case.
_PRECISIONS = {"fp32": "f32", "fp16": "f16", "fp64": "f64", "bool": "boolean", "u1": "u1"}
UNSIGNED = ("u8", "u16", "u4", "u2")
PACKED = {"i4": 4, "u4": 4, "nf4": 4, "f4e2m1": 4, "i2": 2, "u2": 2}
FLOATING = (DType.F32, DType.F16, DType.BF16, DType.F64, DType.F8)
QUANTIZED = (DType.I8, DType.I4, DType.I2, DType.I16)
# Levels of the 4-bit normal float (Dettmers et al. 2023, QLoRA, appendix E) and of the 4-bit float with 2 bits of exponent (OCP microscaling formats 1.0).
_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
_F4 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
LEVELS = {"nf4": np.array(_NF4, np.float32), "f4e2m1": np.array((*_F4, *(-value for value in _F4)), np.float32)}


def element_named(text: str, what: str) -> str:
    """The element type a file names; ModelError says ``what`` has an unknown one."""
    name = text.strip().lower()
    name = _PRECISIONS.get(name, name)
    if name not in ELEMENTS:
        raise ModelError(f"{what} holds elements of type {text[:40]!r}, which is not supported; {near_names(name, ELEMENTS)}")
    return name


def dtype_named(text: str, what: str) -> DType:
    return ELEMENTS[element_named(text, what)][0]


def stored_size(element: str, count: int) -> int:
    """Bytes of ``count`` elements; formats under 8 bits are packed."""
    return -(-count * int(DTYPE_BITS[ELEMENTS[element][0]]) // 8)


def decoded(raw: np.ndarray, element: str, count: int) -> np.ndarray:
    """Stored bytes as ``count`` numbers: integers as they are, small floats by their levels, bfloat16 widened."""
    if element == "bf16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    bits = PACKED.get(element)
    if bits is None:
        return raw
    parts = np.stack([(raw >> shift) & (2**bits - 1) for shift in range(0, 8, bits)], axis=-1).reshape(-1)[:count]  # the low bits come first
    if element in LEVELS:
        return np.asarray(LEVELS[element][parts])
    signed = parts.astype(np.int8)
    return parts if element in UNSIGNED else np.where(signed >= 2 ** (bits - 1), signed - 2**bits, signed)
