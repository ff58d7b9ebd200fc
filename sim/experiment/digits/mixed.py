"""Mixed precision by sensitivity: each layer's weights in as many bits as the noise it makes in the answers is worth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from device_models.work import DType
from sim.experiment.digits.data import Split
from sim.experiment.digits.network import Layer, Network, graph_of, logits
from sim.experiment.digits.training import cross_entropy
from sim.graph.ir import Graph
from sim.passes.compression.rounding import Grid

WIDTHS = (2, 3, 4, 5, 6, 8)
_SHORT_LIST = 30
_CLIPS = np.linspace(0.3, 1.0, 36)


def width_grid(weight: np.ndarray, bits: int) -> Grid:
    """One symmetric scale for a whole tensor, of the least squared error; any number of bits from 2 to 8."""
    rows, most = weight.reshape(1, -1).astype(np.float64), (1 << (bits - 1)) - 1
    scales = [np.array([max(float(np.abs(rows).max()), 1e-12) * clip / most]) for clip in _CLIPS]
    grids = [Grid(scale, np.zeros(1, dtype=np.int64), -most, most) for scale in scales]
    return min(grids, key=lambda grid: float(np.square(grid.restored(grid.stored(rows)) - rows).sum()))


def rounded(network: Network, widths: Sequence[int]) -> Network:
    """Every layer's weights as what their number of bits leaves of them."""
    return tuple(Layer(_restored(layer.weight, bits), layer.bias, layer.relu) for layer, bits in zip(network, widths, strict=True))


def width_graph(network: Network, widths: Sequence[int]) -> Graph:
    """The graph whose stored weights are integers of these widths (in a file they take four or eight bits)."""
    graph = graph_of(network)
    for number, (layer, bits) in enumerate(zip(network, widths, strict=True), start=1):
        tensor, grid = graph.tensors[f"dense{number}.weight"], width_grid(layer.weight, bits)
        stored = grid.stored(layer.weight.reshape(1, -1)).reshape(layer.weight.shape).astype(np.int8)
        tensor.dtype, tensor.quantization, tensor.load = DType.I4 if bits <= 4 else DType.I8, grid.quantization(None), lambda stored=stored: stored
    return graph


def chosen_widths(network: Network, split: Split, average: float) -> tuple[int, ...]:
    """Widths of the layers, at most ``average`` bits a weight over the network.

    Sensitivity of a layer at a width: the noise in the logits of the training images while only that layer is rounded. Of the
    choices whose noises add up to least, the one with the least training loss when all layers are rounded together.
    """
    exact = logits(network, split.images)
    whole = {bits: rounded(network, [bits] * len(network)) for bits in WIDTHS}
    noise = {
        (index, bits): float(np.square(logits(_swapped(network, index, whole[bits][index]), split.images) - exact).mean())
        for index in range(len(network))
        for bits in WIDTHS
    }
    sizes = [layer.weight.size for layer in network]
    fitting = [widths for widths in product(WIDTHS, repeat=len(network)) if average_bits(widths, sizes) <= average]
    fitting.sort(key=lambda widths: sum(noise[index, bits] for index, bits in enumerate(widths)))
    together = {widths: tuple(whole[bits][index] for index, bits in enumerate(widths)) for widths in fitting[:_SHORT_LIST]}
    return min(together, key=lambda widths: cross_entropy(together[widths], split.images, split.labels))


def average_bits(widths: Sequence[int], sizes: Sequence[int]) -> float:
    """Bits a weight of layers with so many weights."""
    return sum(bits * size for bits, size in zip(widths, sizes, strict=True)) / sum(sizes)


def _restored(weight: np.ndarray, bits: int) -> np.ndarray:
    grid = width_grid(weight, bits)
    return grid.restored(grid.stored(weight.reshape(1, -1))).reshape(weight.shape).astype(np.float32)


def _swapped(network: Network, index: int, layer: Layer) -> Network:
    return (*network[:index], layer, *network[index + 1 :])
