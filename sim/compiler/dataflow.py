"""What depends on what among a program's kernels, seen through views."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.graph.work import has_kernel


@dataclass(frozen=True)
class Dataflow:
    """Kernels by position. ``root`` maps a tensor to the tensor whose memory it names (itself unless a view made it).

    ``reads[i]``: roots of activations kernel i reads (graph inputs included, stored data and state not); ``makes[i]``: roots it
    makes; ``before[i]``: kernels whose results it reads.
    """

    graph: Graph
    ops: list[Op]
    root: dict[str, str]
    maker: dict[str, int]
    reads: list[tuple[str, ...]]
    makes: list[tuple[str, ...]]
    before: list[tuple[int, ...]]
    outputs: tuple[str, ...]  # roots of the graph's outputs

    def readers(self) -> dict[str, list[int]]:
        """Root -> kernels that read it, in order."""
        table: dict[str, list[int]] = {}
        for index, roots in enumerate(self.reads):
            for root in roots:
                table.setdefault(root, []).append(index)
        return table


def dataflow_of(graph: Graph, ops: list[Op]) -> Dataflow:
    """Dependencies among the kernels ``ops`` of ``graph``."""
    root: dict[str, str] = {}
    for op in graph.ops:
        if not has_kernel(op):
            source = op.inputs[0]
            root.update(dict.fromkeys(op.outputs, root.get(source, source)))
        for source, name in zip(op.inputs, op.outputs[: OPS[op.type].overwrites], strict=False):  # a cache's reader sees the state itself
            root[name] = root.get(source, source)
    maker: dict[str, int] = {}
    reads: list[tuple[str, ...]] = []
    makes: list[tuple[str, ...]] = []
    before: list[tuple[int, ...]] = []
    writers: dict[str, list[int]] = {}  # state -> kernels that wrote it so far
    readers: dict[str, list[int]] = {}  # stored data -> kernels that read it so far
    for index, op in enumerate(ops):
        sources = dict.fromkeys(root.get(name, name) for name in op.all_inputs)
        state = [name for name in sources if graph.tensors[name].role == "state"]
        reads.append(tuple(name for name in sources if graph.tensors[name].role in ("input", "activation")))
        makes.append(tuple(name for name in op.outputs if root.get(name, name) == name))
        overwritten = [root.get(name, name) for name in op.inputs[: OPS[op.type].overwrites]]
        depends = {reader for name in overwritten for reader in readers.get(name, [])}
        for name in sources:
            if graph.tensors[name].is_stored:
                readers.setdefault(name, []).append(index)
        depends |= {maker[name] for name in sources if name in maker} | {writer for name in state for writer in writers.get(name, [])}
        before.append(tuple(sorted(depends)))
        maker.update(dict.fromkeys(makes[-1], index))
        for name in overwritten:
            writers.setdefault(name, []).append(index)
    outputs = tuple(dict.fromkeys(root.get(name, name) for name in graph.outputs))
    return Dataflow(graph, ops, root, maker, reads, makes, before, outputs)
