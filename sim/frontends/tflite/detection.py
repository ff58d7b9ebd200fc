"""Detection heads and variables of streaming models."""

from __future__ import annotations

import struct
from typing import Any

from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.reader import OperatorRecord


def _flexbuffer_number(data: bytes, key: str) -> int | None:
    """A number in a custom operator's options (a FlexBuffer map), None if there is none that can be read."""
    from flatbuffers import flexbuffers

    if len(data) < 3:
        return None
    try:
        return int(flexbuffers.GetRoot(bytearray(data)).AsMap[key].AsInt)
    except (KeyError, IndexError, ValueError, TypeError, OverflowError, UnicodeDecodeError, AttributeError, struct.error):
        return None


def detection_post_process(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: box encodings, class predictions, anchors; outputs: boxes, classes, scores ``[1, n, ...]`` and their number.

    Converters often leave out the outputs' shapes; then n is an option.
    """
    records = [ctx.output(op, i) for i in range(len(op.outputs))]
    count = _flexbuffer_number(op.custom_options(), "max_detections")
    by_count = [] if count is None or count < 0 else [(1, count, 4), (1, count), (1, count), (1,)]
    shapes = []
    for i, record in enumerate(records):
        if not record.shape and i < len(by_count):
            shapes.append(check_shape(op.label, by_count[i]))
        else:
            shapes.append(check_shape(op.label, record.shape))
    ctx.emit(op, "DetectionOutput", [ctx.x(op, i) for i in range(len(op.inputs))], {"original": op.custom}, shapes=shapes)


def non_max_suppression(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: boxes, scores, then numbers; the outputs' first extent is the constant third input where the file does not state it."""
    limit = ctx.constant(op, 2)
    shapes = []
    for i in range(len(op.outputs)):
        shape = ctx.output(op, i).shape
        if any(extent < 0 for extent in shape) and limit is not None and limit.size == 1:
            shape = tuple(int(limit.reshape(-1)[0]) if extent < 0 else extent for extent in shape)
        shapes.append(check_shape(op.label, shape))
    ctx.emit(op, "NonMaxSuppression", [ctx.x(op, i) for i in (0, 1)], {"original": op.code}, shapes=shapes)


def var_handle(ctx: Context, op: OperatorRecord) -> None:
    """A name for a variable: nothing runs."""
    ctx.variables.add(ctx.output(op).index)


def read_variable(ctx: Context, op: OperatorRecord) -> None:
    if not op.inputs or op.inputs[0] not in ctx.variables:
        raise ModelError(f"{op.label}: reads a variable that nothing declares")
    ctx.state(ctx.output(op))


def assign_variable(ctx: Context, op: OperatorRecord) -> None:
    """The new value is copied into the variable; it leaves the graph, so that what computes it is not taken for unused."""
    if not op.inputs or op.inputs[0] not in ctx.variables:
        raise ModelError(f"{op.label}: assigns a variable that nothing declares")
    value = ctx.x(op, 1)
    ctx.state_outputs.append(ctx.builder.add("Identity", [value], {}, name=f"{value}/assigned"))


def call_once(ctx: Context, op: OperatorRecord) -> None:
    """Initialises variables at the first run."""
    ctx.warnings.append("variables are initialised by a subgraph that runs once; its time is not counted")


HANDLERS: dict[str, Any] = {
    "NON_MAX_SUPPRESSION_V4": non_max_suppression,
    "NON_MAX_SUPPRESSION_V5": non_max_suppression,
    "VAR_HANDLE": var_handle,
    "READ_VARIABLE": read_variable,
    "ASSIGN_VARIABLE": assign_variable,
    "CALL_ONCE": call_once,
}
CUSTOM: dict[str, Any] = {"TFLite_Detection_PostProcess": detection_post_process}
