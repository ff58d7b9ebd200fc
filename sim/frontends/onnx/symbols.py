"""Binding the symbolic dimensions of a model's inputs to numbers."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from device_models.work import DType
from sim.errors import ModelError, Problem
from sim.frontends.limits import check_shape
from sim.frontends.onnx.elements import dtype_of
from sim.registry import near_names

if TYPE_CHECKING:
    import onnx

_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv, ast.Div: operator.floordiv}
_EXPRESSION = re.compile(r"[A-Za-z_][\w +*/()-]{0,199}")


def first_extents(infos: Sequence[onnx.ValueInfoProto], bindings: Mapping[str, int]) -> list[str]:
    """What the first extents of inputs are bound by (a name, or ``<input>.0``) where they are open and nobody bound them."""
    found = []
    for info in infos:
        dims = info.type.tensor_type.shape.dim
        if not dims or (dims[0].HasField("dim_value") and dims[0].dim_value >= 0) or f"{info.name}.0" in bindings:
            continue
        name = dims[0].dim_param
        if name and name.isidentifier() and name not in bindings:
            found.append(name)
        elif not name:
            found.append(f"{info.name}.0")
    return list(dict.fromkeys(found))


class Symbols:
    """The bindings ``name -> extent``, which of them were used, and which names are still unbound."""

    def __init__(self, bindings: Mapping[str, int]) -> None:
        wrong = [f"{name}: {extent!r}" for name, extent in bindings.items() if isinstance(extent, bool) or not isinstance(extent, int) or extent < 0]
        if wrong:
            raise ModelError(f"shapes: dimensions are whole numbers of at least 0, not {', '.join(wrong)}")
        self.bindings = dict(bindings)
        self.used: set[str] = set()
        self.unbound: dict[str, str] = {}  # name -> where it stands
        self.warnings: list[str] = []

    def inputs(self, infos: list[onnx.ValueInfoProto]) -> list[tuple[str, tuple[int, ...], DType]]:
        """(name, shape, format) of each input. ModelError lists every dimension that nobody bound."""
        found = [self._input(info) for info in infos]
        if self.unbound:
            raise self._error()
        for name, shape, _ in found:
            check_shape(f"input {name!r}", shape)
        return found

    def shape(self, info: onnx.ValueInfoProto) -> tuple[tuple[int, ...], DType] | None:
        """Shape and format that the file states for an inner value, if it states them completely."""
        dims = info.type.tensor_type.shape.dim
        if not info.type.tensor_type.HasField("shape"):
            return None
        extents = [dim.dim_value if dim.HasField("dim_value") else self._evaluate(dim.dim_param) for dim in dims]
        if any(extent is None or extent < 1 for extent in extents):  # some exporters write 0 for what they do not know
            return None
        return tuple(int(extent or 0) for extent in extents), dtype_of(info.type.tensor_type.elem_type, f"value {info.name!r}")

    def _input(self, info: onnx.ValueInfoProto) -> tuple[str, tuple[int, ...], DType]:
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            raise ModelError(f"input {info.name!r} is {'of no stated type' if kind is None else 'a ' + kind.removesuffix('_type')}; only tensors can be fed")
        tensor = info.type.tensor_type
        if not tensor.HasField("shape"):
            raise ModelError(f"input {info.name!r} does not state its dimensions; export the model with input shapes")
        shape = tuple(self._extent(info.name, axis, dim) for axis, dim in enumerate(tensor.shape.dim))
        return info.name, shape, dtype_of(tensor.elem_type, f"input {info.name!r}")

    def _extent(self, name: str, axis: int, dim: onnx.TensorShapeProto.Dimension) -> int:
        """A fixed extent, or what its name, or ``<input>.<axis>``, is bound to. 0 and -1 may stand for unknown ones in old files."""
        if dim.HasField("dim_value") and dim.dim_value > 0:
            return dim.dim_value
        position = f"{name}.{axis}"
        if position in self.bindings:
            self.used.add(position)
            return self.bindings[position]
        if dim.HasField("dim_value") and dim.dim_value == 0:
            self.warnings.append(f"input {name!r} states 0 elements along axis {axis}; if that means unknown, bind it: shapes: {{{position}: 1}}")
            return 0
        value = self._evaluate(dim.dim_param) if dim.dim_param else None
        if value is None:
            symbol = dim.dim_param or position
            self.unbound.setdefault(symbol, f"dimension {axis} of input {name!r}")
            return 0
        return value

    def _evaluate(self, text: str) -> int | None:
        """The value of a name, or of sums and products of names such as ``past + 1``."""
        if text in self.bindings:
            self.used.add(text)
            return self.bindings[text]
        if not _EXPRESSION.fullmatch(text):
            return None
        try:
            return self._value(ast.parse(text, mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
            return None

    def _value(self, part: ast.expr) -> int:
        if isinstance(part, ast.Constant) and isinstance(part.value, int):
            return part.value
        if isinstance(part, ast.Name) and part.id in self.bindings:
            self.used.add(part.id)
            return self.bindings[part.id]
        if isinstance(part, ast.BinOp) and type(part.op) in _OPERATIONS:
            return int(_OPERATIONS[type(part.op)](self._value(part.left), self._value(part.right)))
        raise ValueError("not a sum or product of bound names")

    def _error(self) -> ModelError:
        unknown = [name for name in self.bindings if name not in self.used]
        hint = "".join(f"; {name!r} names no dimension, {near_names(name, self.unbound)}" for name in unknown)
        example = ", ".join(f"{name}: {'1' if i == 0 else '...'}" for i, name in enumerate(self.unbound))
        problems = [
            Problem(path="shapes", what=f"{name!r} ({where}) is not bound; say for example shapes: {{{example}}}{hint}") for name, where in self.unbound.items()
        ]
        return ModelError(problems)

    def unused(self) -> list[str]:
        """Bindings that no dimension asked for."""
        return [name for name in self.bindings if name not in self.used]
