"""Put one activation operator in place of the arithmetic an exporter wrote out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.graph.ir import Graph
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops
from sim.passes.evaluate import UNARY, gelu
from sim.passes.regions import Region, compute, regions_ending_at, replace_region

_PROBES = np.linspace(-7.9, 7.9, 64)
_ENDS = ("Mul", "Div")
_SIGNS = {"Sigmoid", "HardSigmoid", "Erf", "Tanh", "Clip", "Relu6", "Softplus", "Exp"}  # one of them is in every activation's arithmetic

KNOWN: tuple[tuple[str, dict[str, object], Callable[[np.ndarray], np.ndarray], float], ...] = (
    # operator, attributes, function, tolerance (absolute, over probes of magnitude 8)
    ("Swish", {}, UNARY["Swish"], 1e-4),
    ("HardSwish", {}, UNARY["HardSwish"], 1e-4),
    ("Gelu", {}, gelu, 1e-4),
    ("Gelu", {"approximate": "tanh"}, lambda x: gelu(x, "tanh"), 1e-4),
    ("QuickGelu", {"alpha": 1.702}, lambda x: x / (1 + np.exp(-1.702 * x)), 1e-4),
    ("Mish", {}, UNARY["Mish"], 1e-4),
)


@PASSES.register("recognise_activations")
@dataclass(frozen=True)
class RecogniseActivations(Pass):
    """Swish, HardSwish, Gelu (by erf or tanh), QuickGelu and Mish, in whatever order their arithmetic is written.

    A group of elementwise operators is taken for an activation if it computes the same values. ``only``: those the runtime knows.
    """

    name = "recognise_activations"
    only: tuple[str, ...] = ("Swish", "HardSwish", "Gelu", "QuickGelu", "Mish")

    def apply(self, graph: Graph) -> None:
        if not any(op.type in _SIGNS for op in graph.ops):
            return
        uses = Uses(graph)
        position = {op.name: index for index, op in enumerate(graph.ops)}
        gone: set[str] = set()
        for end in reversed(graph.ops):
            if end.name in gone or end.type not in _ENDS or end.fused:
                continue
            for region in regions_ending_at(graph, uses, end, position):
                known = self._known(graph, region)
                if known is not None:
                    gone |= {op.name for op in region.ops if op is not end}
                    replace_region(graph, uses, region, *known)
                    break
        remove_ops(graph, [op for op in graph.ops if op.name in gone])

    def _known(self, graph: Graph, region: Region) -> tuple[str, dict[str, object]] | None:
        if not region.types & _SIGNS or graph.tensors[region.start].shape != graph.tensors[region.end.outputs[0]].shape:
            return None
        values = compute(graph, region, _PROBES)
        if values is None or values.shape != _PROBES.shape:
            return None
        for type, attributes, function, tolerance in KNOWN:
            if type in self.only and np.allclose(values, function(_PROBES), rtol=0, atol=tolerance):
                return type, attributes
        return None
