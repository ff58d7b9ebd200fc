"""Mixed precision: each layer's weights in the format whose noise the budget can least afford to lower."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sim.errors import ModelError, Problem
from sim.graph.ir import Graph
from sim.graph.storage import file_bytes, stored_file_bytes
from sim.passes.compression.base import COMPRESSIONS, Compression, chosen
from sim.passes.compression.knapsack import Choice, costs_in_place, least_loss, within_price
from sim.passes.compression.quantize import hold, prepare, refuse_quantized, round_weights, rule_of
from sim.passes.compression.rounding import grid_of
from sim.passes.compression.sensitivity import signal_ratios
from sim.passes.compression.weights import WEIGHTED, Weight, as_rows, from_rows, weights_of
from sim.scenario.compression import MixedPrecisionOptions

_LEAST_NOISE = 1e-30  # a noise power below which a layer loses nothing
_USUAL_BITS = 8  # of what is not chosen


@COMPRESSIONS.register("mixed_precision")
@dataclass(frozen=True)
class MixedPrecision(Compression[MixedPrecisionOptions]):
    """Weights of each layer in one of ``formats``, so that the summed noise-to-signal ratio of all layers is least within the budget.

    The ratio of a layer is measured: see :mod:`sim.passes.compression.sensitivity`. Average bits and sizes add up over layers, and the
    best choice is found exactly (a knapsack by dynamic programming over its Pareto front). Latency and energy come from the device: the
    compiler prices every layer in every format, one at a time in the whole network, and the choice found is priced again as a whole.

    Weights of 3, 5, 6 and 7 bits are integers of 4 or 8 bits that take fewer values: no runtime here has narrower ones. They count their
    own bits under ``average_bits``; under ``size`` what a file with codebooks takes; under latency and energy what the device reads.
    """

    name = "mixed_precision"
    retypes_interface: ClassVar[bool] = True

    def apply(self, graph: Graph) -> None:
        refuse_quantized(graph)
        prepare(graph)
        selected = chosen([op for op in graph.ops if op.type in WEIGHTED], self.options.only, self.options.skip)
        weights = weights_of(graph, selected)
        if not weights:
            raise ModelError(f"{graph.name} has no float weights to quantize")
        widths = sorted({int(name.removeprefix("int")) for name in self.options.formats}, reverse=True)
        ratios = signal_ratios(graph, weights, widths, self._restored, self.options.sensitivity, self.means)
        picked = self._picked(graph, weights, widths, ratios)
        bits = {weight.op.name: widths[index] for weight, index in zip(weights, picked, strict=True)}
        self._round(graph, bits)
        graph.notes["quantization"] = {
            "method": self.options.method,
            "weights": {name: f"int{count}" for name, count in bits.items()},
            "noise_to_signal_db": {weight.op.name: -row[index] for weight, row, index in zip(weights, ratios, picked, strict=True)},
            "activations": self.options.activations,
        }

    def _restored(self, weight: Weight, values: np.ndarray, bits: int) -> np.ndarray:
        """What a number of bits leaves of a weight's values."""
        axis = None if self.options.granularity == "per_tensor" else weight.axis
        rows = as_rows(values, axis).astype(np.float64)
        grid = grid_of(rows, bits, rule_of(self.options))
        return from_rows(grid.restored(grid.stored(rows)), values.shape, axis)

    def _picked(self, graph: Graph, weights: list[Weight], widths: list[int], ratios: list[list[float]]) -> list[int]:
        """The place among the widths of each weight."""
        losses = [[_loss(ratio) for ratio in row] for row in ratios]
        if self.options.average_bits is not None:
            return self._on_average(weights, widths, losses, float(self.options.average_bits))
        if self.options.size_bytes is not None:
            return self._of_size(graph, weights, widths, losses, float(self.options.size_bytes))
        return self._on_device(graph, weights, widths, losses)

    def _on_average(self, weights: list[Weight], widths: list[int], losses: list[list[float]], average: float) -> list[int]:
        rows = _choices([[float(weight.tensor.elements * bits) for bits in widths] for weight in weights], losses)
        picked = least_loss(rows, average * sum(weight.tensor.elements for weight in weights))
        if picked is None:
            raise ModelError(Problem(path="average_bits", what=f"{average:g} cannot be held: the smallest of the formats take {min(widths)}"))
        return picked

    def _of_size(self, graph: Graph, weights: list[Weight], widths: list[int], losses: list[list[float]], limit: float) -> list[int]:
        def size(picked: list[int]) -> float:
            return stored_file_bytes(self._trial(graph, weights, [widths[index] for index in picked]))

        usual = self._trial(graph, weights, [_USUAL_BITS] * len(weights))
        held = [[self._held_bytes(usual, weight, bits) for bits in widths] for weight in weights]
        rest = stored_file_bytes(usual) - sum(self._held_bytes(usual, weight, _USUAL_BITS) for weight in weights)
        rows = _choices([[rest / len(weights) + value for value in row] for row in held], losses)
        picked, reached = within_price(rows, size, limit)
        if picked is None:
            what = f"{limit:.0f} bytes cannot be held: with the smallest of the formats the model takes {reached:.0f}"
            raise ModelError(Problem(path="size", what=what))
        return picked

    def _held_bytes(self, usual: Graph, weight: Weight, bits: int) -> float:
        """Of a weight in the quantized graph, were it of so many bits."""
        tensor = replace(usual.tensors[weight.tensor.name], clusters=0)
        hold(tensor, bits, self.options.symmetric)
        return file_bytes(tensor)

    def _on_device(self, graph: Graph, weights: list[Weight], widths: list[int], losses: list[list[float]]) -> list[int]:
        """Budgets that only the device knows."""
        cost = self.means.cost
        path = "latency" if self.options.latency_s is not None else "energy"
        if cost is None:
            raise ModelError(Problem(path=path, what="a latency or energy budget needs a device; give size or average_bits"))
        limit = float(self.options.latency_s if self.options.latency_s is not None else self.options.energy_j or 0.0)

        def price(picked: list[int]) -> float:
            found = cost(self._trial(graph, weights, [widths[index] for index in picked]))
            return found.latency_s if path == "latency" else found.energy_j

        picked, reached = within_price(_choices(costs_in_place([len(widths)] * len(weights), price), losses), price, limit)
        if picked is None:
            unit = "s" if path == "latency" else "J"
            raise ModelError(Problem(path=path, what=f"{limit:g} {unit} cannot be held: with the best formats found it takes {reached:.4g} {unit}"))
        return picked

    def _trial(self, graph: Graph, weights: list[Weight], bits: list[int]) -> Graph:
        """A copy with the weights in so many bits."""
        trial = graph.copy()
        self._round(trial, {weight.op.name: count for weight, count in zip(weights, bits, strict=True)})
        return trial

    def _round(self, graph: Graph, bits: dict[str, int]) -> None:
        """Operators without weights run in the activations' format as well."""
        named = {op.name: bits.get(op.name, _USUAL_BITS) for op in graph.ops if op.name in bits or op.type not in WEIGHTED}
        round_weights(graph, self.options, self.means, named, self.options.activations)


def _loss(ratio_db: float) -> float:
    """Noise by signal."""
    return float(max(10 ** (-ratio_db / 10), _LEAST_NOISE)) if np.isfinite(ratio_db) else 0.0


def _choices(costs: list[list[float]], losses: list[list[float]]) -> list[list[Choice]]:
    return [[Choice(cost, loss) for cost, loss in zip(*rows, strict=True)] for rows in zip(costs, losses, strict=True)]
