"""Work: what a device may know of a program's kernels, as columns (one row a kernel), so that laws are vectorised.

Shapes follow one convention for every kernel: convolutions have batch, spatial extents and channels as usual; a matrix
product ``[M, K] x [K, N]`` has ``h_out = M``, ``w_out = 1``, ``c_in = K``, ``c_out = N`` and ``batch`` independent products.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Kind(IntEnum):
    """Kernel classes that cost models tell apart."""

    PW = 0  # 1x1 convolution
    DW = 1  # depthwise convolution
    C3 = 2  # 3x3 stride-1 dense convolution
    CONV = 3  # any other dense convolution
    FIRST = 4  # convolution of an image: at most 4 input channels
    GCONV = 5  # grouped convolution
    CONVT = 6  # transposed convolution
    FC = 7  # weights times a vector (M = 1)
    GEMM = 8  # weights times many rows (M > 1)
    BMM = 9  # product of two activations
    ATTENTION = 10  # fused softmax(Q K^T) V
    ELEMENTWISE = 11  # add, mul, relu, copy-like arithmetic
    EXP = 12  # elementwise with a transcendental: sigmoid, swish, gelu, tanh
    PERMUTE = 13  # transpose, resize, shuffle, gather: elements change places
    CONCAT = 14  # concat, split, slice, pad: runs of elements copied as they are
    POOL = 15
    NORM = 16  # layer, instance, group, RMS normalisation; batch norm not folded
    SOFTMAX = 17
    LRN = 18
    RNN = 19  # LSTM, GRU and simple recurrent layers
    EMBED = 20  # row look-up in a weight table
    DETECT = 21  # non-maximum suppression, anchor decoding
    QUANT = 22  # quantize, dequantize, requantize, cast
    DATA = 23  # an operator nobody knows: moves its bytes
    CODE = 24  # a user's own stage (pre-, post-processing): given operations and bytes


class DType(IntEnum):
    """Number formats; :data:`DTYPE_BITS` gives their width."""

    F32 = 0
    F16 = 1
    BF16 = 2
    I8 = 3
    I4 = 4
    I16 = 5
    I32 = 6
    I64 = 7
    BOOL = 8
    F64 = 9
    F8 = 10
    I2 = 11
    I1 = 12


DTYPE_BITS = np.array([32, 16, 16, 8, 4, 16, 32, 64, 8, 64, 8, 2, 1], dtype=float)


class KernelWork(NamedTuple):
    """One kernel's row of :class:`Work`. Counts are per kernel launch (whole batch), bytes are of the stored formats."""

    kind: Kind
    macs: float = 0.0
    batch: float = 1.0
    h_in: float = 1.0
    w_in: float = 1.0
    h_out: float = 1.0
    w_out: float = 1.0
    c_in: float = 1.0
    c_out: float = 1.0
    kernel_h: float = 1.0
    kernel_w: float = 1.0
    stride: float = 1.0
    groups: float = 1.0
    in_elements: float = 0.0  # activations read (all inputs)
    out_elements: float = 0.0
    weight_elements: float = 0.0
    in_bytes: float = 0.0
    out_bytes: float = 0.0
    weight_bytes: float = 0.0
    dtype: DType = DType.F32  # format the arithmetic runs in
    weight_dtype: DType = DType.F32
    exp_elements: float = 0.0  # transcendental evaluations, fused ones included
    epilogue_elements: float = 0.0  # fused elementwise work that is not free (residual add ...)
    steps: float = 1.0  # sequential steps of a recurrent layer
    live_bytes: float = 0.0  # activations alive while it runs (set by the compiler)
    on_longest_path: bool = True  # set by the compiler
    weight_zeros: float = 0.0  # share of the weights that is zero because it was pruned
    two_of_four: bool = False  # two of every four neighbouring weights are zero
    # of spiking kernels, which run ``steps`` time steps; an event-driven unit pays for these, any other for ``macs``
    neurons: float = 0.0  # that integrate, updated once a step
    synapses: float = 0.0  # connections of inputs to them
    synaptic_operations: float = 0.0  # spikes that arrive times the connections each takes, all steps
    in_spikes: float = 0.0  # spikes that arrive, all steps
    out_spikes: float = 0.0  # spikes its neurons send, all steps


_COLUMN_TYPES = {"kind": np.int8, "dtype": np.int8, "weight_dtype": np.int8, "on_longest_path": np.bool_, "two_of_four": np.bool_}


INTEGERS = (DType.I8, DType.I4, DType.I16, DType.I2, DType.I1)


@dataclass(frozen=True)
class Work:
    """Columns over kernels; every field is an array of shape ``[kernels]`` with the meaning given in :class:`KernelWork`."""

    kind: np.ndarray
    macs: np.ndarray
    batch: np.ndarray
    h_in: np.ndarray
    w_in: np.ndarray
    h_out: np.ndarray
    w_out: np.ndarray
    c_in: np.ndarray
    c_out: np.ndarray
    kernel_h: np.ndarray
    kernel_w: np.ndarray
    stride: np.ndarray
    groups: np.ndarray
    in_elements: np.ndarray
    out_elements: np.ndarray
    weight_elements: np.ndarray
    in_bytes: np.ndarray
    out_bytes: np.ndarray
    weight_bytes: np.ndarray
    dtype: np.ndarray
    weight_dtype: np.ndarray
    exp_elements: np.ndarray
    epilogue_elements: np.ndarray
    steps: np.ndarray
    live_bytes: np.ndarray
    on_longest_path: np.ndarray
    weight_zeros: np.ndarray
    two_of_four: np.ndarray
    neurons: np.ndarray
    synapses: np.ndarray
    synaptic_operations: np.ndarray
    in_spikes: np.ndarray
    out_spikes: np.ndarray

    @classmethod
    def stack(cls, rows: list[KernelWork]) -> Work:
        """Columns from rows, in order."""
        columns = zip(*rows, strict=True) if rows else [()] * len(KernelWork._fields)
        return cls(**{name: np.array(column, dtype=_COLUMN_TYPES.get(name, float)) for name, column in zip(KernelWork._fields, columns, strict=True)})

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, index: np.ndarray | slice) -> Work:
        """The rows that ``index`` selects."""
        return Work(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def macs_by_format(work: Work) -> tuple[float, float]:
    """Multiply-accumulates in float and in integer formats; a user's own code has none."""
    integer, counted = np.isin(work.dtype, INTEGERS), np.where(work.kind == Kind.CODE, 0.0, work.macs)
    return float(counted[~integer].sum()), float(counted[integer].sum())
