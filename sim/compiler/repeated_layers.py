"""A decoder cut down to three of its layers, which are alike, and how often each kernel of the small one runs in the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sim.compiler.program import Program
from sim.graph.ir import Graph, Op

_LAYER = re.compile(r"layer(\d+)(?=[./])")
_REPEATED = 1  # the layer that stands for all between the first and the last


@dataclass(frozen=True, eq=False)
class ShortenedProgram(Program):
    """The program of a shortened decoder; kernel ``i`` runs ``repeats[i]`` times in the whole."""

    repeats: tuple[int, ...] = ()


def layers_of(graph: Graph) -> int:
    """Layers of a decoder by the names of its operators; 0 where they have no such names."""
    return 1 + max((number for op in graph.ops if (number := _number(op.name)) is not None), default=-1)


def shortened(graph: Graph) -> Graph:
    """The first, second and last layer of a decoder with more, and everything before and after them."""
    last = layers_of(graph) - 1
    dropped = {op.name for op in graph.ops if _REPEATED < (_number(op.name) or 0) < last}
    made = {name for op in graph.ops if op.name in dropped for name in op.outputs}
    moved = {name: _LAYER.sub(f"layer{_REPEATED}", name, count=1) for name in made}
    ops = [_rewired(op, moved) for op in graph.ops if op.name not in dropped]
    short = replace(graph, tensors=dict(graph.tensors), ops=ops, notes=dict(graph.notes))
    short.drop_unused_tensors()
    return short


def as_shortened(program: Program, layers: int) -> ShortenedProgram:
    """The program of a shortened decoder as one that stands for that of ``layers`` layers."""
    return ShortenedProgram(**vars(program), repeats=tuple(layers - 2 if _number(name) == _REPEATED else 1 for name in program.kernels.names))


def _rewired(op: Op, moved: dict[str, str]) -> Op:
    return replace(op, inputs=tuple(moved.get(name, name) for name in op.inputs))


def _number(name: str) -> int | None:
    found = _LAYER.match(name)
    return int(found.group(1)) if found else None
