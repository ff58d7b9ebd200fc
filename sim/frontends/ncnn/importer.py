"""The import of a .param file, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sim.errors import ModelError
from sim.frontends.limits import check_sizes
from sim.frontends.ncnn import arithmetic, convolution, matrix, movement
from sim.frontends.ncnn.context import EXTENTS, Context, attempt
from sim.frontends.ncnn.inputs import Inputs
from sim.frontends.ncnn.param import SHAPE_HINTS, Layer, read_param
from sim.graph.ir import Graph
from sim.registry import near_names

Unknown = Literal["error", "warn"]
HANDLERS: dict[str, Any] = {**convolution.HANDLERS, **arithmetic.HANDLERS, **movement.HANDLERS, **matrix.HANDLERS}
_FAN_OUT = ("Split",)


def import_ncnn(path: str | Path, *, shapes: Mapping[str, int] = {}, unknown_operators: Unknown = "error") -> Graph:
    """An ncnn network definition as a verified graph, layout NCHW with a batch of 1; weights have sizes but no values.

    ``shapes`` binds what the file leaves open: ``sequence`` (positions this run adds), ``context`` (positions that earlier runs left in the
    key and value caches, 0 if absent), ``height`` and ``width`` of an image, or ``BLOB.w``, ``BLOB.h``, ``BLOB.d``, ``BLOB.c``; those also
    replace sizes that the file states. ``unknown_operators="warn"``: a layer without a model becomes a ``Generic`` that moves its blobs.

    Raises ModelError, with the line, for a damaged or unsupported file and for sizes that are not bound.
    """
    path = Path(path)
    try:
        return _import(path, shapes, unknown_operators)
    except ModelError as error:
        raise ModelError([problem if problem.file else replace(problem, file=str(path)) for problem in error.problems]) from error


def _import(path: Path, shapes: Mapping[str, int], unknown_operators: Unknown) -> Graph:
    layers = read_param(path)
    ctx = Context(path.stem)
    inputs = Inputs(ctx, layers, shapes)
    for layer in layers:
        if layer.type == "Input":
            attempt(layer, partial(inputs.declare, layer))
            continue
        if layer.type not in _FAN_OUT:
            attempt(layer, partial(inputs.resolve, layer))
        attempt(layer, partial(_enter, ctx, layer, unknown_operators, inputs))
    inputs.check_all_used()
    graph = ctx.builder.graph
    graph.outputs = _outputs(ctx, layers)
    graph.inputs = inputs.in_order()
    graph.notes |= {"source": str(path), "format": "ncnn"}
    if ctx.warnings:
        graph.notes["warnings"] = ctx.warnings
    graph.drop_unused_tensors()
    return ctx.builder.finish(*check_sizes(graph).outputs)


def _enter(ctx: Context, layer: Layer, unknown_operators: Unknown, inputs: Inputs) -> None:
    if layer.type in _FAN_OUT and inputs.share(layer):
        return
    handler = HANDLERS.get(layer.type)
    if handler is not None:
        handler(ctx, layer)
        return
    if unknown_operators == "error":
        raise layer.problem(f"unknown layer type; {near_names(layer.type, HANDLERS)}; to run it as a generic data mover, set unknown_operators: warn")
    ctx.warnings.append(f"{layer.type} {layer.name} (line {layer.line}) runs as a generic data mover")
    sources = [ctx.x(layer, i) for i in range(len(layer.inputs))]
    made = hinted_shapes(layer) or [ctx.shape(sources[0]) if sources else (1,)] * len(layer.outputs)
    ctx.bind(layer, *ctx.add(layer, "Generic", sources, {"original": layer.type}, outputs=len(made), shapes=made))


def hinted_shapes(layer: Layer) -> list[tuple[int, ...]]:
    """Output shapes that ncnn's optimiser wrote into the file, outermost first; empty if it did not. Four numbers each: dimensions, w, h, c."""
    numbers = layer.wholes(SHAPE_HINTS)
    shapes = []
    for dims, width, height, channels in zip(*(numbers[i::4] for i in range(4)), strict=False):
        if dims not in (1, 2, 3):
            return []
        sizes = {"w": width, "h": height, "c": channels}
        shapes.append(tuple(sizes[name] for name in EXTENTS[dims]))
    return shapes if len(shapes) == len(layer.outputs) else []


def _outputs(ctx: Context, layers: list[Layer]) -> list[str]:
    """Blobs that nobody reads; a Noop that nobody reads stands for all of its inputs."""
    read = {blob for layer in layers for blob in layer.inputs}
    names: dict[str, None] = {}
    for layer in layers:
        last = [blob for blob in layer.outputs if blob not in read and blob not in ctx.aside]
        if last and layer.type == "Noop":
            last = layer.inputs
        names |= dict.fromkeys(ctx.blobs[blob] for blob in last if blob in ctx.blobs and layer.type != "Input")
    return list(names)
