"""The import of a network: layers in order, what is constant computed, the rest handed to their handlers."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sim.errors import ModelError, Problem
from sim.frontends.integer_groups import group_quantized
from sim.frontends.integer_products import LAYERS, take_integers
from sim.frontends.limits import check_shape, check_sizes
from sim.frontends.openvino import convolution, elementwise, indexing, movement, products, quantization, recurrent  # noqa: F401  (they fill the table)
from sim.frontends.openvino.elements import element_named, stored_size
from sim.frontends.openvino.fold import fold
from sim.frontends.openvino.inputs import Inputs
from sim.frontends.openvino.node import HANDLERS, Node, State
from sim.frontends.openvino.stored import from_file
from sim.frontends.openvino.xml_reader import Layer, Network, read_xml
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.registry import near_names

Unknown = Literal["error", "warn"]
# What a handler raises when a damaged file gives it inputs or attributes of the wrong kind.
_MISFITS = (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError, RuntimeError, OSError, MemoryError)
_OPEN_CONTROL_FLOW = ("If", "Loop", "TensorIterator")


def import_openvino(path: str | Path, *, shapes: Mapping[str, int] = {}, unknown_operators: Unknown = "error") -> Graph:
    """A network of OpenVINO (.xml, with its weights in the .bin file of the same name) as a verified graph, layout NCHW.

    ``shapes`` binds what the file leaves open: ``batch`` (axis 0), ``height`` and ``width`` (images), ``sequence`` (axis 1 of inputs of 2 or
    3 dimensions), ``context`` (positions that earlier runs left in variables, 0 if absent), or ``INPUT.AXIS``.
    ``unknown_operators="warn"``: a layer nobody knows becomes a ``Generic`` of the shapes the file states.

    FakeQuantize layers become integer operators where the runtime's low-precision transformations make them so; weights that are
    stored in integers and decompressed keep their integers. Values are read from the .bin file when asked for.

    Raises ModelError for a damaged or unsupported file and for extents that are not bound.
    """
    path = Path(path)
    try:
        network = read_xml(path)
        graph = _Importer(network, path, shapes, unknown_operators).run()
    except ModelError as error:
        raise ModelError([problem if problem.file else replace(problem, file=str(path)) for problem in error.problems]) from error
    return graph


class _Importer:
    def __init__(self, network: Network, path: Path, shapes: Mapping[str, int], unknown: Unknown) -> None:
        self.network, self.path, self.unknown = network, path, unknown
        self.weights = path.with_suffix(".bin")
        self.weights_bytes = self.weights.stat().st_size if self.weights.is_file() else None
        self.state = State(GraphBuilder(path.stem), dict(shapes))
        self.inputs = Inputs(self.state)
        self.outputs: list[str] = []
        for source in network.edges.values():
            self.state.readers[source] = self.state.readers.get(source, 0) + 1

    def run(self) -> Graph:
        self._refuse_unknown()
        layers = _sorted(self.network)
        self.inputs.declare([layer for layer in self.network.layers if layer.type == "Parameter"], any(layer.type == "ReadValue" for layer in layers))
        for layer in layers:
            if layer.type != "Parameter":
                self._enter(layer)
        self.inputs.check_all_used()
        graph = self.state.builder.graph
        graph.outputs = list(dict.fromkeys([*self.outputs, *self.state.state_outputs]))
        if not graph.outputs:
            raise ModelError("has no result")
        take_integers(group_quantized(graph), LAYERS, real_bias=True)
        graph.drop_unused_tensors()
        graph.notes |= {"source": str(self.path), "format": "openvino", "version": self.network.version}
        graph.notes["file_bytes"] = self.path.stat().st_size + (self.weights_bytes or 0)
        if self.state.warnings:
            graph.notes["warnings"] = self.state.warnings
        return self.state.builder.finish(*check_sizes(graph).outputs)

    def _refuse_unknown(self) -> None:
        """All layers without a handler at once, unless they may run as data movers."""
        if self.unknown == "warn":
            return
        counts: dict[str, int] = {}
        for layer in self.network.layers:
            if layer.type not in HANDLERS and layer.type not in ("Parameter", "Const", "Result", "Sink") and layer.type not in _OPEN_CONTROL_FLOW:
                counts[layer.type] = counts.get(layer.type, 0) + 1
        if counts:
            hint = "'unknown_operators: warn' runs an unknown layer as a generic data mover"
            raise ModelError(
                [
                    Problem(what=f"unknown layer type {type[:60]!r} ({count} layer{'s' if count > 1 else ''}); {near_names(type[:60], HANDLERS)}; {hint}")
                    for type, count in counts.items()
                ]
            )

    def _enter(self, layer: Layer) -> None:
        node = Node(layer, [self.network.edges.get((layer.id, port.id)) for port in layer.inputs], self.state)
        while node.sources and node.sources[-1] is None:
            node.sources = list(node.sources)[:-1]
        try:
            if layer.type == "Const":
                self._constant(node)
            elif layer.type == "Result":
                self.outputs.append(node.operand(0, "constant"))
            elif layer.type in _OPEN_CONTROL_FLOW or (layer.has_body and layer.type not in HANDLERS):
                raise node.refuse("control flow is not supported: what its body costs is not in the graph; convert the model with sequences or unrolled loops")
            elif not fold(node):
                self._convert(node)
        except ModelError as error:
            if all(problem.file or problem.what.startswith("layer ") for problem in error.problems):
                raise
            raise node.refuse("; ".join(problem.what for problem in error.problems)) from error
        except _MISFITS as error:
            raise node.refuse(f"has inputs or attributes that do not fit ({type(error).__name__}: {str(error)[:200]})") from error

    def _convert(self, node: Node) -> None:
        handler = HANDLERS.get(node.type)
        if handler is not None:
            handler(node)
            return
        shapes = [port.shape for port in node.layer.outputs]
        if not shapes or any(shape is None or -1 in shape for shape in shapes):
            raise node.refuse("is an unknown layer, and the file leaves the shape of its output open")
        node.warn("unknown layer, taken as a generic data mover without arithmetic")
        node.emit("Generic", node.operands(), {"original": node.type}, shapes=[tuple(shape or ()) for shape in shapes])

    def _constant(self, node: Node) -> None:
        """Checked against the .bin file now, read from it later."""
        element = element_named(node.text("element_type") or (node.layer.outputs[0].precision if node.layer.outputs else ""), node.layer.label)
        shape = check_shape(node.layer.label, node.wholes("shape") or [])
        offset, size = node.whole("offset"), node.whole("size")
        count = 1
        for extent in shape:
            count *= extent
        if size != stored_size(element, count) and not (size == 0 and count == 0):
            raise node.refuse(f"states {size:,} bytes for shape {list(shape)} of {element}, which takes {stored_size(element, count):,}")
        if size and self.weights_bytes is None:
            raise ModelError([Problem(file=str(self.weights), what="no such file; the weights of an OpenVINO network stand beside its .xml file")])
        if size and not 0 <= offset <= (self.weights_bytes or 0) - size:
            raise node.refuse(f"lies at bytes {offset:,} to {offset + size:,} of {self.weights.name}, which has {self.weights_bytes:,}")
        node.bind(0, from_file(node.name, shape, element, self.weights.absolute(), max(offset, 0), size))


def _sorted(network: Network) -> list[Layer]:
    """Layers so that each comes after those it reads, in the file's order where that is one. ModelError on a cycle or a loose edge."""
    place = {layer.id: index for index, layer in enumerate(network.layers)}
    users: list[list[int]] = [[] for _ in network.layers]
    waiting = [0] * len(network.layers)
    ports = {layer.id: {port.id for port in layer.outputs} for layer in network.layers}
    for (target, _), (source, port) in network.edges.items():
        if target not in place or source not in place or port not in ports[source]:
            raise ModelError(f"has an edge from port {port[:40]} of layer {source[:40]} to layer {target[:40]}; there is no such port or layer")
        users[place[source]].append(place[target])
        waiting[place[target]] += 1
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for user in users[index]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, user)
    if len(order) < len(network.layers):
        stuck = [network.layers[i].name for i, count in enumerate(waiting) if count > 0]
        raise ModelError(f"has layers that depend on each other in a cycle: {', '.join(stuck[:5])}")
    return [network.layers[index] for index in order]
