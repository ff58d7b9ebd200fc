"""What the stored numbers of a model file show: zeros that pruning left, and the few values that clustering left."""

from __future__ import annotations

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Sparsity, Tensor

MAX_ELEMENTS = 2**26  # of all tensors together: what is read in well under a second
MAX_TENSOR_ELEMENTS = 2**25  # of one tensor, which is held in memory while it is measured
_LEAST_ELEMENTS = 256  # biases and scales tell nothing
# Trained floats are never exactly zero, and a dead channel is one of many; integers round small weights to zero: 8-bit weights of
# networks nobody pruned have up to a third of zeros (estimated from the normal distribution: 1/127 of the largest of a few thousand).
_FLOAT_ZEROS, _INTEGER_ZEROS = 0.05, 0.4
MAX_CLUSTERS = 64  # codebooks of clustering tools have at most 6 bits
_SAMPLE = 4096
_BLOCKS = ((16, 1), (1, 16), (4, 4), (1, 8), (8, 1), (1, 4), (4, 1))  # of kernels for block-sparse weights, larger ones first
_WHOLE_BLOCKS = 0.98  # of the zeros lie in zero blocks
_FLOATS = (DType.F32, DType.F16, DType.F64)


def measure_weights(graph: Graph) -> Graph:
    """State sparsity and clusters of the weights that a file holds, in place, as their values show them; returns the graph.

    Weights without values, larger ones and those beyond the first ``MAX_ELEMENTS`` stay as they are.
    """
    left = MAX_ELEMENTS
    for tensor in graph.tensors.values():
        if tensor.role != "weight" or tensor.load is None or not _LEAST_ELEMENTS <= tensor.elements <= min(left, MAX_TENSOR_ELEMENTS) or len(tensor.shape) < 2:
            continue
        left -= tensor.elements
        try:
            with np.errstate(all="ignore"):  # damaged files hold numbers that overflow
                values = np.asarray(tensor.load())
        except (OSError, ValueError) as error:
            raise ModelError(f"the values of {tensor.name!r} cannot be read ({error})") from error
        if values.shape == tensor.shape:
            _measure(tensor, values)
    return graph


def _measure(tensor: Tensor, values: np.ndarray) -> None:
    zero = _stored_zero(tensor)
    is_zero = values == zero
    ratio = float(np.count_nonzero(is_zero)) / tensor.elements
    if tensor.sparsity is None and ratio >= (_FLOAT_ZEROS if tensor.dtype in _FLOATS else _INTEGER_ZEROS):
        tensor.sparsity = _structured(is_zero, ratio)
    if not tensor.clusters:
        tensor.clusters = _clusters(tensor, values)


def _stored_zero(tensor: Tensor) -> np.ndarray:
    """The stored number that means 0, per slice where zero points differ."""
    quantization = tensor.quantization
    if quantization is None:
        return np.zeros(())
    points = np.array(quantization.zero_point)
    if points.size == 1 or quantization.axis is None:
        return points.reshape(-1)[0]  # type: ignore[no-any-return]  # a scalar of NumPy
    shape = [1] * len(tensor.shape)
    shape[quantization.axis] = points.size
    return points.reshape(shape)


def _structured(is_zero: np.ndarray, ratio: float) -> Sparsity:
    """Two of every four neighbours along the inputs, whole blocks of the matrix ``[outputs, rest]``, or single elements."""
    inputs_last = np.moveaxis(is_zero, 1, -1)  # [out, *kernel, in]: how units with 2:4 sparsity order the reduction
    if is_zero.shape[1] % 4 == 0 and 0.5 <= ratio < 0.9 and (inputs_last.reshape(-1, 4).sum(axis=1) >= 2).all():
        return Sparsity(ratio, "2:4")
    matrix = is_zero.reshape(is_zero.shape[0], -1)
    for rows, columns in _BLOCKS:
        if matrix.shape[0] % rows or matrix.shape[1] % columns:
            continue
        blocks = matrix.reshape(matrix.shape[0] // rows, rows, matrix.shape[1] // columns, columns)
        if blocks.all(axis=(1, 3)).sum() * rows * columns >= _WHOLE_BLOCKS * ratio * matrix.size:
            return Sparsity(ratio, "block", (rows, columns))
    return Sparsity(ratio)


def _clusters(tensor: Tensor, values: np.ndarray) -> int:
    """Different values beside zero's pruned mass, if they are so few that a tool must have made them; 0 else.

    Formats of 4 bits and less have few values of themselves; integers of 8 bits with scales per channel are clustered only as integers.
    """
    if tensor.dtype in (DType.I4, DType.I2, DType.F8):
        return 0
    flat = values.reshape(-1)
    most = min(MAX_CLUSTERS, tensor.elements // 16)
    if np.unique(flat[:: max(flat.size // _SAMPLE, 1)]).size > most:
        return 0
    found = int(np.unique(flat).size)
    return found if 2 <= found <= most else 0
