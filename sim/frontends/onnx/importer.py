"""The walk over a model's nodes: sort them, fold what is constant, hand the rest to their handlers."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from device_models.work import DType
from sim.errors import ModelError, Problem
from sim.frontends.onnx import attention, contraction, control, detection, elementwise, movement, quantized, recurrent, resizing, sequences  # noqa: F401  (they fill the table)
from sim.frontends.onnx.folding import fold
from sim.frontends.onnx.node import ImportState, Node, OpenOperand, Value
from sim.frontends.onnx.reading import STANDARD_DOMAINS, ModelFile
from sim.frontends.onnx.stored import Stored, from_proto, from_sparse_proto
from sim.frontends.onnx.symbols import Symbols
from sim.frontends.onnx.table import find_handler
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph

if TYPE_CHECKING:
    import onnx

Unknown = Literal["error", "warn"]
# What a handler raises when a damaged file gives it operands or attributes of the wrong kind.
_MISFITS = (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError, RuntimeError)


class Importer:
    """Builds the graph of one model file."""

    def __init__(self, file: ModelFile, symbols: Symbols, unknown: Unknown) -> None:
        self.file, self.symbols, self.unknown = file, symbols, unknown
        self.state = ImportState(GraphBuilder(file.path.stem), file, run=self._run_subgraph, enter_constants=self._enter_constants)
        self.values: ChainMap[str, Value] = ChainMap()

    def run(self) -> Graph:
        """The finished, unverified graph."""
        graph = self.file.model.graph
        self._enter_constants(graph, self.values)
        fed = [info for info in graph.input if info.name not in self.values]
        for name, shape, dtype in self.symbols.inputs(fed):
            if name in self.values:
                raise ModelError(f"has two inputs named {name!r}")
            self.values[name] = self.state.builder.input(name, shape, dtype)
        self.state.warnings += self.symbols.warnings
        self.state.declared = self._declared(graph)
        self._run_nodes(graph.node, self.values)
        outputs = [self._output(info.name) for info in graph.output]
        self.state.builder.graph.outputs = outputs
        self._compare_declared()
        self.state.warnings += [f"shapes: {name!r} names no dimension of an input" for name in self.symbols.unused()]
        return self.state.builder.graph

    def _compare_declared(self) -> None:
        """Shapes that the file states are only a check: operators decide, and a difference is a warning."""
        for name, (stated, _) in self.state.declared.items():
            value = self.values.get(name)
            made = value.shape if isinstance(value, Stored) else self.state.builder.shape(value) if value else stated
            if made != stated:
                self.state.warnings.append(f"{name!r} has shape {list(made)}; the file states {list(stated)}")

    def _output(self, name: str) -> str:
        if name not in self.values:
            raise ModelError(f"has an output {name!r} that nothing computes")
        return self.state.enter(self.values[name], "constant")

    def _declared(self, graph: onnx.GraphProto) -> dict[str, tuple[tuple[int, ...], DType]]:
        shapes = {}
        for info in (*graph.value_info, *graph.output):
            try:
                stated = self.symbols.shape(info)
            except ModelError:
                continue
            if stated is not None:
                shapes[info.name] = stated
        return shapes

    def _enter_constants(self, graph: onnx.GraphProto, values: ChainMap[str, Value]) -> None:
        for sparse in graph.sparse_initializer:
            name = sparse.values.name
            if not name or name in values.maps[0]:
                raise ModelError(f"defines {name!r} twice" if name else "has a sparse initializer without a name")
            values[name] = from_sparse_proto(sparse, self.file, name)
            self.state.sparse_bytes[name] = len(sparse.values.raw_data) + len(sparse.indices.raw_data)
        for proto in graph.initializer:
            if proto.name in values.maps[0]:
                raise ModelError(f"defines {proto.name!r} twice")
            values[proto.name] = from_proto(proto, self.file, proto.name, trained=True)

    def _run_subgraph(self, graph: onnx.GraphProto, values: ChainMap[str, Value]) -> None:
        self._run_nodes(graph.node, values)

    def _run_nodes(self, nodes: Iterable[onnx.NodeProto], values: ChainMap[str, Value]) -> None:
        nodes = list(nodes)
        if self.unknown == "error":
            self._refuse_unknown(nodes)
        for proto in _sorted(nodes, values):
            version = self.file.opsets.get("" if proto.domain in STANDARD_DOMAINS else proto.domain, self.file.opsets[""])
            node = Node(proto, self.state, values, version)
            taken = [name for name in node.outputs if name and name in values.maps[0]]
            if taken:
                raise node.refuse(f"computes {taken[0]!r} a second time")
            try:
                if not fold(node):
                    self._convert(node)
            except _MISFITS as error:
                raise node.refuse(f"has operands or attributes that do not fit ({type(error).__name__}: {str(error)[:200]})") from error

    def _convert(self, node: Node) -> None:
        handler = find_handler(node.proto.domain, node.type)
        if handler is None:
            self._generic(node, "unknown operator, taken as a generic data mover without arithmetic")
            return
        try:
            handler(node)
        except OpenOperand as error:
            if any(name and name not in self.state.declared for name in node.outputs):
                raise
            self._generic(node, f"taken as a generic data mover of the shapes the file states, because {error.problems[0].what.partition(': ')[2]}")

    def _refuse_unknown(self, nodes: list[onnx.NodeProto]) -> None:
        unknown: dict[str, int] = {}
        for proto in nodes:
            if find_handler(proto.domain, proto.op_type) is None:
                name = f"{proto.domain}.{proto.op_type}" if proto.domain not in STANDARD_DOMAINS else proto.op_type
                unknown[name] = unknown.get(name, 0) + 1
        if unknown:
            hint = "'unknown_operators: warn' runs an unknown operator as a generic data mover, if the file states its output shapes"
            raise ModelError([Problem(what=f"unknown operator {name!r} ({count} node{'s' if count > 1 else ''}); {hint}") for name, count in unknown.items()])

    def _generic(self, node: Node, why: str) -> None:
        """An operator as a mover of its bytes; its output shapes must stand in the file."""
        missing = [name for name in node.outputs if name and name not in self.state.declared]
        if missing:
            raise node.refuse(
                f"is an unknown operator, and the file does not state the shape of its output {missing[0]!r}; store the shapes in the model (value_info)"
            )
        placeholder = next(self.state.declared[name] for name in node.outputs if name)
        shapes = [self.state.declared[name] if name else placeholder for name in node.outputs]
        node.warn(why)
        node.emit("Generic", [name for name in node.operands() if name], {"original": f"{node.proto.domain or 'ai.onnx'}.{node.type}"}, shapes=shapes)


def _sorted(nodes: list[onnx.NodeProto], values: ChainMap[str, Value]) -> list[onnx.NodeProto]:
    """Nodes so that each comes after those it reads, in the file's order where that is one. ModelError on a cycle."""
    producer = {name: i for i, proto in enumerate(nodes) for name in proto.output if name}
    needs = [{producer[name] for name in _reads(proto) if name in producer} for proto in nodes]
    if all(max(needed, default=-1) < i for i, needed in enumerate(needs)):
        return nodes
    import heapq

    users: list[list[int]] = [[] for _ in nodes]
    for i, needed in enumerate(needs):
        for j in needed:
            users[j].append(i)
    waiting = [len(needed) for needed in needs]
    ready = [i for i, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(i)
        for j in users[i]:
            waiting[j] -= 1
            if waiting[j] == 0:
                heapq.heappush(ready, j)
    if len(order) < len(nodes):
        stuck = [nodes[i].name or nodes[i].op_type for i, count in enumerate(waiting) if count > 0]
        raise ModelError(f"has nodes that depend on each other in a cycle: {', '.join(stuck[:5])}")
    return [nodes[i] for i in order]


def _reads(proto: onnx.NodeProto) -> list[str]:
    """Names a node reads, those of its subgraphs included."""
    names = list(proto.input)
    waiting = [attribute.g for attribute in proto.attribute if attribute.HasField("g")]
    while waiting:
        for inner in waiting.pop().node:
            names += inner.input
            waiting += [attribute.g for attribute in inner.attribute if attribute.HasField("g")]
    return names
