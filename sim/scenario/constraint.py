"""Which combinations of a sweep's axes are wanted: comparisons, arithmetic and ``and``, ``or``, ``not`` over axes and quantities, nothing else."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device_models.units import DIMENSIONS
from sim.registry import near_names

_MOST = 500  # characters
_UNITS = {unit: (kind.name, factor) for kind in reversed(list(DIMENSIONS.values())) for unit, factor in kind.units.items() if unit}
_NUMBER = r"(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# text in quotes is passed over; a number and a unit behind it are one quantity
_TOKEN = re.compile(rf"""("[^"]*"|'[^']*')|(?<![\w.])({_NUMBER})\s*([A-Za-z°Ω%/µ][A-Za-z°Ω%/µ]*)""")
_QUANTITY = re.compile(rf"\s*([+-]?{_NUMBER})\s*(\S*)\s*")
_COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
Evaluate = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Constraint:
    """``holds`` takes plain values by path of an axis. Quantities are compared in SI units. Raises ValueError where kinds do not go together."""

    text: str
    _evaluate: Evaluate

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether a combination is wanted. Raises ValueError."""
        try:
            return bool(self._evaluate(values))
        except (TypeError, ZeroDivisionError) as error:
            raise ValueError(f"{self.text!r} cannot be worked out with {dict(values)}: {error}") from None


def parsed_constraint(text: str, axes: Sequence[str]) -> Constraint:
    """``units.npu.frequency >= 800 MHz or precision == 'int8'``: axes by their path or by its last parts, where that is clear. Raises ValueError."""
    if len(text) > _MOST:
        raise ValueError(f"longer than {_MOST} characters")
    hidden, names = _hidden(text, axes)
    try:
        tree = ast.parse(_TOKEN.sub(_si, hidden), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is no condition; write for example units.npu.frequency >= 800 MHz or models.detector.precision == 'int8'") from None
    return Constraint(text, _Builder(names, axes).made(tree.body))


def plain_number(value: Any) -> Any:
    """A quantity as text in SI units, by whichever kind of quantity has its unit; all else as it is."""
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) and len(value) < 60 else None
    if match is None or match[2] not in ("", *_UNITS):
        return value
    return float(match[1].replace("_", "")) * (_UNITS[match[2]][1] if match[2] else 1.0)


def _hidden(text: str, axes: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Paths of axes, which may have parts no expression could have (``pipeline.0``), stand as ``axis_0`` and so on."""
    names: dict[str, str] = {}
    for index, path in enumerate(sorted(axes, key=len, reverse=True)):
        name = f"axis_{index}_"
        text = re.sub(rf"(?<![\w.]){re.escape(path)}(?![\w.])", name, text)
        names[name] = path
    return text, names


def _si(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    if match[3] in ("and", "or", "not", "if", "in"):
        return match[0]
    if match[3] not in _UNITS:
        raise ValueError(match[3])
    return repr(float(match[2].replace("_", "")) * _UNITS[match[3]][1])


@dataclass(frozen=True)
class _Builder:
    names: Mapping[str, str]
    axes: Sequence[str]

    def made(self, node: ast.expr) -> Evaluate:
        if isinstance(node, ast.BoolOp):
            parts, every = [self.made(part) for part in node.values], isinstance(node.op, ast.And)
            return (lambda values: all(part(values) for part in parts)) if every else (lambda values: any(part(values) for part in parts))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            inner, negated = self.made(node.operand), isinstance(node.op, ast.Not)
            return (lambda values: not inner(values)) if negated else (lambda values: -inner(values))
        if isinstance(node, ast.Compare) and all(type(one) in _COMPARISONS for one in node.ops):
            return self._comparison(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left, right, how = self.made(node.left), self.made(node.right), _ARITHMETIC[type(node.op)]
            return lambda values: how(left(values), right(values))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            value = node.value
            return lambda values: value
        if isinstance(node, ast.Name | ast.Attribute):
            path = self._axis(ast.unparse(node))
            return lambda values: plain_number(values[path])
        raise ValueError(f"{ast.unparse(node)[:60]!r}: only axes, quantities, texts in quotes, comparisons, + - * /, and, or, not")

    def _comparison(self, node: ast.Compare) -> Evaluate:
        sides = [self.made(one) for one in (node.left, *node.comparators)]
        how = [_COMPARISONS[type(one)] for one in node.ops]

        def evaluate(values: Mapping[str, Any]) -> bool:
            found = [side(values) for side in sides]
            return all(one(left, right) for one, left, right in zip(how, found, found[1:], strict=False))

        return evaluate

    def _axis(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        found = [path for path in self.axes if path == name or path.endswith("." + name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"{name!r} may be any of {', '.join(found)}; write more of the path")
        raise ValueError(f"{name!r} is no axis; {near_names(name, [*self.axes, *{path.rpartition('.')[2] for path in self.axes}])} (texts stand in quotes)")
