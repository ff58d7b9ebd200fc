"""Recurrent layers and the SVDF layer of keyword spotting models.

The graph's recurrent operators take ``[time, batch, features]`` and joined gates; the file keeps one matrix per gate. Joined
weights have no values to load. A batch-major input of batch 1 is only viewed the other way; a larger one is transposed.
"""

from __future__ import annotations

from typing import Any

from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.convolution import hybrid
from sim.frontends.tflite.reader import OperatorRecord


def _matrix(ctx: Context, op: OperatorRecord, position: int) -> tuple[int, int]:
    shape = ctx.record(op, position).shape
    if len(shape) != 2:
        raise ModelError(f"{op.label}: input {position} has shape {list(shape)}, it needs 2 dimensions")
    return shape[0], shape[1]


def _joined(ctx: Context, op: OperatorRecord, positions: list[int], suffix: str) -> str:
    """One weight ``[1, gates * hidden, columns]`` (or ``[1, gates * hidden]`` of vectors) for the gates at these inputs."""
    records = [ctx.record(op, position) for position in positions if ctx.has(op, position)]
    if not records or any(not ctx.is_stored(record) or record.shape[1:] != records[0].shape[1:] or not record.shape for record in records):
        raise ModelError(f"{op.label}: the weights of its gates are missing, computed while it runs, or of different shapes")
    shape = check_shape(op.label, (1, sum(record.shape[0] for record in records), *records[0].shape[1:]))
    name = f"{ctx.output(op).label}/{suffix}"
    return ctx.builder.tensor(name, shape, records[0].dtype, "weight", quantization=records[0].quantization if len(records[0].shape) == 1 else None)


def _time_major(ctx: Context, op: OperatorRecord, x: str, time_major: bool) -> str:
    """The input as ``[time, batch, features]``; one step if it has no time."""
    shape = ctx.shape(x)
    if len(shape) == 2:
        return ctx.step(op, "Unsqueeze", [x], {"axes": [0]}, "time")
    if len(shape) != 3:
        raise ModelError(f"{op.label}: input of shape {list(shape)}")
    if time_major:
        return x
    return _swap(ctx, op, x, shape, "time")


def _swap(ctx: Context, op: OperatorRecord, x: str, shape: tuple[int, ...], suffix: str) -> str:
    a, b, features = shape
    if 1 in (a, b):
        return ctx.step(op, "Reshape", [x], {"shape": [b, a, features], "allowzero": True}, suffix)
    return ctx.step(op, "Transpose", [x], {"perm": [1, 0, 2]}, suffix)


def _as_file(ctx: Context, op: OperatorRecord, y: str, rank: int, time_major: bool) -> str:
    """``[time, 1, batch, hidden]`` back to the file's order."""
    steps, _, batch, hidden = ctx.shape(y)
    if rank == 2:
        return ctx.step(op, "Reshape", [y], {"shape": [batch, hidden], "allowzero": True}, "last")
    flat = ctx.step(op, "Reshape", [y], {"shape": [steps, batch, hidden], "allowzero": True}, "sequence")
    return flat if time_major else _swap(ctx, op, flat, (steps, batch, hidden), "batch_first")


def _layer(ctx: Context, op: OperatorRecord, x: str, base: int, states: list[int], prefix: str) -> str:
    """One direction of an LSTM whose 17 tensors start at input ``base``; without input gate weights the gates are coupled."""
    weights = [base + i for i in range(4)]
    recurrent = [base + 4 + i for i in range(4)]
    biases = [base + 11 + i for i in range(4)]
    inputs = [x, _joined(ctx, op, weights, f"{prefix}weights"), _joined(ctx, op, recurrent, f"{prefix}recurrent"), _joined(ctx, op, biases, f"{prefix}bias")]
    hidden = _matrix(ctx, op, base + 1)[0]
    projection = base + 15
    full = ctx.has(op, base) and not ctx.has(op, projection)
    if not full:
        inputs.append(ctx.weight(op, projection, shape=(1, *_matrix(ctx, op, projection))) if ctx.has(op, projection) else "")
    inputs += [ctx.x(op, position) for position in [base + 8, base + 9, base + 10, projection + 1] if ctx.has(op, position)]
    inputs += [ctx.x(op, position) for position in states if ctx.has(op, position)]
    return ctx.step(op, "LSTM" if full else "ProjectedLSTM", inputs, {"hidden": hidden, **hybrid(ctx, x, inputs[1])}, f"{prefix}lstm")


def lstm(kind: str) -> Any:
    """UNIDIRECTIONAL_SEQUENCE_LSTM, or LSTM (one step)."""

    def handle(ctx: Context, op: OperatorRecord) -> None:
        options = op.options(kind)
        if kind == "LSTMOptions" and options.KernelType() == 1:
            _basic_lstm(ctx, op)
            return
        x = ctx.x(op, 0)
        time_major = kind == "LSTMOptions" or bool(options.TimeMajor())
        y = _layer(ctx, op, _time_major(ctx, op, x, time_major), 1, [18, 19, 20, 21, 22, 23], "")
        _finish(ctx, op, _as_file(ctx, op, y, len(ctx.shape(x)), time_major))

    return handle


def _finish(ctx: Context, op: OperatorRecord, name: str, position: int = 0) -> None:
    record = ctx.output(op, position)
    ctx.finish(name, record)
    ctx.bind(record, name)


