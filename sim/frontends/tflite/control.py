"""Control flow whose course is known while importing: loops of a fixed number of rounds are unrolled, decided branches entered.

Keras writes every recurrent layer as a WHILE that counts the steps of the sequence: how often the body runs depends on shapes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sim.errors import ModelError
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.reader import OperatorRecord

Value = str | np.ndarray  # a tensor of the graph, or what is known while importing
Enter = Callable[[Context, OperatorRecord], None]

STRUCTURED = frozenset({"WHILE", "IF"})
MAX_DEPTH = 8
_DEPENDS = "control flow is not supported where it depends on the data; export the model without it (unroll loops, split the model at the branch)"


def enter_control_flow(ctx: Context, op: OperatorRecord, enter: Enter) -> None:
    """Put the operators that a WHILE or IF runs into the graph. ``enter``: what imports one operator."""
    if op.code == "WHILE":
        _unroll(ctx, op, enter)
    else:
        _take_branch(ctx, op, enter)


def _unroll(ctx: Context, op: OperatorRecord, enter: Enter) -> None:
    options = op.options("WhileOptions")
    values = [_argument(ctx, op, position) for position in range(len(op.inputs))]
    rounds = 0
    while _decided(_run(ctx, op, options.CondSubgraphIndex(), values, enter, rounds, fold_only=True), op):
        values = _run(ctx, op, options.BodySubgraphIndex(), values, enter, rounds)
        rounds += 1
    _bind_outputs(ctx, op, values)


def _take_branch(ctx: Context, op: OperatorRecord, enter: Enter) -> None:
    options, condition = op.options("IfOptions"), ctx.constant(op, 0)
    chosen = _decided([condition if condition is not None else ""], op)
    index = options.ThenSubgraphIndex() if chosen else options.ElseSubgraphIndex()
    _bind_outputs(ctx, op, _run(ctx, op, index, [_argument(ctx, op, position) for position in range(1, len(op.inputs))], enter, 0))


def _argument(ctx: Context, op: OperatorRecord, position: int) -> Value:
    """Known integers stay numbers, so that counters can be counted; all else is a tensor."""
    record = ctx.record(op, position)
    known = ctx.constant(op, position)
    return known if known is not None and known.dtype.kind in "biu" and record.quantization is None else ctx.x(op, position)


def _decided(values: list[Value], op: OperatorRecord) -> bool:
    if len(values) != 1 or isinstance(values[0], str) or values[0].size != 1:
        raise ModelError(f"{op.label}: {_DEPENDS}")
    return bool(values[0].reshape(()))


def _run(ctx: Context, op: OperatorRecord, subgraph: int, arguments: list[Value], enter: Enter, round: int, *, fold_only: bool = False) -> list[Value]:
    """Enter a subgraph's operators once; what its outputs are. ``fold_only``: nothing may be left to run time."""
    file = ctx.file.subgraph(subgraph)
    if len(file.inputs) != len(arguments):
        raise ModelError(f"{op.label}: subgraph {subgraph} has {len(file.inputs)} inputs, not {len(arguments)}")
    inner = Context(replace(file, tensors=[replace(record, label=f"{record.label}:{round}") for record in file.tensors]), "")
    inner.share(ctx, quiet=round > 0)
    ctx.unrolled.spend(1 + len(file.operators), op.label)
    if inner.depth > MAX_DEPTH:
        raise ModelError(f"{op.label}: control flow is nested more than {MAX_DEPTH} deep")
    for index, value in zip(file.inputs, arguments, strict=True):
        if isinstance(value, str):
            inner.names[index] = value
        else:
            inner.folded[index] = value
    before = len(ctx.builder.graph.ops)
    for inside in file.operators:
        enter(inner, inside)
    if fold_only and len(ctx.builder.graph.ops) != before:
        raise ModelError(f"{op.label}: {_DEPENDS}")
    return [_result(inner, index) for index in file.outputs]


def _result(ctx: Context, index: int) -> Value:
    index = ctx.alias.get(index, index)
    record, known = ctx.file.tensors[index], ctx.values(index)
    return known if known is not None and known.dtype.kind in "biu" and record.quantization is None else ctx.tensor(record)


def _bind_outputs(ctx: Context, op: OperatorRecord, values: list[Any]) -> None:
    if len(op.outputs) > len(values):
        raise ModelError(f"{op.label}: has {len(op.outputs)} outputs, its subgraph {len(values)}")
    for position, value in zip(range(len(op.outputs)), values, strict=False):
        if isinstance(value, str):
            ctx.bind(ctx.output(op, position), value)
        else:
            ctx.folded[op.outputs[position]] = value
