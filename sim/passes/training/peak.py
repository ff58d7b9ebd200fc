"""The most bytes of activations ever alive when operators run in the order of the graph."""

from __future__ import annotations

from sim.graph.ir import Graph
from sim.graph.ops import OPS


def peak_bytes(graph: Graph) -> float:
    """Of activations and inputs; views share memory, each other operator has outputs of its own. Stored data and state do not count."""
    root: dict[str, str] = {}
    first: dict[str, int] = dict.fromkeys(graph.inputs, 0)
    last: dict[str, int] = {}
    for index, op in enumerate(graph.ops):
        shared = op.inputs if OPS[op.type].view else op.inputs[: OPS[op.type].overwrites]
        root.update({name: root.get(source, source) for source, name in zip(shared, op.outputs, strict=False)})
        for name in (root.get(name, name) for name in (*op.all_inputs, *op.outputs)):
            first.setdefault(name, index)
            last[name] = index
    last |= {root.get(name, name): len(graph.ops) - 1 for name in graph.outputs}
    change = [0.0] * (len(graph.ops) + 1)
    for name, end in last.items():
        if graph.tensors[name].role in ("input", "activation"):
            change[first[name]] += graph.tensors[name].bytes
            change[end + 1] -= graph.tensors[name].bytes
    total = peak = 0.0
    for amount in change:
        total += amount
        peak = max(peak, total)
    return peak
