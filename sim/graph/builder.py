"""Building graphs operator by operator: shapes are inferred, names are made unique."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from device_models.work import DType
from sim.graph.ir import Graph, Op, Quantization, Role, Tensor
from sim.graph.ops import OPS
from sim.graph.verify import verify

if TYPE_CHECKING:
    import numpy as np


class GraphBuilder:
    """Collects a :class:`Graph`. Every method that makes a tensor returns its name."""

    def __init__(self, name: str, dtype: DType = DType.F32) -> None:
        self.graph = Graph(name)
        self.dtype = dtype
        self._counts: dict[str, int] = {}
        self._op_counts: dict[str, int] = {}
        self._op_names: set[str] = set()

    def unique(self, stem: str) -> str:
        """A tensor name nobody has: the stem, or the stem with a number."""
        name = stem
        while name in self.graph.tensors:
            self._counts[stem] = self._counts.get(stem, 0) + 1
            name = f"{stem}_{self._counts[stem]}"
        return name

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DType | None = None,
        role: Role = "activation",
        *,
        quantization: Quantization | None = None,
        load: Callable[[], np.ndarray] | None = None,
    ) -> str:
        """Declare a tensor."""
        name = self.unique(name)
        self.graph.tensors[name] = Tensor(name, tuple(int(extent) for extent in shape), self.dtype if dtype is None else dtype, role, quantization, load)
        return name

    def input(self, name: str, shape: Sequence[int], dtype: DType | None = None) -> str:
        """Declare a graph input."""
        name = self.tensor(name, shape, dtype, "input")
        self.graph.inputs.append(name)
        return name

    def weight(self, name: str, shape: Sequence[int], dtype: DType | None = None) -> str:
        """Declare trained parameters (without values)."""
        return self.tensor(name, shape, dtype, "weight")

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.tensors[name].shape

    def add(
        self,
        type: str,
        inputs: Sequence[str],
        attributes: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        outputs: int = 1,
        shapes: Sequence[tuple[Sequence[int], DType]] | None = None,
    ) -> str:
        """Add an operator and return its first output; further outputs are named ``<first>.1``, ``<first>.2`` ...

        ``shapes``: output shapes and formats for operators that cannot infer them.
        """
        return self.add_many(type, inputs, attributes, name=name, outputs=outputs, shapes=shapes)[0]

    def add_many(
        self,
        type: str,
        inputs: Sequence[str],
        attributes: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        outputs: int = 1,
        shapes: Sequence[tuple[Sequence[int], DType]] | None = None,
    ) -> list[str]:
        """Like :meth:`add`, returning all outputs."""
        definition = OPS[type]
        stem = self._unique_op(name or type.lower())
        placeholders = tuple(f"{stem}.{i}" for i in range(outputs))
        op = Op(stem, type, tuple(inputs), placeholders, dict(attributes or {}))
        operands = [self.graph.tensors[tensor] if tensor else None for tensor in inputs]
        if shapes is None and definition.infer is None:
            raise ValueError(f"{stem}: {type} cannot infer its outputs; state their shapes")
        made = list(shapes) if shapes is not None else definition.infer(op, operands)  # type: ignore[misc]  # checked just above
        op.outputs = tuple(self.tensor(stem if i == 0 else f"{stem}.{i}", shape, dtype) for i, (shape, dtype) in enumerate(made))
        self.graph.ops.append(op)
        return list(op.outputs)

    def _unique_op(self, stem: str) -> str:
        name = stem
        while name in self._op_names:
            self._op_counts[stem] = self._op_counts.get(stem, 0) + 1
            name = f"{stem}_{self._op_counts[stem]}"
        self._op_names.add(name)
        return name

    def finish(self, *outputs: str) -> Graph:
        """The verified graph with these outputs."""
        self.graph.outputs = list(outputs)
        return verify(self.graph)
