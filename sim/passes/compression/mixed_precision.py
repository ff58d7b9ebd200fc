"""Mixed precision: each layer's weights in the format whose noise the budget can least afford to lower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError, Problem
from sim.graph.ir import Graph
from sim.passes.compression.base import COMPRESSIONS, Compression, chosen
from sim.passes.compression.knapsack import Choice, cheapest_steps, least_loss
from sim.passes.compression.quantize import FORMATS, prepare, refuse_quantized, round_weights, rule_of
from sim.passes.compression.rounding import grid_of, signal_to_noise_db
from sim.passes.compression.weights import WEIGHTED, Weight, as_rows, needed_values, weights_of
from sim.scenario.compression import MixedPrecisionOptions

_PER_UNIT = 1e-30  # a noise power below which a layer loses nothing


@COMPRESSIONS.register("mixed_precision")
@dataclass(frozen=True)
class MixedPrecision(Compression[MixedPrecisionOptions]):
    """Weights of each layer in one of ``formats``, so that the summed noise-to-signal ratio of all layers is least within the budget.

    The ratio of a layer is that of its real weights rounded to the format. Sizes and average bits add up over layers, so the best
    choice is found exactly (a knapsack by dynamic programming over its Pareto front). Latency and energy come from the device: from the
    finest formats the layer that loses least noise for the time (energy) it saves is lowered until the budget holds.
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
        formats = sorted({FORMATS[name] for name in self.options.formats}, key=lambda dtype: -DTYPE_BITS[dtype])
        choices = [[self._choice(weight, dtype) for dtype in formats] for weight in weights]
        additive = self.options.latency_s is None and self.options.energy_j is None
        picked = self._additive(graph, weights, choices) if additive else self._measured(graph, weights, choices, formats)
        bits = {weight.op.name: formats[index] for weight, index in zip(weights, picked, strict=True)}
        self._round(graph, bits)
        graph.notes["quantization"] = {
            "method": self.options.method,
            "weights": {name: dtype.name.lower() for name, dtype in bits.items()},
            "noise_to_signal_db": {weight.op.name: -row[index].signal_db for weight, row, index in zip(weights, choices, picked, strict=True)},
            "activations": self.options.activations,
        }

    def _choice(self, weight: Weight, dtype: DType) -> Choice:
        values = needed_values(weight.tensor, "sensitivity")
        rows = as_rows(values, None if self.options.granularity == "per_tensor" else weight.axis).astype(np.float64)
        grid = grid_of(rows, dtype, rule_of(self.options))
        found = signal_to_noise_db(rows, grid.restored(grid.stored(rows)))
        return Choice(weight.tensor.elements * float(DTYPE_BITS[dtype]), max(10 ** (-found / 10), _PER_UNIT) if np.isfinite(found) else 0.0, found)

    def _additive(self, graph: Graph, weights: list[Weight], choices: list[list[Choice]]) -> list[int]:
        """Budgets that are sums over layers."""
        average, elements = self.options.average_bits, sum(weight.tensor.elements for weight in weights)
        rest = 0.0 if average is not None else self._rest_bits(graph, weights)
        limit = average * elements if average is not None else 8 * float(self.options.size_bytes or 0.0) - rest
        picked = least_loss(choices, limit)
        if picked is not None:
            return picked
        least = sum(min(choice.cost for choice in row) for row in choices)
        if average is not None:
            raise ModelError(Problem(path="average_bits", what=f"{average:g} cannot be held: the smallest of the formats take {least / elements:.3g}"))
        what = f"{float(self.options.size_bytes or 0.0):.0f} bytes cannot be held: with the smallest of the formats the model takes {(least + rest) / 8:.0f}"
        raise ModelError(Problem(path="size", what=what))

    def _rest_bits(self, graph: Graph, weights: list[Weight]) -> float:
        """Bits of the model beside the weights whose format is chosen: counted on the quantized graph."""
        trial = graph.copy()
        self._round(trial, {weight.op.name: DType.I8 for weight in weights})
        return 8 * trial.stored_bytes() - sum(8.0 * weight.tensor.elements for weight in weights)

    def _measured(self, graph: Graph, weights: list[Weight], choices: list[list[Choice]], formats: list[DType]) -> list[int]:
        """Budgets that only the device knows."""
        cost = self.means.cost
        path = "latency" if self.options.latency_s is not None else "energy"
        if cost is None:
            raise ModelError(Problem(path=path, what="a latency or energy budget needs a device; give size or average_bits"))
        limit = float(self.options.latency_s if self.options.latency_s is not None else self.options.energy_j or 0.0)

        def price(picked: list[int]) -> float:
            trial = graph.copy()
            self._round(trial, {weight.op.name: formats[index] for weight, index in zip(weights, picked, strict=True)})
            found = cost(trial)
            return found.latency_s if path == "latency" else found.energy_j

        picked, reached = cheapest_steps(choices, price, limit)
        if picked is None:
            unit = "s" if path == "latency" else "J"
            raise ModelError(Problem(path=path, what=f"{limit:g} {unit} cannot be held: with the best formats found it takes {reached:.4g} {unit}"))
        return picked

    def _round(self, graph: Graph, bits: dict[str, DType]) -> None:
        """Operators without weights run in the activations' format as well."""
        named = {op.name: bits.get(op.name, DType.I8) for op in graph.ops if op.name in bits or op.type not in WEIGHTED}
        round_weights(graph, self.options, self.means, named, self.options.activations)
