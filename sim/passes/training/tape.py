"""The graph of a training step while it is written: operators appended in order, gradients added up, kept activations fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Op, Role, Tensor
from sim.graph.ops import OPS


@dataclass
class Writer:
    """Appends operators to ``ops``; tensors go to ``graph``. Names are made unique."""

    graph: Graph
    ops: list[Op] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def tensor(self, stem: str, shape: Sequence[int], dtype: DType, role: Role = "activation") -> str:
        name, count = stem, 1
        while name in self.graph.tensors:
            name, count = f"{stem}_{count}", count + 1
        self.graph.tensors[name] = Tensor(name, tuple(shape), dtype, role)
        return name

    def reserve(self, names: Sequence[str]) -> None:
        """Names of operators that exist already."""
        self._names.update(names)

    def op_name(self, stem: str) -> str:
        name, count = stem, 1
        while name in self._names:
            name, count = f"{stem}_{count}", count + 1
        self._names.add(name)
        return name

    def add(self, type: str, inputs: Sequence[str], attributes: Mapping[str, Any], stem: str, outputs: int = 1) -> list[str]:
        """An operator whose outputs are inferred; their names. Raises ModelError where operands do not fit."""
        op = Op(self.op_name(stem), type, tuple(inputs), ("",) * outputs, dict(attributes))
        infer = OPS[type].infer
        if infer is None:
            raise ModelError(f"{stem}: {type} cannot infer its outputs")
        made = infer(op, [self.graph.tensors[name] if name else None for name in inputs])
        op.outputs = tuple(self.tensor(op.name if i == 0 else f"{op.name}.{i}", shape, dtype) for i, (shape, dtype) in enumerate(made))
        self.ops.append(op)
        return list(op.outputs)

    def one(self, type: str, inputs: Sequence[str], attributes: Mapping[str, Any], stem: str) -> str:
        return self.add(type, inputs, attributes, stem)[0]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.tensors[name].shape

    def reshaped(self, name: str, shape: Sequence[int], stem: str) -> str:
        """The same elements in another shape: a view."""
        if self.shape(name) == tuple(shape):
            return name
        return self.one("Reshape", [name], {"shape": tuple(shape), "allowzero": 1}, stem)

    def summed_to(self, name: str, shape: tuple[int, ...], stem: str) -> str:
        """The gradient of a broadcast: the sum over the axes along which an operand of ``shape`` was repeated."""
        given = self.shape(name)
        if given == shape:
            return name
        padded = (1,) * (len(given) - len(shape)) + shape
        axes = tuple(axis for axis, (extent, own) in enumerate(zip(given, padded, strict=True)) if own == 1 and extent > 1)
        if axes:
            name = self.one("Reduce", [name], {"mode": "sum", "axes": axes, "keepdims": True}, stem)
        return self.reshaped(name, shape, stem)
