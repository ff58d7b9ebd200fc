"""How large stored tensors are in a file: dense, or in the shortest form that zeros and shared values allow."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, log2, prod
from typing import Literal

from device_models.work import DTYPE_BITS
from sim.graph.ir import Graph, Tensor

Form = Literal["bitmap", "csr", "2:4", "palette"]
FORMS: tuple[Form, ...] = ("bitmap", "csr", "2:4", "palette")
_INDEX_BITS = 2  # which of four neighbours a kept weight is


def file_bytes(tensor: Tensor, forms: Collection[Form] = FORMS) -> float:
    """Bytes of a stored tensor in the shortest of the forms a file may have; dense where none is shorter.

    ``bitmap``: a bit for each block and the blocks that are not zero; ``csr``: their columns (8, 16 or 32 bits, as a matrix ``[first
    extent, rest]`` needs) and a row pointer of 32 bits; ``2:4``: half of the weights and two bits for each; ``palette``: a codebook and
    an index for each weight.
    """
    return min([tensor.bytes, *(_bits(tensor, form) / 8 for form in forms)])


def stored_file_bytes(graph: Graph, forms: Collection[Form] = FORMS) -> float:
    """Of everything stored with the model."""
    return sum(file_bytes(tensor, forms) for tensor in graph.tensors.values() if tensor.is_stored)


def _bits(tensor: Tensor, form: Form) -> float:
    """Bits in one form; infinite where the tensor does not have it."""
    width, extra = float(DTYPE_BITS[tensor.dtype]), tensor.elements * tensor.group_bits
    if form == "palette":
        if tensor.clusters < 2:
            return float("inf")
        return tensor.elements * ceil(log2(tensor.clusters)) + tensor.clusters * width + extra
    if tensor.sparsity is None or not tensor.shape:
        return float("inf")
    kept = tensor.elements * (1.0 - tensor.sparsity.ratio)
    if form == "2:4":
        return kept * (width + _INDEX_BITS) + extra if tensor.sparsity.structure == "2:4" else float("inf")
    block = prod(tensor.sparsity.block)
    if form == "bitmap":
        return kept * width + tensor.elements / block + extra
    columns = max(tensor.elements // max(tensor.shape[0], 1), 1)
    index = 8 if columns <= 256 else 16 if columns <= 65536 else 32
    return kept * width + kept / block * index + 32 * (tensor.shape[0] + 1) + extra