def _basic_lstm(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x ``[B, I]``, last output, joined weights ``[4H, I + H]``, bias, cell state; outputs: output, state and two scratch tensors."""
    x, last, cell = ctx.x(op, 0), ctx.x(op, 1), ctx.x(op, 4)
    joined = ctx.step(op, "Concat", [x, last], {"axis": 1}, "joined")
    weight = ctx.weight(op, 2)
    gates = ctx.step(op, "Dense", [joined, weight, ctx.weight(op, 3)], hybrid(ctx, joined, weight), "gates")
    ctx.finish(gates, ctx.output(op))
    width = ctx.shape(gates)[1]
    if width % 4:
        raise ModelError(f"{op.label}: {width} rows of weights are not four gates")
    parts = ctx.builder.add_many("Split", [gates], {"axis": 1}, name=f"{gates}/parts", outputs=4)
    gate = [ctx.step(op, "Tanh" if i == 1 else "Sigmoid", [part], {}, f"gate_{i}") for i, part in enumerate(parts)]
    kept = ctx.step(op, "Mul", [gate[2], cell], {}, "kept")
    state = ctx.step(op, "Add", [kept, ctx.step(op, "Mul", [gate[0], gate[1]], {}, "new")], {}, "state")
    y = ctx.step(op, "Mul", [gate[3], ctx.step(op, "Tanh", [state], {}, "shown")], {}, "output")
    for position, name in enumerate((y, state, joined, gates)[: len(op.outputs)]):
        _finish(ctx, op, name, position)


def bidirectional_lstm(ctx: Context, op: OperatorRecord) -> None:
    options = op.options("BidirectionalSequenceLSTMOptions")
    if ctx.has(op, 39):
        raise ModelError(f"{op.label}: an auxiliary input is not supported")
    x = ctx.x(op, 0)
    major = _time_major(ctx, op, x, bool(options.TimeMajor()))
    forward, backward = _layer(ctx, op, major, 1, [35, 36], "forward_"), _layer(ctx, op, major, 18, [37, 38], "backward_")
    _both(ctx, op, [_as_file(ctx, op, y, len(ctx.shape(x)), bool(options.TimeMajor())) for y in (forward, backward)], bool(options.MergeOutputs()))


def _both(ctx: Context, op: OperatorRecord, directions: list[str], merge: bool) -> None:
    if merge:
        ctx.emit(op, "Concat", directions, {"axis": len(ctx.shape(directions[0])) - 1})
        return
    for position, name in enumerate(directions):
        _finish(ctx, op, name, position)


def _simple(ctx: Context, op: OperatorRecord, x: str, base: int, prefix: str) -> str:
    """One direction of a simple recurrent layer: weights, recurrent weights, bias, state."""
    inputs = [x, ctx.weight(op, base, shape=(1, *_matrix(ctx, op, base))), ctx.weight(op, base + 1, shape=(1, *_matrix(ctx, op, base + 1)))]
    inputs += [ctx.x(op, position) for position in (base + 2, base + 3) if ctx.has(op, position)]
    return ctx.step(op, "RNN", inputs, hybrid(ctx, x, inputs[1]), f"{prefix}rnn")


def rnn(kind: str) -> Any:
    """UNIDIRECTIONAL_SEQUENCE_RNN, or RNN (one step)."""

    def handle(ctx: Context, op: OperatorRecord) -> None:
        x = ctx.x(op, 0)
        time_major = kind == "RNNOptions" or bool(op.options(kind).TimeMajor())
        y = _simple(ctx, op, _time_major(ctx, op, x, time_major), 1, "")
        _finish(ctx, op, _as_file(ctx, op, y, len(ctx.shape(x)), time_major))

    return handle


def bidirectional_rnn(ctx: Context, op: OperatorRecord) -> None:
    options = op.options("BidirectionalSequenceRNNOptions")
    if ctx.has(op, 9):
        raise ModelError(f"{op.label}: an auxiliary input is not supported")
    x = ctx.x(op, 0)
    major = _time_major(ctx, op, x, bool(options.TimeMajor()))
    both = [_simple(ctx, op, major, 1, "forward_"), _simple(ctx, op, major, 5, "backward_")]
    _both(ctx, op, [_as_file(ctx, op, y, len(ctx.shape(x)), bool(options.TimeMajor())) for y in both], bool(options.MergeOutputs()))


def svdf(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x ``[B, I]``, feature weights ``[filters, I]``, time weights ``[filters, memory]``, bias, state."""
    options = op.options("SVDFOptions")
    inputs = [ctx.x(op, 0), ctx.weight(op, 1), ctx.weight(op, 2)]
    inputs += [ctx.weight(op, 3) if ctx.has(op, 3) else "", *([ctx.x(op, 4)] if ctx.has(op, 4) else [])]
    ctx.emit(op, "SVDF", inputs, {"rank": options.Rank(), **hybrid(ctx, inputs[0], inputs[1])}, activation=options.FusedActivationFunction())


HANDLERS: dict[str, Any] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm("UnidirectionalSequenceLSTMOptions"),
    "LSTM": lstm("LSTMOptions"),
    "BIDIRECTIONAL_SEQUENCE_LSTM": bidirectional_lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": rnn("SequenceRNNOptions"),
    "RNN": rnn("RNNOptions"),
    "BIDIRECTIONAL_SEQUENCE_RNN": bidirectional_rnn,
    "SVDF": svdf,
}
