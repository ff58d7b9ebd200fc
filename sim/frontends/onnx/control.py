"""Subgraphs: a branch that is known at import is taken, a loop whose rounds are known is unrolled; open ones are refused."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

import numpy as np

from sim.frontends.onnx.folding import ELEMENT_OF_NUMPY
from sim.frontends.onnx.node import Node, Value
from sim.frontends.onnx.stored import Stored, computed
from sim.frontends.onnx.table import handles

MAX_UNROLLED = 10_000  # rounds and nodes of all loops of a file: a hostile one counts to a billion
_BOOL, _INT64 = ELEMENT_OF_NUMPY["bool"], ELEMENT_OF_NUMPY["int64"]
_ELSE = "export the model with the loop unrolled, or its body as a model of its own"


@handles("If")
def _if(node: Node) -> None:
    """With a constant condition the branch becomes part of the graph."""
    condition = node.stored(0)
    value = condition.value() if condition is not None else None
    if value is None or value.size != 1:
        raise node.refuse("chooses a subgraph by a value known only at run time; export the model with control flow resolved, for example by tracing it")
    branch = node.attribute("then_branch" if bool(value.reshape(())) else "else_branch")
    for index, value_made in enumerate(_Body(node, branch, "branch").run([])):
        node.bind(index, value_made)


@handles("Loop")
def _loop(node: Node) -> None:
    """Inputs: number of rounds, condition, carried values. The body: round, condition, carried -> condition, carried, what is collected."""
    body = _Body(node, node.attribute("body"), "body")
    carried = [node.needed(index) for index in range(2, len(node.proto.input))]
    limit, goes_on = _one(node, node.value(0), "how many rounds it runs"), _one(node, node.value(1), "whether it runs at all")
    if limit is None and goes_on is None:
        raise node.refuse("has neither a number of rounds nor a condition: it never ends")
    if len(body.graph.output) < 1 + len(carried):
        raise node.refuse(f"carries {len(carried)} values, its body has {len(body.graph.output)} outputs")
    rounds = 0
    collected: list[list[Value]] = [[] for _ in body.graph.output[1 + len(carried) :]]
    while (limit is None or rounds < limit) and (goes_on is None or goes_on):
        made = body.run([_constant("round", rounds, _INT64), _constant("condition", True, _BOOL), *carried])
        if node.has(1) or isinstance(made[0], Stored):  # a loop without a condition may ignore the body's; ONNX Runtime heeds it
            goes_on = _one(node, made[0], "when it ends")
        carried = made[1 : 1 + len(carried)]
        for parts, value in zip(collected, made[1 + len(carried) :], strict=True):
            parts.append(value)
        rounds += 1
    for index, value in enumerate(carried):
        node.bind(index, value)
    for index, parts in enumerate(collected, len(carried)):
        _bind_joined(node, index, parts, 0)


@handles("Scan")
def _scan(node: Node) -> None:
    """Inputs: carried values, then what is walked along an axis, an entry a round. The body: both -> carried values, what is collected."""
    if node.version < 9:
        raise node.refuse("is of an operator set that has batches; convert the model to operator set 9 or later")
    body, walked = _Body(node, node.attribute("body"), "body"), int(node.attribute("num_scan_inputs", 0))
    count = len(node.proto.input) - walked
    if walked < 1 or count < 0 or len(body.graph.output) < count:
        raise node.refuse(f"walks along {walked} of its {len(node.proto.input)} inputs, which does not fit its body")
    carried: list[Value] = [node.needed(index) for index in range(count)]
    entries = [_entries(node, count + i, _listed(node, "scan_input_axes", i), _listed(node, "scan_input_directions", i)) for i in range(walked)]
    if len({len(parts) for parts in entries}) != 1:
        raise node.refuse(f"walks along inputs of {', '.join(str(len(parts)) for parts in entries)} entries, which must be as many")
    collected: list[list[Value]] = [[] for _ in body.graph.output[count:]]
    for current in zip(*entries, strict=True):
        made = body.run([*carried, *current])
        carried = made[:count]
        for parts, value in zip(collected, made[count:], strict=True):
            parts.append(value)
    for index, value in enumerate(carried):
        node.bind(index, value)
    for index, parts in enumerate(collected):
        ordered = parts[::-1] if _listed(node, "scan_output_directions", index) else parts
        _bind_joined(node, count + index, ordered, _listed(node, "scan_output_axes", index))


@handles("SequenceMap")
def _sequence_map(node: Node) -> None:
    raise node.refuse(f"runs a subgraph repeatedly, which an operator graph cannot hold; {_ELSE}")


class _Body:
    """A subgraph that is put into the graph once a round; what it stores enters once."""

    def __init__(self, node: Node, graph: Any, what: str) -> None:
        if graph is None or not hasattr(graph, "output") or node.state.run is None or node.state.enter_constants is None:
            raise node.refuse(f"lacks a {what}")
        self.node, self.graph, self.what = node, graph, what
        self._stored: ChainMap[str, Value] = node.values.new_child()
        node.state.enter_constants(graph, self._stored)

    def run(self, arguments: list[Value]) -> list[Value]:
        """One round; its outputs."""
        state, values = self.node.state, self._stored.new_child()
        if len(arguments) != len(self.graph.input):
            raise self.node.refuse(f"its {self.what} has {len(self.graph.input)} inputs, not {len(arguments)}")
        state.unrolled += 1 + len(self.graph.node)
        if state.unrolled > MAX_UNROLLED:
            raise self.node.refuse(f"unrolled, the model has more than {MAX_UNROLLED:,} nodes of loops and branches; {_ELSE}")
        values.update({info.name: value for info, value in zip(self.graph.input, arguments, strict=True)})
        assert state.run is not None
        state.run(self.graph, values)
        missing = [output.name for output in self.graph.output if output.name not in values]
        if missing:
            raise self.node.refuse(f"its {self.what} never computes {missing[0]!r}")
        return [values[output.name] for output in self.graph.output]


def _one(node: Node, value: Value | None, what: str) -> int | None:
    """A single known number, None where it is left out."""
    if value is None:
        return None
    array = value.value() if isinstance(value, Stored) else None
    if array is None or array.size != 1:
        raise node.refuse(f"runs a subgraph repeatedly, and {what} is known only at run time; {_ELSE}")
    return int(array.reshape(()))


def _constant(name: str, number: int, element: int) -> Stored:
    return computed(name, np.array(number, np.bool_ if element == _BOOL else np.int64), element, trained=False)


def _listed(node: Node, name: str, index: int) -> int:
    given = node.attribute(name) or []
    return int(given[index]) if index < len(given) else 0


def _entries(node: Node, index: int, axis: int, backward: int) -> list[Value]:
    """The parts of an input along an axis, without it."""
    shape = node.shape(index)
    if not -len(shape) <= axis < len(shape) or not shape[axis % len(shape)]:
        raise node.refuse(f"walks along axis {axis} of an input of shape {list(shape)}")
    axis %= len(shape)
    name = node.operand(index)
    if shape[axis] > MAX_UNROLLED:
        raise node.refuse(f"walks along {shape[axis]:,} entries, more than {MAX_UNROLLED:,}; {_ELSE}")
    parts = node.step("Split", [name], {"axis": axis, "sizes": [1] * shape[axis]}, outputs=shape[axis]) if shape[axis] > 1 else [name]
    made: list[Value] = [node.step("Squeeze", [part], {"axes": [axis]})[0] for part in parts]
    return made[::-1] if backward else made


def _bind_joined(node: Node, index: int, parts: list[Value], axis: int) -> None:
    """Let an output be what the rounds made, along a new axis."""
    if index >= len(node.outputs) or not node.outputs[index]:
        return
    if not parts:
        raise node.refuse("collects what its rounds make, but runs none")
    apart = [node.step("Unsqueeze", [node.enter(part)], {"axes": [axis]})[0] for part in parts]
    node.bind_step(index, node.step("Concat", apart, {"axis": axis})[0] if len(apart) > 1 else apart[0])
