"""FakeQuantize: a value rounded to levels of a range, which the runtime executes as integers where it can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from device_models.work import DType
from sim.frontends.openvino.node import Node, handles
from sim.frontends.openvino.stored import MAX_VALUE_ELEMENTS, Stored
from sim.graph.ir import Quantization

_MAX_LEVELS = 65536


@handles("FakeQuantize")
def _fake_quantize(node: Node) -> None:
    """Inputs x, input low and high, output low and high; levels 2 to 256 fit 8 bits, at most 16 of them 4 bits."""
    levels = node.whole("levels")
    if not 2 <= levels <= 2**32:
        raise node.refuse(f"has {levels} levels")
    ranges = [_range(node, index) for index in range(1, 5)]
    if levels > _MAX_LEVELS or any(part is None for part in ranges):
        node.emit("Quantize", node.operands(), {"to": node.dtype(0)})  # ranges found at run time: one kernel of floats
        return
    low, high, out_low, out_high = (part for part in ranges if part is not None)
    value = node.value(0)
    element, dtype = _format(levels, bool((out_low >= 0).all()))
    scale, zero = _affine(out_low, out_high, levels, element)
    if isinstance(value, Stored):
        node.bind(0, _rounded(value, (low, high), levels, element, scale, zero))
        return
    quantization = _quantization(node.shape(0), scale, zero, element)
    name = node.step("Quantize", [value], {"to": dtype}, name=node.name)[0]
    node.tensor(name).quantization = quantization
    node.bind(0, node.step("Dequantize", [name], {"to": node.dtype(0)})[0])


def _range(node: Node, index: int) -> np.ndarray | None:
    stored = node.stored(index)
    array = stored.value() if stored is not None else None
    if array is None:
        return None
    if not np.isfinite(array).all() or array.ndim > len(node.shape(0)):
        raise node.refuse(f"has a range in input {index} that is no number or does not fit its input")
    return np.asarray(array, np.float64)


def _format(levels: int, positive: bool) -> tuple[str, DType]:
    if levels > 256:
        return ("u16" if positive else "i16"), DType.I16
    if levels > 16:
        return ("u8" if positive else "i8"), DType.I8
    return ("u4" if positive else "i4"), DType.I4


def _affine(low: np.ndarray, high: np.ndarray, levels: int, element: str) -> tuple[np.ndarray, np.ndarray]:
    """Scales and zero points of the integers that a range is rounded to: the lowest one stands for ``low``."""
    scale = (high - low) / (levels - 1)
    scale = np.where(scale == 0, 1.0, scale)
    lowest = 0 if element.startswith("u") else -(levels // 2)  # 255 levels: -127, 256: -128
    return scale, lowest - np.round(low / scale)


def _quantization(shape: tuple[int, ...], scale: np.ndarray, zero: np.ndarray, element: str) -> Quantization | None:
    return Stored("", shape, element, None, real=DType.F32).shifted(zero, 0).scaled(scale, 0).quantization()


def _rounded(value: Stored, ranges: tuple[np.ndarray, np.ndarray], levels: int, element: str, scale: np.ndarray, zero: np.ndarray) -> Stored:
    """Weights in floats (or dequantized ones) that the network rounds itself; integers, computed when read."""
    low, high = ranges

    def read() -> np.ndarray:
        values = value.real_values().astype(np.float64)
        span = np.where(high == low, 1.0, high - low)
        steps = np.round((np.clip(values, low, high) - low) / span * (levels - 1))
        lowest = 0 if element.startswith("u") else -(levels // 2)
        return np.asarray(steps + lowest)

    known = None if value.read is None or value.grouped else read
    small = value.elements <= MAX_VALUE_ELEMENTS
    rounded = replace(
        value, name=f"{value.name}.quantized", element=element, read=known, real=value.seen, scale=None, zero=None, scale_bits=0, grouped=False,
        token=(value.token, "quantized") if small else object(),
    )  # fmt: skip
    return rounded.shifted(zero, 0).scaled(scale, 0)


@handles("FakeConvert")
def _fake_convert(node: Node) -> None:
    """Rounded to a float of 8 bits and back."""
    value = node.value(0)
    if isinstance(value, Stored):
        node.bind(0, value)
        return
    small = node.step("Quantize", [value], {"to": DType.F8}, name=node.name)[0]
    node.bind(0, node.step("Dequantize", [small], {"to": node.dtype(0)})[0])
