"""ONNX element types and the number formats they are stored in."""

from __future__ import annotations

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError

# Numbers of onnx.TensorProto.DataType (onnx.proto). Signed and unsigned integers of one width cost the same everywhere.
FLOAT, UINT8, INT8, UINT16, INT32, INT64, STRING, BOOL, INT4, INT2 = 1, 2, 3, 4, 6, 7, 8, 9, 22, 26
ELEMENT_DTYPES: dict[int, DType] = {
    FLOAT: DType.F32, UINT8: DType.I8, INT8: DType.I8, 4: DType.I16, 5: DType.I16, INT32: DType.I32, INT64: DType.I64, BOOL: DType.BOOL,
    10: DType.F16, 11: DType.F64, 12: DType.I32, 13: DType.I64, 16: DType.BF16, 17: DType.F8, 18: DType.F8, 19: DType.F8, 20: DType.F8,
    21: DType.I4, 22: DType.I4, 23: DType.I4, 24: DType.F8, 25: DType.I2, 26: DType.I2,
}  # fmt: skip
_NAMES = {STRING: "strings", 14: "complex numbers", 15: "complex numbers", 0: "elements of no stated type"}
_ELEMENT_OF_DTYPE = {dtype: element for element, dtype in reversed(ELEMENT_DTYPES.items())}
FLOATING = (DType.F32, DType.F16, DType.BF16, DType.F64, DType.F8)
# Old exporters wrote Cast's target as text (operator set below 6).
CAST_NAMES = {
    "FLOAT": 1,
    "UINT8": 2,
    "INT8": 3,
    "UINT16": 4,
    "INT16": 5,
    "INT32": 6,
    "INT64": 7,
    "BOOL": 9,
    "FLOAT16": 10,
    "DOUBLE": 11,
    "UINT32": 12,
    "UINT64": 13,
}


def dtype_of(element: int, what: str) -> DType:
    """The number format of an ONNX element type; ModelError names ``what`` if it has none."""
    if element not in ELEMENT_DTYPES:
        raise ModelError(f"{what} holds {_NAMES.get(element, f'elements of unknown type {element}')}, which no edge device computes with")
    return ELEMENT_DTYPES[element]


def stored_bytes(element: int, count: int) -> int:
    """Bytes that ``count`` elements occupy in a file (formats under 8 bits are packed)."""
    return -(-count * int(DTYPE_BITS[ELEMENT_DTYPES[element]]) // 8)


def element_of(dtype: DType) -> int:
    """An ONNX element type of this format (the signed or smallest-numbered one)."""
    return _ELEMENT_OF_DTYPE[dtype]
