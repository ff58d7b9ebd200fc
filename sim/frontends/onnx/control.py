"""Subgraphs: a branch that is known at import is taken; loops and open branches are refused."""

from __future__ import annotations

from sim.frontends.onnx.node import Node
from sim.frontends.onnx.table import handles


@handles("If")
def _if(node: Node) -> None:
    """With a constant condition the branch becomes part of the graph."""
    condition = node.stored(0)
    value = condition.value() if condition is not None else None
    if value is None or value.size != 1:
        raise node.refuse("chooses a subgraph by a value known only at run time; export the model with control flow resolved, for example by tracing it")
    branch = node.attribute("then_branch" if bool(value.reshape(())) else "else_branch")
    if branch is None or node.state.run is None:
        raise node.refuse("lacks a branch")
    inner = node.values.new_child()
    node.state.run(branch, inner)
    for index, output in enumerate(branch.output):
        if output.name not in inner:
            raise node.refuse(f"its branch never computes {output.name!r}")
        node.bind(index, inner[output.name])


@handles("Loop", "Scan", "SequenceMap")
def _loop(node: Node) -> None:
    raise node.refuse(
        "runs a subgraph repeatedly, which an operator graph cannot hold; export the model with the loop unrolled, or its body as a model of its own"
    )
