"""The import of a .tflite file: the main subgraph, operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from sim.errors import ModelError, Problem
from sim.frontends.limits import check_shape, check_sizes
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.control import STRUCTURED, enter_control_flow
from sim.frontends.tflite.fold import FOLDABLE, fold
from sim.frontends.tflite.reader import DAMAGE, OperatorRecord, TensorRecord, TfliteFile, open_tflite
from sim.frontends.tflite.table import CONTROL_FLOW, CUSTOM, HANDLERS, NOT_MODELLED
from sim.graph.ir import Graph

Unknown = Literal["error", "warn"]
_AXIS_NAMES = {4: ("batch", "height", "width", "channels"), 3: ("batch", "sequence", "features"), 2: ("batch", "sequence"), 1: ("batch",)}


def import_tflite(path: str | Path, *, shapes: Mapping[str, int] = {}, unknown_operators: Unknown = "error") -> Graph:
    """A TensorFlow Lite file as a verified graph, layout NHWC.

    ``shapes`` binds extents of inputs that the file leaves open: ``batch`` (axis 0), ``height``, ``width`` (images), ``sequence`` (axis 1 of
    inputs of 2 or 3 dimensions), or ``INPUT.AXIS``; what is not bound keeps the extent that the file states. ``unknown_operators="warn"``:
    an operator without a model becomes a ``Generic`` that moves its inputs and outputs.

    Raises ModelError for a damaged or unsupported file, EdgesimError if the package ``tflite`` is not installed.
    """
    path = Path(path)
    try:
        with open_tflite(path) as file:
            return _import(file, shapes, unknown_operators)
    except ModelError as error:
        raise ModelError([problem if problem.file else replace(problem, file=str(path)) for problem in error.problems]) from error


def _import(file: TfliteFile, shapes: Mapping[str, int], unknown_operators: Unknown) -> Graph:
    ctx = Context(file, file.path.stem)
    _enter_inputs(ctx, shapes)
    for op in file.operators:
        try:
            _enter(ctx, op, unknown_operators)
        except DAMAGE as error:
            raise ModelError(f"{op.label}: its inputs or options do not fit ({type(error).__name__}: {error})") from error
    if not file.outputs:
        raise ModelError("the graph has no output")
    outputs = [ctx.tensor(ctx.file.tensors[ctx.alias.get(index, index)]) for index in file.outputs]
    graph = ctx.builder.graph
    graph.outputs = list(dict.fromkeys([*outputs, *ctx.state_outputs]))
    graph.notes |= {"source": str(file.path), "format": "tflite"}
    if file.subgraphs > 1 and not ctx.unrolled.count:
        ctx.warnings.append(f"only the main one of {file.subgraphs} subgraphs was imported")
    if ctx.sparse:
        graph.notes["sparse_weights"] = dict(ctx.sparse)  # tensor -> bytes stored
    if ctx.warnings:
        graph.notes["warnings"] = ctx.warnings
    graph.drop_unused_tensors()
    check_sizes(graph)
    return ctx.builder.finish(*graph.outputs)


def _enter_inputs(ctx: Context, shapes: Mapping[str, int]) -> None:
    used: set[str] = set()
    bindable: set[str] = set()
    for index in dict.fromkeys(ctx.file.inputs):
        record = ctx.file.tensors[index]
        extents = []
        for axis, extent in enumerate(record.shape):
            keys = _binding_names(record, axis)
            key = next((key for key in keys if key in shapes), None)
            if record.signature[axis] == -1 or extent < 0:
                bindable.update(keys)
                if extent < 0 and key is None:
                    raise ModelError(f"input {record.label!r} leaves extent {axis} open; bind it with shapes: {{{keys[0]}: ...}}")
            elif key is not None and shapes[key] != extent:
                key = None  # the file fixes this extent
            if key is not None:
                used.add(key)
                extent = int(shapes[key])
            extents.append(extent)
        name = ctx.builder.input(record.label, check_shape(f"input {record.label!r}", extents), record.dtype)
        ctx.names[index] = name
        ctx.finish(name, record)
    unused = sorted(set(shapes) - used)
    if unused:
        what = f"what can be bound: {', '.join(sorted(bindable))}" if bindable else "the file fixes all extents"
        raise ModelError([Problem(path=f"shapes.{key}", what=f"no input has such an open extent of another size; {what}") for key in unused])


def _binding_names(record: TensorRecord, axis: int) -> list[str]:
    names = _AXIS_NAMES.get(len(record.shape), ("batch",))
    short = [names[axis]] if axis < len(names) else []
    return [*short, f"{record.label}.{axis}"]


def _enter(ctx: Context, op: OperatorRecord, unknown_operators: Unknown) -> None:
    if op.code in CONTROL_FLOW:
        raise ModelError(f"{op.label}: control flow is not supported: {CONTROL_FLOW[op.code]}")
    if op.code in STRUCTURED:
        enter_control_flow(ctx, op, partial(_enter, unknown_operators=unknown_operators))
        return
    if op.code in FOLDABLE and fold(ctx, op):
        return
    handler = CUSTOM.get(op.custom) if op.code == "CUSTOM" else HANDLERS.get(op.code)
    if handler is not None:
        handler(ctx, op)
        return
    reason = NOT_MODELLED.get(op.code, "edgesim does not know it")
    if unknown_operators == "error":
        raise ModelError(f"{op.label} is not supported: {reason}; to run it as a generic data mover, set unknown_operators: warn")
    ctx.warnings.append(f"{op.label} runs as a generic data mover: {reason}")
    ctx.emit(op, "Generic", ctx.all_inputs(op), {"original": op.custom or op.code}, stated=True)
