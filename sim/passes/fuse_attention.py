"""Put one Attention in place of product, scale, mask, softmax, product."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sim.graph.ir import Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, fresh_name, fresh_op_name, remove_ops, scalar_value


@dataclass
class _Match:
    """What was found around one softmax."""

    scores: Op
    softmax: Op
    result: Op
    between: list[Op] = field(default_factory=list)
    mask: str = ""
    scale: float = 1.0


@PASSES.register("fuse_attention")
@dataclass(frozen=True)
class FuseAttention(Pass):
    """``softmax(scale * q k^T + mask) v`` over heads, with queries, keys and values of four dimensions."""

    name = "fuse_attention"

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        for softmax in [op for op in graph.ops if op.type == "Softmax"]:
            match = _match(graph, uses, softmax)
            if match is not None:
                _replace(graph, uses, match)
                uses = Uses(graph)


def _match(graph: Graph, uses: Uses, softmax: Op) -> _Match | None:
    axis = int(softmax.attributes.get("axis", -1))
    rank = len(graph.tensors[softmax.inputs[0]].shape)
    result = uses.sole_reader(softmax.outputs[0])
    if rank != 4 or axis not in (-1, 3) or softmax.fused or result is None or not _is_product(result) or result.inputs[0] != softmax.outputs[0]:
        return None
    match = _Match(softmax, softmax, result)
    name = softmax.inputs[0]
    while True:
        maker = uses.maker.get(name)
        if maker is None or maker.fused or uses.sole_reader(name) is None:
            return None
        if _is_product(maker):
            match.scores = maker
            return match if _activations(graph, (*maker.inputs[:2], result.inputs[1])) else None
        stepped = _step_back(graph, match, maker)
        if not stepped:
            return None
        match.between.append(maker)
        name = stepped


def _is_product(op: Op) -> bool:
    return op.type == "MatMul" and not op.fused and not op.attributes.get("transpose_a")


def _activations(graph: Graph, names: tuple[str, ...]) -> bool:
    return all(not graph.tensors[name].is_stored and len(graph.tensors[name].shape) == 4 for name in names)


def _step_back(graph: Graph, match: _Match, op: Op) -> str:
    """The tensor before a scale or a mask, ``""`` if the operator is neither."""
    if op.type not in ("Mul", "Div", "Add") or len(op.inputs) != 2:
        return ""
    shape = graph.tensors[op.outputs[0]].shape
    for name, other in (op.inputs, op.inputs[::-1]):
        if graph.tensors[name].shape != shape or graph.tensors[name].is_stored:
            continue
        if op.type == "Add" and not match.mask:
            match.mask = other
            return name
        if op.type in ("Mul", "Div") and graph.tensors[other].elements == 1 and graph.tensors[other].is_stored:
            value = scalar_value(graph.tensors[other])
            match.scale *= 1.0 if value is None else 1 / value if op.type == "Div" and value else value
            return name
        if op.type == "Div":
            return ""
    return ""


def _replace(graph: Graph, uses: Uses, match: _Match) -> None:
    scores, result = match.scores, match.result
    value = result.inputs[1]
    if result.attributes.get("transpose_b"):
        return
    q, k = scores.inputs[:2]
    if graph.tensors[q].shape[1] % max(graph.tensors[k].shape[1], 1) or graph.tensors[k].shape[:2] != graph.tensors[value].shape[:2]:
        return
    keys, extra, dropped = _keys(graph, uses, scores)
    attributes = {**({"scale": match.scale} if match.scale != 1.0 else {})}
    inputs = (q, keys, value, *([match.mask] if match.mask else []))
    attention = Op(result.name, "Attention", inputs, result.outputs, attributes)
    remove_ops(graph, [scores, match.softmax, *match.between, *dropped])
    position = next(index for index, op in enumerate(graph.ops) if op is result)
    graph.ops[position : position + 1] = [*extra, attention]


def _keys(graph: Graph, uses: Uses, scores: Op) -> tuple[str, list[Op], list[Op]]:
    """Keys as ``[B, heads, N, D]``: their name, an operator to add for it, and one that is no longer needed."""
    name = scores.inputs[1]
    if scores.attributes.get("transpose_b"):
        return name, [], []
    maker = uses.maker.get(name)
    if maker is not None and maker.type == "Transpose" and not maker.fused and uses.sole_reader(name) is scores:
        perm = tuple(maker.attributes.get("perm") or (3, 2, 1, 0))
        swapped = (*perm[:2], perm[3], perm[2])
        if swapped == (0, 1, 2, 3):
            return maker.inputs[0], [], [maker]
        return _swapped(graph, maker.inputs[0], swapped, name, [maker])
    return _swapped(graph, name, (0, 1, 3, 2), name, [])


def _swapped(graph: Graph, source: str, perm: tuple[int, ...], stem: str, dropped: list[Op]) -> tuple[str, list[Op], list[Op]]:
    tensor = graph.tensors[source]
    made = fresh_name(graph, f"{stem}.keys")
    graph.tensors[made] = replace(graph.tensors[stem], name=made, role="activation", shape=tuple(tensor.shape[axis] for axis in perm))
    return made, [Op(fresh_op_name(graph, f"{stem}.keys"), "Transpose", (source,), (made,), {"perm": perm})], dropped
