"""Recurrent layers: LSTM, GRU, RNN, and ONNX Runtime's dynamically quantized LSTM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sim.frontends.onnx.elementwise import parameters
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.quantization import quantization_of
from sim.frontends.onnx.table import CONTRIB, handles

_OUTPUTS = {"LSTM": 3, "GRU": 2, "RNN": 2}


@handles("LSTM", "GRU", "RNN")
def _recurrent(node: Node) -> None:
    """Inputs x, W, R, B, sequence_lens, initial_h (, initial_c, P). Lengths are taken as the longest; weights of peepholes (P) are counted."""
    weights = [node.operand(1, "weight"), node.operand(2, "weight"), node.operand(3, "weight")]
    states = [node.operand(5, "constant"), node.operand(6, "constant")] if node.type == "LSTM" else [node.operand(5, "constant")]
    peepholes = [node.operand(7, "weight")] if node.type == "LSTM" else []
    _emit(node, node.type, [*weights, *states, *peepholes])


@handles("DynamicQuantizeLSTM", domain=CONTRIB)
def _dynamic_lstm(node: Node) -> None:
    """Weights are stored ``[directions, in, 4 hidden]``, 8 bits, with scales and zero points at 8 to 11; inputs are quantized while it runs."""
    entered = []
    for index, scale in ((1, 8), (2, 10)):
        weight = node.stored(index)
        if weight is None:
            raise node.refuse(f"needs stored weights in input {index}")
        stored = replace(weight, quantization=quantization_of(node, scale, scale + 1, axis=0), real_dtype=node.dtype(0))
        entered.append(node.enter(stored.transposed((0, 2, 1)), "weight"))
    states = [node.operand(5, "constant"), node.operand(6, "constant")]
    _emit(node, "LSTM", [*entered, node.operand(3, "weight"), *states, node.operand(7, "weight")], hybrid=True)


def _emit(node: Node, type: str, rest: list[str], **marks: bool) -> None:
    direction = str(node.attribute("direction", "forward"))
    attributes: dict[str, Any] = {"direction": direction, **marks, **parameters(node, "clip", "linear_before_reset", "input_forget")}
    hidden = node.attribute("hidden_size")
    if hidden is not None and hidden != node.tensor(rest[1]).shape[-1]:
        raise node.refuse(f"states hidden_size {hidden}, its weights have shape {list(node.tensor(rest[1]).shape)}")
    if node.attribute("layout", 0):
        _emit_batch_first(node, type, rest, attributes)
        return
    made = node.step(type, [node.operand(0), *rest], attributes, outputs=_wanted(node, type), name=node.name)
    for index, name in enumerate(made):
        node.bind_step(index, name)


def _emit_batch_first(node: Node, type: str, rest: list[str], attributes: dict[str, Any]) -> None:
    """x ``[B, T, I]``, y ``[B, T, directions, H]``, states ``[B, directions, H]``: transposed around the layer."""
    x = node.step("Transpose", [node.operand(0)], {"perm": (1, 0, 2)})[0]
    made = node.step(type, [x, *rest], attributes, outputs=_wanted(node, type), name=node.name)
    for index, name in enumerate(made):
        perm = (2, 0, 1, 3) if index == 0 else (1, 0, 2)
        if index < len(node.outputs) and node.outputs[index]:
            node.bind_step(index, node.step("Transpose", [name], {"perm": perm})[0])


def _wanted(node: Node, type: str) -> int:
    return min(max(len(node.outputs), 1), _OUTPUTS[type])
