"""Lists of tensors, which exporters use for splits and loops: resolved at import, no operators remain of them."""

from __future__ import annotations

from sim.frontends.onnx.elements import INT64
from sim.frontends.onnx.movement import split_sizes
from sim.frontends.onnx.node import Node, Value
from sim.frontends.onnx.table import handles

_MAX_PARTS = 4096


def _sequence(node: Node) -> list[Value]:
    """The list that input 0 names."""
    name = node.proto.input[0] if node.proto.input else ""
    if name not in node.state.sequences:
        raise node.refuse(f"reads the list {name!r}, which nothing makes")
    return node.state.sequences[name]


def _position(node: Node, index: int, length: int) -> int:
    """The place an index operand names; the end if it is absent."""
    place = int(node.scalar(index, default=length) or 0)
    if not -length <= place <= length:
        raise node.refuse(f"names place {place} of {length}")
    return place + length if place < 0 else place


@handles("SequenceConstruct", "SequenceEmpty")
def _construct(node: Node) -> None:
    node.state.sequences[node.outputs[0]] = [node.needed(i) for i in range(len(node.proto.input))]


@handles("SequenceInsert", "SequenceErase")
def _change(node: Node) -> None:
    parts = list(_sequence(node))
    if node.type == "SequenceInsert":
        parts.insert(_position(node, 2, len(parts)), node.needed(1))
    elif parts:
        del parts[_position(node, 1, len(parts)) if node.has(1) else -1]
    node.state.sequences[node.outputs[0]] = parts


@handles("SequenceAt")
def _at(node: Node) -> None:
    parts = _sequence(node)
    node.bind(0, parts[_position(node, 1, len(parts))])


@handles("SequenceLength")
def _length(node: Node) -> None:
    import numpy as np

    node.bind_array(0, np.array(len(_sequence(node)), np.int64), INT64)


@handles("SplitToSequence")
def _split(node: Node) -> None:
    """Sizes in input 1, one size for all, or single slices whose axis is dropped unless ``keepdims``."""
    shape = node.shape(0)
    axis = int(node.attribute("axis", 0)) % max(len(shape), 1)
    sizes, given = node.ints(1), node.constant(1)
    if sizes is None:
        sizes = [1] * shape[axis]
    elif given is not None and given.ndim == 0:
        sizes = split_sizes(shape[axis], -(-shape[axis] // max(sizes[0], 1)), sizes[0])
    if len(sizes) > _MAX_PARTS:
        raise node.refuse(f"makes {len(sizes):,} parts")
    parts = node.step("Split", [node.operand(0)], {"axis": axis, "sizes": sizes}, outputs=len(sizes), name=node.name)
    if given is None and not node.attribute("keepdims", 1):
        parts = [node.step("Squeeze", [part], {"axes": [axis]})[0] for part in parts]
    node.state.sequences[node.outputs[0]] = list(parts)


@handles("ConcatFromSequence")
def _concat(node: Node) -> None:
    names, axis = [node.enter(part) for part in _sequence(node)], int(node.attribute("axis", 0))
    if node.attribute("new_axis", 0):
        rank = len(node.tensor(names[0]).shape) + 1
        names = [node.step("Unsqueeze", [name], {"axes": [axis % rank]})[0] for name in names]
    node.bind_step(0, node.step("Concat", names, {"axis": axis % len(node.tensor(names[0]).shape)}, name=node.name)[0])
