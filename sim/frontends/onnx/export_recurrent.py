"""Recurrent layers as ONNX nodes."""

from __future__ import annotations

from typing import Any

from sim.frontends.onnx.export_writer import Writer, exports
from sim.graph.ir import Op


@exports("LSTM", "GRU", "RNN")
def _recurrent(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """Inputs x, W, R, bias, initial h (, initial c, peepholes)."""
    given = [*inputs, *[""] * (7 - len(inputs))]
    operands = [*given[:4], "", given[4], *(given[5:7] if op.type == "LSTM" else [])]
    attributes: dict[str, Any] = {"hidden_size": int(writer.graph.tensors[op.inputs[2]].shape[-1]), "direction": str(op.attributes.get("direction", "forward"))}
    numbers: dict[str, Any] = {key: op.attributes[key] for key in ("clip", "linear_before_reset", "input_forget") if key in op.attributes}
    writer.node(op.type, operands, outputs, name=op.name, **attributes, **numbers)
