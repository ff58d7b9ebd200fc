"""Compute what depends on stored data alone before the model runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.graph.ir import Graph, Op, Tensor
from sim.passes.base import PASSES, Pass
from sim.passes.edit import SMALL_ELEMENTS, Uses, remove_ops, small_value
from sim.passes.evaluate import evaluate

_SAME_ELEMENTS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Cast")


@PASSES.register("fold_constants")
@dataclass(frozen=True)
class FoldConstants(Pass):
    """Small stored values are computed; moves of larger stored tensors are done when the model is prepared.

    A moved weight stays a weight, so the number of parameters does not change.
    """

    name = "fold_constants"

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        done = [op for op in graph.ops if _fold(graph, uses, op)]
        remove_ops(graph, done)


def _fold(graph: Graph, uses: Uses, op: Op) -> bool:
    if not op.all_inputs or len(op.outputs) != 1 or op.outputs[0] in graph.outputs or op.fused:
        return False
    operands = [graph.tensors[name] for name in op.all_inputs]
    if not all(tensor.is_stored for tensor in operands):
        return False
    made = graph.tensors[op.outputs[0]]
    values = [small_value(tensor) for tensor in operands]
    if all(value is not None for value in values) and made.elements <= SMALL_ELEMENTS:
        result = evaluate(op, [value for value in values if value is not None], made.shape, made.dtype)
        if result is not None and tuple(result.shape) == made.shape:
            return _store(made, "weight" if _moves_weight(uses, op, operands) else "constant", lambda: result)
    if op.type in _SAME_ELEMENTS and (operands[0].role == "constant" or _moves_weight(uses, op, operands)):
        return _store(made, operands[0].role, _later(op, operands[0], made))
    return False


def _moves_weight(uses: Uses, op: Op, operands: list[Tensor]) -> bool:
    """The operator only moves a weight that nobody else reads."""
    return op.type in _SAME_ELEMENTS and operands[0].role == "weight" and uses.only_read_by(operands[0].name, [op])


def _store(made: Tensor, role: str, load: Callable[[], np.ndarray] | None) -> bool:
    made.role = "weight" if role == "weight" else "constant"
    made.load = load
    return True


def _later(op: Op, source: Tensor, made: Tensor) -> Callable[[], np.ndarray] | None:
    load, shape, dtype = source.load, made.shape, made.dtype
    if load is None:
        return None

    def moved() -> np.ndarray:
        result = evaluate(op, [np.asarray(load())], shape, dtype)
        assert result is not None  # every operator in _SAME_ELEMENTS has a meaning
        return result

    return moved
