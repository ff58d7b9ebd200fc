"""Parts of networks: one between given operators, and a network with early exits as a chain of parts.

Each part of the chain computes up to an exit and that exit's head, the last one the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.frontends.layers import DTYPES, import_layers
from sim.graph.ir import Graph, Op
from sim.graph.verify import verify
from sim.passes.cut import ancestors, check_state, extract, leaving, part_of, tensors_named
from sim.passes.edit import fresh_name, fresh_op_name
from sim.scenario.adaptive import HeadExit, PartUse, exit_names


def cut_to_part(graph: Graph, use: PartUse) -> Graph:
    """The part of a model that a scenario asks for. Raises EdgesimError with problems at ``part...``."""
    try:
        return extract(graph, use.begins, use.ends)
    except EdgesimError as error:
        raise EdgesimError([replace(problem, path=f"part.{problem.path}") for problem in error.problems]) from None


def exit_parts(graph: Graph, exits: tuple[HeadExit, ...]) -> list[Graph]:
    """The parts, verified, in the order in which they run. What a part hands on is among its outputs.

    Raises EdgesimError with problems at ``exits.N...``: unknown operators, exits out of order, heads that do not fit.
    """
    parts: list[Graph] = []
    names, done, problems = exit_names(exits), set[str](), list[Problem]()
    for position, one in enumerate(exits):
        try:
            inside = _inside(graph, one, position, done)
            parts.append(_part(graph, one, names[position], position, done, inside))
            done |= inside
        except EdgesimError as error:
            problems += error.problems
    if problems:
        raise EdgesimError(problems)
    rest = {op.name for op in graph.ops} - done
    if not rest:
        raise EdgesimError(Problem(path=f"exits.{len(exits) - 1}.after", what="nothing of the network comes after this exit; leave it out, the end is an exit"))
    return [*parts, part_of(graph, rest, [name for name in graph.outputs if name in leaving(graph, rest)] or leaving(graph, rest), f"{graph.name}@{names[-1]}")]


def _inside(graph: Graph, one: HeadExit, position: int, done: Collection[str]) -> set[str]:
    """Names of the operators of this part."""
    path = f"exits.{position}.after"
    inside = ancestors(graph, tensors_named(graph, [one.after], path)) - set(done)
    if not inside:
        what = "everything up to here belongs to the exit before it; exits stand in the order of the network" if position else "nothing is computed up to here"
        raise EdgesimError(Problem(path=path, what=f"{one.after!r}: {what}"))
    check_state(graph, {*done, *inside}, path)
    return inside


def _part(graph: Graph, one: HeadExit, name: str, position: int, done: Collection[str], inside: set[str]) -> Graph:
    tips = tensors_named(graph, [one.after], f"exits.{position}.after")
    handed = [tensor for tensor in leaving(graph, {*done, *inside}) if any(tensor in op.outputs for op in graph.ops if op.name in inside)]
    part = part_of(graph, inside, [*handed, *tips], f"{graph.name}@{name}")
    if not one.head:
        return part
    if len(tips) != 1:
        what = f"{one.after!r} makes {len(tips)} tensors; name the one that the head reads"
        raise EdgesimError(Problem(path=f"exits.{position}.after", what=what))
    with_head = _with_head(part, tips[0], one.head, name, f"exits.{position}")
    return _with_outputs(with_head, handed, with_head.outputs[-1])


def _with_outputs(part: Graph, handed: Sequence[str], answer: str) -> Graph:
    part.outputs = list(dict.fromkeys([*handed, answer]))
    return verify(part)


def _with_head(part: Graph, tip: str, layers: Sequence[Mapping[str, Any]], name: str, path: str) -> Graph:
    """The part with the head's operators behind it; the head's answer is the last output."""
    result = part.copy()
    source = _channels_first(result, tip, name)
    tensor = result.tensors[source]
    formats = [written for written, dtype in DTYPES.items() if dtype == tensor.dtype]
    if not formats:
        raise EdgesimError(Problem(path=f"{path}.after", what=f"a head cannot read {tip!r}, whose numbers are {tensor.dtype.value}"))
    try:
        head = import_layers(name, {"shape": list(tensor.shape), "dtype": formats[0]}, layers)
    except EdgesimError as error:
        raise EdgesimError([replace(problem, path=_in_head(problem.path, path)) for problem in error.problems]) from None
    names = {head.inputs[0]: source}
    for inner, one in head.tensors.items():
        if inner not in names:
            names[inner] = fresh_name(result, f"{name}/{inner}")
            result.tensors[names[inner]] = replace(one, name=names[inner])
    for op in head.ops:
        result.ops.append(_renamed(op, fresh_op_name(result, f"{name}/{op.name}"), names))
    result.outputs += [names[output] for output in head.outputs]
    return result


def _in_head(inner: str, path: str) -> str:
    """A place in a list of layers as one in the head: ``layers.2.out`` -> ``exits.0.head.2.out``."""
    return f"{path}.head{inner.removeprefix('layers')}" if inner.startswith("layers") else f"{path}.head"


def _renamed(op: Op, name: str, names: Mapping[str, str]) -> Op:
    def known(inner: str) -> str:
        return names.get(inner, inner)

    fused = tuple(_renamed(one, one.name, names) for one in op.fused)
    return Op(name, op.type, tuple(map(known, op.inputs)), tuple(map(known, op.outputs)), dict(op.attributes), fused)


def _channels_first(graph: Graph, tip: str, name: str) -> str:
    """The tensor as layers read it: with the channels second, also in a network that keeps them last."""
    tensor = graph.tensors[tip]
    if len(tensor.shape) != 4 or not any(op.attributes.get("layout") == "NHWC" for op in graph.ops):
        return tip
    batch, height, width, channels = tensor.shape
    turned = fresh_name(graph, f"{name}/{tip}")
    graph.tensors[turned] = replace(tensor, name=turned, shape=(batch, channels, height, width), role="activation")
    graph.ops.append(Op(fresh_op_name(graph, f"{name}/transpose"), "Transpose", (tip,), (turned,), {"perm": (0, 3, 1, 2)}))
    return turned
