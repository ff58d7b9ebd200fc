"""How others count a network's work, so that their figures are compared like with like."""

from __future__ import annotations

from sim.graph.ir import Graph
from sim.graph.ops import OPS
from sim.graph.work import total_macs

_PRODUCTS = ("Conv", "ConvTranspose", "Dense", "MatMul")


def counted(graph: Graph, convention: str) -> float:
    """The work of one run in the unit of a :data:`~sim.frontends.zoo.entry.Convention`.

    ``macs``: multiply-accumulates of convolutions, matrix products, attention and recurrent layers, nothing else.
    ``flops``: two for each of those.
    ``fvcore``: MACs, 2 for each element batch-normalised, 5 for each element layer-normalised (fvcore's rules; timm's figures).
    ``elementwise``: two FLOPs for each MAC, one for each output element of a convolution or product (its bias) and of every elementwise operator.
    ``unfused``: MACs, and 3 for each element batch-normalised.
    """
    elements = _elements_by_type(graph)
    macs = float(total_macs(graph))
    if convention == "flops":
        return 2 * macs
    if convention == "fvcore":
        return macs + 2 * elements.get("BatchNorm", 0) + 5 * elements.get("LayerNorm", 0)
    if convention == "elementwise":
        extra = sum(count for kind, count in elements.items() if kind in _PRODUCTS or (OPS[kind].elementwise and kind != "BatchNorm"))
        return 2 * macs + extra
    if convention == "unfused":
        return macs + 3 * elements.get("BatchNorm", 0)
    return macs


def _elements_by_type(graph: Graph) -> dict[str, int]:
    table: dict[str, int] = {}
    for op in graph.ops:
        table[op.type] = table.get(op.type, 0) + graph.tensors[op.outputs[0]].elements
    return table
