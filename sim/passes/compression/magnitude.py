"""Magnitude pruning: the smallest weights become zero, alone, in blocks, or two of every four neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from sim.errors import ModelError
from sim.graph.ir import Graph, Sparsity, Tensor
from sim.passes.compression.base import chosen, matches, note, unmatched
from sim.passes.compression.weights import WEIGHTED, Weight, needed_values, values_of, weights_of
from sim.scenario.compression import PruneOptions

_BLOCK = (1, 4)
_EACH_FOUR = 4


def make_sparse(graph: Graph, options: PruneOptions) -> None:
    """Zeros in the chosen layers' weights, in place; the structure is recorded in the tensors. Raises ModelError."""
    ops = [op for op in graph.ops if op.type in WEIGHTED]
    selected = chosen(ops, options.only, options.skip)
    if lost := unmatched(ops, options.layers, "layers"):
        raise ModelError(lost)
    weights = weights_of(graph, selected)
    if not weights:
        raise ModelError(f"{graph.name} has no float weights to prune; prune before quantizing")
    if options.scope == "global":
        shares = _global_shares(weights, options)
    else:
        shares = {weight.tensor.name: _share(weight, options) for weight in weights}
    for weight in weights:
        if shares[weight.tensor.name] > 0:
            _prune(graph, weight.tensor, shares[weight.tensor.name], options)


def _share(weight: Weight, options: PruneOptions) -> float:
    """The sparsity a layer is to have."""
    own = next((float(share) for pattern, share in options.layers.items() if matches(weight.op, pattern)), None)
    return own if own is not None else 0.5 if options.granularity == "2:4" else float(options.sparsity or 0.0)


def _global_shares(weights: list[Weight], options: PruneOptions) -> dict[str, float]:
    """What each layer loses when the smallest weights of all layers together go."""
    parts = {weight.tensor.name: _scores(needed_values(weight.tensor, "scope: global"), _block(options)) for weight in weights}
    total = np.concatenate([part.ravel() for part in parts.values()])
    count = round(float(options.sparsity or 0.0) * total.size)
    threshold = np.partition(total, count)[count] if count < total.size else np.inf
    return {name: float(np.mean(part < threshold)) for name, part in parts.items()}


def _block(options: PruneOptions) -> tuple[int, int]:
    return (1, 1) if options.granularity != "block" else options.block or _BLOCK


def _prune(graph: Graph, tensor: Tensor, share: float, options: PruneOptions) -> None:
    """One tensor: a mask over its matrix ``[first extent, rest]``."""
    rows, columns = tensor.shape[0], tensor.elements // max(tensor.shape[0], 1)
    if options.granularity == "2:4":
        if columns % _EACH_FOUR:
            note(graph, f"{tensor.name} has rows of {columns} weights, which are no fours: it stays dense")
            return
        tensor.sparsity = Sparsity(0.5, "2:4")
        tensor.load = None if tensor.load is None else _masked(tensor.load, _two_of_four)
        return
    block = _block(options)
    blocks = -(-rows // block[0]) * -(-columns // block[1])
    count = round(share * blocks)
    structure: Literal["element", "block"] = "block" if options.granularity == "block" else "element"
    values = values_of(tensor)
    if values is None:
        tensor.sparsity = Sparsity(count / blocks, structure, block)
        return
    mask = _smallest(values, count, block)
    tensor.sparsity = Sparsity(float(np.mean(~mask)), structure, block)
    tensor.load = _masked(tensor.load, lambda stored: _smallest(stored, count, block))  # type: ignore[arg-type]  # it has values


def _masked(load: Callable[[], np.ndarray], mask: Callable[[np.ndarray], np.ndarray]) -> Callable[[], np.ndarray]:
    def values() -> np.ndarray:
        stored = np.asarray(load())
        return np.where(mask(stored), stored, np.zeros((), dtype=stored.dtype))

    return values


def _matrix(values: np.ndarray) -> np.ndarray:
    return np.abs(values.reshape(values.shape[0] if values.ndim else 1, -1))


def _scores(values: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    """Sum of magnitudes of each block, ``[block rows, block columns]``; blocks at the edges are filled up with zeros."""
    matrix = _matrix(values)
    rows, columns = (-(-extent // size) * size for extent, size in zip(matrix.shape, block, strict=True))
    padded = np.zeros((rows, columns))
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return np.asarray(padded.reshape(rows // block[0], block[0], columns // block[1], block[1]).sum(axis=(1, 3)))


def _smallest(values: np.ndarray, count: int, block: tuple[int, int]) -> np.ndarray:
    """Which weights stay when the ``count`` smallest blocks go."""
    scores = _scores(values, block)
    stays = np.ones(scores.size, dtype=bool)
    stays[np.argsort(scores.ravel(), kind="stable")[:count]] = False
    wide = np.repeat(np.repeat(stays.reshape(scores.shape), block[0], axis=0), block[1], axis=1)
    matrix = _matrix(values)
    return wide[: matrix.shape[0], : matrix.shape[1]].reshape(values.shape)


def _two_of_four(values: np.ndarray) -> np.ndarray:
    """The larger two of every four neighbours along a row stay."""
    fours = _matrix(values).reshape(-1, _EACH_FOUR)
    order = np.argsort(-fours, axis=1, kind="stable")
    stays = np.zeros(fours.shape, dtype=bool)
    np.put_along_axis(stays, order[:, :2], True, axis=1)
    return stays.reshape(values.shape)
