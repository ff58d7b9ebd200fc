"""Recurrent layers: cells and sequences. Graphs keep time first; the representation keeps the batch first."""

from __future__ import annotations

from typing import Any

from sim.frontends.openvino.elements import ELEMENTS, element_named
from sim.frontends.openvino.node import Node, handles
from sim.frontends.openvino.stored import Stored
from sim.frontends.openvino.xml_reader import extent_of

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@handles("LSTMSequence", "GRUSequence", "RNNSequence")
def _sequence(node: Node) -> None:
    """x ``[B, T, I]``, initial states ``[B, directions, H]``, lengths, W, R ``[directions, gates * H, ...]``, B -> y ``[B, directions, T, H]``, last states."""
    kind = node.type.removesuffix("Sequence")
    first = 4 if kind == "LSTM" else 3  # lengths stand before the weights
    if len(node.shape(0)) != 3:
        raise node.refuse(f"has an input of shape {list(node.shape(0))}; it must be [batch, time, features]")
    x = node.step("Transpose", [node.operand(0)], {"perm": (1, 0, 2)})[0]
    weights = [node.operand(first + i, "weight") for i in range(3)]
    states = [_time_first(node, index) for index in ((1, 2) if kind == "LSTM" else (1,))]
    attributes: dict[str, Any] = {"direction": node.text("direction", "forward")}
    if kind == "GRU":
        attributes["linear_before_reset"] = int(node.flag("linear_before_reset"))
    count = node.outputs_used(3 if kind == "LSTM" else 2)
    made = node.step(kind, [x, *weights, *states], attributes, outputs=count, name=node.name)
    for index, name in enumerate(made):
        if node.used(index) or index == 0:
            perm = (2, 1, 0, 3) if index == 0 else (1, 0, 2)
            node.bind(index, node.step("Transpose", [name], {"perm": perm})[0])


def _time_first(node: Node, index: int) -> str:
    """An initial state ``[B, directions, H]`` as ``[directions, B, H]``."""
    value = node.value(index)
    if len(node.shape(index)) != 3:
        raise node.refuse(f"has an initial state of shape {list(node.shape(index))}; it must be [batch, directions, features]")
    if isinstance(value, Stored):
        return node.state.enter(value.transposed((1, 0, 2)), "constant")
    return node.step("Transpose", [value], {"perm": (1, 0, 2)})[0]


@handles("LSTMCell", "GRUCell", "RNNCell")
def _cell(node: Node) -> None:
    """One step: x ``[B, I]``, states ``[B, H]``, W ``[gates * H, I]``, R, B."""
    kind = node.type.removesuffix("Cell")
    first = 3 if kind == "LSTM" else 2
    x = node.step("Unsqueeze", [node.operand(0)], {"axes": [0]})[0]
    weights = [_in_front(node, first + i, "weight") for i in range(3)]
    states = [_in_front(node, index, "constant") for index in ((1, 2) if kind == "LSTM" else (1,))]
    attributes: dict[str, Any] = {"linear_before_reset": int(node.flag("linear_before_reset"))} if kind == "GRU" else {}
    made = node.step(kind, [x, *weights, *states], attributes, outputs=3 if kind == "LSTM" else 2, name=node.name)
    for index, name in enumerate(made[1:]):
        node.bind(index, node.step("Squeeze", [name], {"axes": [0]})[0])


def _in_front(node: Node, index: int, use: Any) -> str:
    if not node.has(index):
        return ""
    value = node.value(index)
    if isinstance(value, Stored):
        return node.state.enter(value.reshaped((1, *value.shape)), use)
    return node.step("Unsqueeze", [value], {"axes": [0]})[0]


@handles("ReadValue")
def _read_value(node: Node) -> None:
    """A variable kept between runs. Its open extents are those of its initial value; one of 0 elements is bound by ``context``."""
    key = node.text("variable_id") or node.name
    stated = [extent_of(part, node.layer.label) for part in node.text("variable_shape").split(",") if part.strip()]
    first = node.shape(0) if node.has(0) else None
    if first is None and (not stated or -1 in stated):
        raise node.refuse("neither states the shape of its variable nor has an initial value")
    shape = list(first if first is not None else stated)
    for axis, extent in enumerate(shape):
        if extent == 0 and (not stated or (axis < len(stated) and stated[axis] == -1)):
            shape[axis] = node.state.shapes.get("context", 0)
            node.state.used.add("context")
    dtype = ELEMENTS[element_named(node.text("variable_type"), node.layer.label)][0] if node.text("variable_type") else node.dtype(0)
    name = node.state.builder.tensor(key, shape, dtype, "state")
    node.bind(0, name)


@handles("Assign")
def _assign(node: Node) -> None:
    """The variable's next value; it stays computed, whoever else reads it."""
    name = node.operand(0, "constant")
    node.state.state_outputs.append(name)
    node.bind(0, name)
