"""A model as pieces that two devices can divide between them: operators that either side fuses stay together.

Both sides' programs are of the whole model. A tensor is a border if both programs still compute it: one that vanished in a fused
kernel of either side cannot be handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.compiler.warm_run import segment_columns
from sim.graph.ir import Graph


@dataclass(frozen=True)
class Border:
    """A tensor between pieces. ``maker``: the piece that computes it, -1 for an input of the model. ``output``: it leaves the model too."""

    tensor: str
    maker: int
    users: tuple[int, ...]
    bytes: float
    output: bool


@dataclass(frozen=True)
class Pieces:
    """``operators``: of each piece, in the model's order; the pieces are in the order of their last operators.

    ``near_s``, ``near_j``: each piece on the device, alone at its highest clocks; ``far_s``, ``far_j``: on the server. ``[pieces]``.
    """

    operators: tuple[tuple[str, ...], ...]
    borders: tuple[Border, ...]
    near_s: np.ndarray
    near_j: np.ndarray
    far_s: np.ndarray
    far_j: np.ndarray

    def __len__(self) -> int:
        return len(self.operators)

    def piece_of(self, operator: str) -> int:
        """The piece an operator belongs to. Raises KeyError for an unknown one."""
        for index, names in enumerate(self.operators):
            if operator in names:
                return index
        raise KeyError(operator)


def pieces_of(
    graph: Graph, near: tuple[Program, DeviceSpec], far: tuple[Program, DeviceSpec], bits: float | None = None, input_bytes: float | None = None
) -> Pieces:
    """The pieces of ``graph`` and what each costs on both sides.

    ``near``, ``far``: the model's program on the device and on the server. ``bits``: per element of what is handed over; as the
    device's program holds it, if None. ``input_bytes``: what the model's inputs take together when they are sent (a compressed image,
    say). Raises ValueError for programs that are not of this graph.
    """
    lowered = [_lowered(program) for program, _ in (near, far)]
    shared = {name for name in graph.tensors if all(name in made for made in map(_made, lowered))}
    members = _joined(graph, shared)
    piece_of = {op: index for index, ops in enumerate(members) for op in ops}
    near_s, near_j = _costs(graph, *near, piece_of, len(members))
    far_s, far_j = _costs(graph, *far, piece_of, len(members))
    return Pieces(tuple(members), tuple(_borders(graph, lowered[0], shared, piece_of, bits, input_bytes)), near_s, near_j, far_s, far_j)


def _lowered(program: Program) -> Graph:
    if program.graph is None:
        raise ValueError(f"{program.name} is not compiled from a graph")
    return program.graph


def _made(graph: Graph) -> set[str]:
    return {*graph.inputs, *(name for op in graph.ops for name in op.outputs)}


def _joined(graph: Graph, shared: set[str]) -> list[tuple[str, ...]]:
    """Operators joined wherever what one hands to another is not shared, each group in the graph's order."""
    root = {op.name: op.name for op in graph.ops}

    def found(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    makers = graph.producers()
    for op in graph.ops:
        for tensor in op.all_inputs:
            if tensor in makers and tensor not in shared:
                root[found(op.name)] = found(makers[tensor].name)
    groups: dict[str, list[str]] = {}
    for op in graph.ops:
        groups.setdefault(found(op.name), []).append(op.name)
    position = {op.name: index for index, op in enumerate(graph.ops)}
    return sorted(map(tuple, groups.values()), key=lambda names: position[names[-1]])


def _borders(graph: Graph, near: Graph, shared: set[str], piece_of: Mapping[str, int], bits: float | None, input_bytes: float | None) -> list[Border]:
    makers, users = graph.producers(), dict[str, set[int]]()
    for op in graph.ops:
        for tensor in op.all_inputs:
            users.setdefault(tensor, set()).add(piece_of[op.name])
    outputs = set(graph.outputs)
    borders = []
    for name in [*graph.inputs, *(name for op in graph.ops for name in op.outputs)]:
        maker = piece_of[makers[name].name] if name in makers else -1
        others = sorted(users.get(name, set()) - {maker})
        if not (others or name in outputs) or (maker >= 0 and name not in shared and name not in outputs):
            continue
        size = near.tensors.get(name, graph.tensors[name]).bytes if bits is None else graph.tensors[name].elements * bits / 8
        if maker < 0 and input_bytes is not None:
            size = input_bytes / len(graph.inputs)
        borders.append(Border(name, maker, tuple(others), float(size), name in outputs))
    return borders


def _costs(graph: Graph, program: Program, device: DeviceSpec, piece_of: Mapping[str, int], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and joules of each piece: those of its kernels, the entry of a segment with the segment's first."""
    home = _homes(graph, _lowered(program), piece_of)
    seconds, joules = np.zeros(number), np.zeros(number)
    for segment in program.segments:
        of_kernels_s, _, of_kernels_j = segment_columns(segment, device)
        pieces = [home[name] for name in program.kernels.names[segment.first : segment.stop]]
        np.add.at(seconds, pieces, of_kernels_s)
        np.add.at(joules, pieces, of_kernels_j)
        seconds[pieces[0]] += segment.entry_s
    return seconds, joules


def _homes(graph: Graph, lowered: Graph, piece_of: Mapping[str, int]) -> dict[str, int]:
    """The piece of each operator of the lowered graph: of what it makes; a conversion that was put in goes with those that use it, or else with its maker."""
    makers = graph.producers()
    home: dict[str, int] = {}
    users: dict[str, list[str]] = {}
    for op in lowered.ops:
        for tensor in op.all_inputs:
            users.setdefault(tensor, []).append(op.name)
        known = [piece_of[makers[name].name] for name in op.outputs if name in makers]
        if known or op.name in piece_of:
            home[op.name] = known[0] if known else piece_of[op.name]
    for op in reversed(lowered.ops):  # from the end, so that chains of conversions find their users
        if op.name not in home:
            after = [home[user] for name in op.outputs for user in users.get(name, []) if user in home]
            if after:
                home[op.name] = after[0]
    producers = lowered.producers()
    for op in lowered.ops:
        if op.name not in home:
            before = [home[producers[name].name] for name in op.all_inputs if name in producers]
            home[op.name] = before[0] if before else 0
    return home
