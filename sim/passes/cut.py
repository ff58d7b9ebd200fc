"""Cutting a graph: the part between given tensors or operators, and what would cross a cut at every position of the graph.

A name stands for a tensor, or for the tensors that the operator of that name makes: a part *until* an operator ends with it, a part
*from* it begins behind it, so that two parts at the same name are the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sim.errors import EdgesimError, Problem
from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.graph.verify import verify
from sim.registry import near_names

_NAMES_COMPARED = 2000
_NAMES_SHOWN = 4
_OF_WHOLE = ("accuracy", "accuracy_uncompressed", "measured_accuracy", "structure_bytes", "file_bytes")  # notes that do not hold for a part


@dataclass(frozen=True)
class Cut:
    """What crosses between the first ``position`` operators and the rest. ``after``: the operator before it, "" at the very beginning.

    ``split_state``: kept values (a KV cache, recurrent state) that both sides use; a cut there is not valid.
    """

    position: int
    after: str
    tensors: tuple[str, ...]
    bytes: float
    split_state: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.split_state

    @property
    def single(self) -> bool:
        """One tensor crosses: the two sides are a chain there."""
        return self.valid and len(self.tensors) == 1


def cuts(graph: Graph) -> list[Cut]:
    """The cut at every position of the graph's order, from before its first operator to behind its last.

    What crosses: tensors made (or fed in) before and read after; behind the last operator the graph's outputs. Stored tensors do not
    cross, each side has its own.
    """
    last_read = _last_reads(graph)
    holders = _state_users(graph)
    live = {name: None for name in graph.inputs if last_read.get(name, -1) >= 0}
    result = [_cut_at(graph, 0, live, holders)]
    for position, op in enumerate(graph.ops):
        for name in dict.fromkeys((*op.all_inputs, *op.outputs)):
            if last_read.get(name, -1) <= position:
                live.pop(name, None)
            elif name in op.outputs:
                live[name] = None
        result.append(_cut_at(graph, position + 1, live, holders))
    return result


def extract(graph: Graph, since: Sequence[str] = (), until: Sequence[str] = ()) -> Graph:
    """The part of ``graph`` that computes ``until`` (its outputs, if none) from ``since`` (its inputs, if none), verified.

    Inputs of the graph that the part reads directly stay inputs. Raises EdgesimError with problems at ``from`` and ``until`` for an
    unknown name, for a cut that leaves out a tensor the part needs, and for one through which state flows.
    """
    begin, end = tensors_named(graph, since, "from"), tensors_named(graph, until, "until")
    before = ancestors(graph, begin)
    ends = end or [name for name in graph.outputs if name not in _made_by(graph, before)]
    if not ends:
        raise _refused("from", "nothing of the model is left: all its outputs are made before")
    inside = ancestors(graph, ends) - before
    if not inside:
        raise _refused("until", "no operator lies between from and until" if since else "no operator makes it")
    if missing := [name for name in entering(graph, inside) if name not in begin and name not in graph.inputs]:
        them = "it" if len(missing) == 1 else "them"
        raise _refused("from" if since else "until", f"the part also needs {_listed(missing)}, made before the cut; name {them} too")
    if unused := [name for name in begin if name not in entering(graph, inside)]:
        raise _refused("from", f"the part does not need {_listed(unused)}" + (f" to make {_listed(ends)}" if until else ""))
    check_state(graph, inside)
    return part_of(graph, inside, ends)


def ancestors(graph: Graph, tensors: Iterable[str]) -> set[str]:
    """Names of the operators that make these tensors, and all before them."""
    makers, found, pending = graph.producers(), set[str](), list(tensors)
    while pending:
        op = makers.get(pending.pop())
        if op is not None and op.name not in found:
            found.add(op.name)
            pending += op.all_inputs
    return found


def entering(graph: Graph, inside: Collection[str]) -> list[str]:
    """Tensors that come into a set of operators (names): made by others or fed in, in the order of their first use. Stored ones do not."""
    made = _made_by(graph, inside)
    read = dict.fromkeys(name for op in graph.ops if op.name in inside for name in op.all_inputs)
    return [name for name in read if name not in made and not graph.tensors[name].is_stored and graph.tensors[name].role != "state"]


def leaving(graph: Graph, inside: Collection[str]) -> list[str]:
    """Tensors made by a set of operators that others read, or that are outputs of the graph."""
    read = {name for op in graph.ops if op.name not in inside for name in op.all_inputs} | set(graph.outputs)
    return [name for op in graph.ops if op.name in inside for name in op.outputs if name in read]


def check_state(graph: Graph, inside: Collection[str], path: str = "until") -> None:
    """Raise EdgesimError if state is used by operators on both sides."""
    positions = {op.name: position for position, op in enumerate(graph.ops)}
    within = {positions[name] for name in inside}
    split = [name for name, users in _state_users(graph).items() if 0 < sum(user in within for user in users) < len(users)]
    if split:
        raise _refused(path, f"the cut goes through state kept between runs ({_listed(split)}): both sides use it; cut before or behind all that use it")


def part_of(graph: Graph, inside: Collection[str], outputs: Sequence[str], name: str = "") -> Graph:
    """The graph of these operators alone, verified; tensors that enter become inputs."""
    whole = graph.copy()
    part = Graph(name or graph.name, entering(graph, inside), list(dict.fromkeys(outputs)), whole.tensors, [op for op in whole.ops if op.name in inside])
    part.notes = {key: value for key, value in graph.notes.items() if key not in _OF_WHOLE} | {"part_of": graph.notes.get("part_of", graph.name)}
    for entry in part.inputs:
        part.tensors[entry] = replace(part.tensors[entry], role="input")
    part.drop_unused_tensors()
    return verify(part)


def tensors_named(graph: Graph, names: Iterable[str], path: str) -> list[str]:
    """The tensors that names of tensors or operators stand for. Raises EdgesimError for one that is unknown, or stored with the model."""
    ops = {op.name: op for op in graph.ops}
    found: dict[str, None] = {}
    for name in names:
        tensor = graph.tensors.get(name)
        if tensor is not None and (tensor.is_stored or tensor.role == "state"):
            raise _refused(path, f"{name!r} is a {tensor.role} of {graph.name}; a cut is where an operator's result is")
        if tensor is None and name not in ops:
            known = list(dict.fromkeys([*ops, *(other for other, one in graph.tensors.items() if not one.is_stored)]))[:_NAMES_COMPARED]
            raise _refused(path, f"{graph.name} has no operator or tensor {name!r}; {_near(name, known)}")
        found |= dict.fromkeys([name] if tensor is not None else ops[name].outputs)
    return list(found)


def _near(name: str, known: Sequence[str]) -> str:
    hint = near_names(name, known)
    return hint if hint.startswith("did") else f"it begins with {_listed(known)}, and `edgesim profile MODEL --cuts` lists all"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(repr(name) for name in names[:_NAMES_SHOWN]) + more


def _refused(path: str, what: str) -> EdgesimError:
    return EdgesimError(Problem(path=path, what=what))


def _made_by(graph: Graph, inside: Collection[str]) -> set[str]:
    return {name for op in graph.ops if op.name in inside for name in op.outputs}


def _last_reads(graph: Graph) -> dict[str, int]:
    """Tensor -> position of the last operator that reads it; behind the last one for outputs."""
    table = {name: position for position, op in enumerate(graph.ops) for name in op.all_inputs}
    return table | dict.fromkeys(graph.outputs, len(graph.ops))


def _state_users(graph: Graph) -> dict[str, list[int]]:
    """State tensor -> positions of the operators that use it: that read it, write it, or read what a write of it gave."""
    keeper = {name: name for name, tensor in graph.tensors.items() if tensor.role == "state"}
    users: dict[str, list[int]] = {name: [] for name in keeper}
    for position, op in enumerate(graph.ops):
        touched = dict.fromkeys(keeper[name] for name in op.all_inputs if name in keeper)
        for state in touched:
            users[state].append(position)
        for written, old in zip(op.outputs[: _overwritten(op)], op.inputs, strict=False):
            if old in keeper:
                keeper[written] = keeper[old]
    return {state: positions for state, positions in users.items() if positions}


def _overwritten(op: Op) -> int:
    return OPS[op.type].overwrites


def _cut_at(graph: Graph, position: int, live: Iterable[str], users: dict[str, list[int]]) -> Cut:
    tensors = tuple(name for name in live if not graph.tensors[name].is_stored)
    split = tuple(state for state, positions in users.items() if positions[0] < position <= positions[-1])
    after = graph.ops[position - 1].name if position else ""
    return Cut(position, after, tensors, sum(graph.tensors[name].bytes for name in tensors), split)
