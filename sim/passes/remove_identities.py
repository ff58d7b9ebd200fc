"""Remove operators that change nothing, and join chains of moves into one."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops, replace_uses

_RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


@PASSES.register("remove_identities")
@dataclass(frozen=True)
class RemoveIdentities(Pass):
    """Identity, Dropout, casts to the same format, reshapes to the same shape, empty pads; chains of Reshape or of Transpose."""

    name = "remove_identities"

    def apply(self, graph: Graph) -> None:
        while _join_chains(graph) or _drop_identities(graph):
            pass


def _drop_identities(graph: Graph) -> bool:
    gone = []
    for op in graph.ops:
        if op.fused or not _changes_nothing(graph, op):
            continue
        source, made = op.inputs[0], op.outputs[0]
        if made in graph.outputs:
            if not _rename_source(graph, source, made):
                continue
        else:
            replace_uses(graph, made, source)
        gone.append(op)
    remove_ops(graph, gone)
    return bool(gone)


def _changes_nothing(graph: Graph, op: Op) -> bool:
    if not op.inputs or not op.inputs[0] or len(op.outputs) != 1:
        return False
    source, made = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if source.shape != made.shape or source.dtype != made.dtype:
        return False
    if op.type in ("Identity", "Dropout", "Cast", *_RESHAPES, "Expand"):
        return True
    if op.type == "Transpose":
        perm = list(op.attributes.get("perm") or [])
        return perm == list(range(len(perm))) and len(perm) == len(source.shape)
    if op.type == "Pad":
        pads = op.attributes["pads"]
        return not any([pads] if isinstance(pads, int) else pads)
    return op.type == "Concat" and len([name for name in op.inputs if name]) == 1


def _rename_source(graph: Graph, source: str, made: str) -> bool:
    """Let the maker of ``source`` make the graph output ``made`` directly; not possible for inputs, stored data and other outputs."""
    maker = next((op for op in graph.ops if source in op.outputs), None)
    if maker is None or source in graph.outputs:
        return False
    replace_uses(graph, source, made)
    maker.outputs = tuple(made if name == source else name for name in maker.outputs)
    return True


def _join_chains(graph: Graph) -> bool:
    uses = Uses(graph)
    for op in graph.ops:
        before = uses.maker.get(op.inputs[0]) if op.inputs else None
        if before is None or before.fused or op.fused or len(op.outputs) != 1:
            continue
        if op.type in _RESHAPES and before.type in _RESHAPES:
            op.type, op.attributes = "Reshape", {"shape": graph.tensors[op.outputs[0]].shape, "allowzero": True}
        elif op.type == before.type == "Transpose" and op.attributes.get("perm") and before.attributes.get("perm"):
            op.attributes = {"perm": tuple(before.attributes["perm"][axis] for axis in op.attributes["perm"])}
        else:
            continue
        op.inputs = (before.inputs[0],)
        if before.outputs[0] not in graph.outputs and uses.sole_reader(before.outputs[0]) is op:
            remove_ops(graph, [before])
        return True
    return False
