"""Weight clustering: the weights of each layer share a few values, and a file holds a codebook and indices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.errors import ModelError
from sim.graph.ir import Graph
from sim.passes.compression.base import COMPRESSIONS, Compression, chosen
from sim.passes.compression.weights import WEIGHTED, weights_of
from sim.scenario.compression import ClusterOptions

_ROUNDS = 100  # of Lloyd's algorithm; it ends earlier once nothing changes


@COMPRESSIONS.register("cluster")
@dataclass(frozen=True)
class Cluster(Compression[ClusterOptions]):
    """Each weight becomes the nearest of ``clusters`` values of its tensor (k-means in one dimension, begun at evenly spaced values).

    Only the file is smaller, in forms that hold a palette; kernels work with the full weights as before.
    """

    name = "cluster"

    def apply(self, graph: Graph) -> None:
        selected = chosen([op for op in graph.ops if op.type in WEIGHTED], self.options.only, self.options.skip)
        weights = weights_of(graph, selected)
        if not weights:
            raise ModelError(f"{graph.name} has no float weights to cluster; cluster before quantizing")
        count = self.options.clusters or 1 << (self.options.bits or 0)
        for weight in weights:
            weight.tensor.clusters = min(count, weight.tensor.elements)
            if weight.tensor.load is not None:
                weight.tensor.load = _clustered(weight.tensor.load, count, weight.tensor.sparsity is not None)


def _clustered(load: Callable[[], np.ndarray], count: int, keeps_zeros: bool) -> Callable[[], np.ndarray]:
    def values() -> np.ndarray:
        stored = np.asarray(load())
        codebook = centroids(stored.ravel(), count)
        if keeps_zeros:  # zeros that a step pruned stay zeros
            codebook[np.argmin(np.abs(codebook))] = 0.0
        nearest = np.searchsorted((codebook[1:] + codebook[:-1]) / 2, stored.ravel())
        return codebook[nearest].reshape(stored.shape).astype(stored.dtype)

    return values


def centroids(values: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` values, ascending, to which numbers are nearest in the least squared sense (a local optimum)."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    distinct = np.unique(ordered)
    if len(distinct) <= count:
        return distinct
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    centres = np.linspace(ordered[0], ordered[-1], count)
    for _ in range(_ROUNDS):
        borders = np.concatenate([[0], np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2), [len(ordered)]])
        sizes = np.diff(borders)
        means = np.where(sizes > 0, (total[borders[1:]] - total[borders[:-1]]) / np.maximum(sizes, 1), centres)
        if np.array_equal(means, centres):
            break
        centres = np.sort(means)
    return centres
