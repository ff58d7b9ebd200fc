"""Graphs as text that people can read and that parses back to the same graph (stored values are not part of it).

::

    graph net (image) -> (probabilities) {
      note source = "zoo:net"
      input image: f32[1, 3, 32, 32]
      weight w: f32[8, 3, 3, 3]
      y: f32[1, 8, 32, 32] = Conv conv1(image, w) {pads = (1, 1, 1, 1)} + Relu relu1(@)
    }

An operator without outputs is written ``call Type name(...)``. A name that is no plain word is written as a JSON string.
Values: integers, floats (also ``inf`` and ``nan``), strings, ``true``, ``false``, ``none``, number formats (``#f32``),
lists ``[1, 2]``, tuples ``(1,)``, mappings ``{"key": 1}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from device_models.work import DType
from sim.errors import ModelError, Problem
from sim.graph.ir import RUNNING, Graph, Op, Quantization, Role, Sparsity, Tensor
from sim.graph.verify import verify

_WORD = re.compile(r"(?!(?:inf|nan)\b)[A-Za-z_][A-Za-z0-9_./]*")
_ROLES: tuple[str, ...] = get_args(Role)
_FORMATS = {dtype.name.lower(): dtype for dtype in DType}
_DEEPEST = 50  # nested values
T = TypeVar("T")


def to_text(graph: Graph) -> str:
    """The graph as text. Raises ModelError for an attribute of a type that has no written form."""
    made = {name for op in graph.ops for name in op.outputs}
    lines = [f"graph {_name(graph.name)} ({_names(graph.inputs)}) -> ({_names(graph.outputs)}) {{"]
    lines += [f"  note {_name(key)} = {_value(value, f'note {key}')}" for key, value in graph.notes.items()]
    lines += [f"  {tensor.role} {_typed(tensor)}" for tensor in graph.tensors.values() if tensor.name not in made]
    lines += [f"  {_statement(graph, op)}" for op in graph.ops]
    return "\n".join([*lines, "}"]) + "\n"


def from_text(text: str, *, check: bool = True) -> Graph:
    """The graph that a text describes, verified unless ``check`` is off.

    Raises ModelError with line and column of a mistake in the text, and with everything the verifier finds.
    """
    graph = _Parser(text).graph()
    return verify(graph) if check else graph


def _name(name: str) -> str:
    return name if _WORD.fullmatch(name) else json.dumps(name)


def _names(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(RUNNING if name == RUNNING else _name(name) for name in names)


def _typed(tensor: Tensor) -> str:
    groups = f"+{tensor.group_bits!r}" if tensor.group_bits else ""
    text = f"{_name(tensor.name)}: {tensor.dtype.name.lower()}{groups}[{', '.join(map(str, tensor.shape))}]"
    if tensor.quantization is not None:
        found = tensor.quantization
        parts = [_value(tuple(found.scale), "scale"), _value(tuple(found.zero_point), "zero_point"), _value(found.axis, "axis")]
        text += f" quantized({', '.join([*parts, 'true'] if found.unsigned else parts)})"
    if tensor.sparsity is not None:
        text += f" sparse({tensor.sparsity.ratio!r}, {json.dumps(tensor.sparsity.structure)}, {_value(tensor.sparsity.block, 'block')})"
    return text + (f" clustered({tensor.clusters})" if tensor.clusters else "")


def _statement(graph: Graph, op: Op) -> str:
    outputs = []
    for name in op.outputs:
        tensor = graph.tensors[name]
        outputs.append((f"{tensor.role} " if tensor.role != "activation" else "") + _typed(tensor))
    return f"{', '.join(outputs)} = {_op(op)}" if outputs else f"call {_op(op)}"


def _op(op: Op, *, with_outputs: bool = False) -> str:
    text = f"{_name(op.type)} {_name(op.name)}({_names(op.inputs)})"
    if op.attributes:
        text += " {" + ", ".join(f"{_name(key)} = {_value(value, f'{op.name}.{key}')}" for key, value in op.attributes.items()) + "}"
    if with_outputs and op.outputs:
        text += f" -> ({_names(op.outputs)})"
    for fused in op.fused:
        inner = _op(fused, with_outputs=True)
        text += f" + <{inner}>" if fused.fused else f" + {inner}"
    return text


def _value(value: Any, where: str) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, DType):
        return f"#{value.name.lower()}"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(part, where) for part in value) + "]"
    if isinstance(value, tuple):
        inner = ", ".join(_value(part, where) for part in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return "{" + ", ".join(f"{json.dumps(key)}: {_value(part, where)}" for key, part in value.items()) + "}"
    raise ModelError(f"{where}: a value of type {type(value).__name__} cannot be written as text")


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|//[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>-?(?:inf\b|nan\b|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))
      | (?P<word>[A-Za-z_][A-Za-z0-9_./]*)
      | (?P<format>\#[a-z0-9]+)
      | (?P<mark>->|[(){}\[\]<>,:=+@])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


class _Parser:
    """Recursive descent over tokens; every complaint carries line and column."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split()
        self.at = 0

    def _split(self) -> list[_Token]:
        tokens, position = [], 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._error(f"unexpected character {self.text[position]!r}", position)
            if match.lastgroup != "space":
                tokens.append(_Token(str(match.lastgroup), match.group(), position))
            position = match.end()
        return [*tokens, _Token("end", "the end of the text", len(self.text))]

    def _error(self, what: str, position: int) -> ModelError:
        line = self.text.count("\n", 0, position) + 1
        column = position - (self.text.rfind("\n", 0, position) + 1) + 1
        return ModelError(Problem(line=line, column=column, what=what))

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, expected: str) -> ModelError:
        return self._error(f"expected {expected}, found {self.token.text}", self.token.start)

    def accept(self, mark: str) -> bool:
        """Step over a mark or word if it is next."""
        if self.token.kind in ("mark", "word") and self.token.text == mark:
            self.at += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            raise self.fail(repr(mark))

    def take(self, kind: str, expected: str) -> _Token:
        if self.token.kind != kind:
            raise self.fail(expected)
        self.at += 1
        return self.tokens[self.at - 1]

    def listed(self, close: str, part: Callable[[], T]) -> list[T]:
        """Parts separated by commas up to a closing mark; a comma before it is allowed."""
        parts: list[T] = []
        while not self.accept(close):
            parts.append(part())
            if not self.accept(","):
                self.expect(close)
                break
        return parts

    def graph(self) -> Graph:
        self.expect("graph")
        graph = Graph(self.name())
        self.expect("(")
        graph.inputs = self.listed(")", self.name)
        self.expect("->")
        self.expect("(")
        graph.outputs = self.listed(")", self.name)
        self.expect("{")
        while not self.accept("}"):
            self.statement(graph)
        self.take("end", "nothing after the graph")
        return graph

    def name(self) -> str:
        if self.token.kind == "string":
            return self.string()
        if self.accept(RUNNING):
            return RUNNING
        return self.take("word", "a name").text

    def string(self) -> str:
        token = self.take("string", "a string")
        try:
            return str(json.loads(token.text))
        except ValueError:
            raise self._error("a string with a wrong escape or control character", token.start) from None

    def statement(self, graph: Graph) -> None:
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        named = self.token.kind == "word" and following.kind in ("word", "string")
        if named and self.token.text == "note":
            self.at += 1
            key = self.name()
            self.expect("=")
            graph.notes[key] = self.value()
            return
        if named and self.token.text == "call":
            self.at += 1
            graph.ops.append(self.op())
            return
        outputs = [self.tensor(graph)]
        while self.accept(","):
            outputs.append(self.tensor(graph))
        if len(outputs) == 1 and named and not (self.token.kind == "mark" and self.token.text == "="):
            return  # a declaration
        if not self.accept("="):
            raise self.fail("'=' and an operator")
        op = self.op()
        op.outputs = tuple(outputs)
        graph.ops.append(op)

    def tensor(self, graph: Graph) -> str:
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        role = "activation"
        if self.token.kind == "word" and self.token.text in _ROLES and following.kind in ("word", "string"):
            role = self.token.text
            self.at += 1
        start = self.token.start
        name = self.name()
        if name in graph.tensors:
            raise self._error(f"tensor {name!r} is declared twice", start)
        self.expect(":")
        dtype = self.format_named(self.take("word", "a number format"))
        group_bits = self.group_bits() if self.accept("+") else 0.0
        self.expect("[")
        shape = tuple(self.listed("]", self.extent))
        quantization = self.quantization() if self.is_called("quantized") else None
        sparsity = self.sparsity() if self.is_called("sparse") else None
        clusters = self.clusters() if self.is_called("clustered") else 0
        graph.tensors[name] = Tensor(name, shape, dtype, role, quantization, group_bits=group_bits, sparsity=sparsity, clusters=clusters)  # type: ignore[arg-type]
        return name

    def group_bits(self) -> float:
        start = self.token.start
        bits = self.number()
        if not 0 <= bits <= 64:
            raise self._error("the scales of groups take 0 to 64 bits an element", start)
        return float(bits)

    def format_named(self, token: _Token) -> DType:
        if token.text.removeprefix("#") not in _FORMATS:
            raise self._error(f"unknown number format {token.text!r}; known: {', '.join(_FORMATS)}", token.start)
        return _FORMATS[token.text.removeprefix("#")]

    def extent(self) -> int:
        start = self.token.start
        value = self.number()
        if not isinstance(value, int) or value < 0:
            raise self._error("an extent is a whole number, at least 0", start)
        return value

    def is_called(self, word: str) -> bool:
        """Step over a word if it stands before a parenthesis; else a tensor of that name begins the next statement."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)].text == "(" and self.accept(word)

    def sparsity(self) -> Sparsity:
        start = self.token.start
        self.expect("(")
        parts = self.listed(")", self.value)
        block_fits = len(parts) == 3 and isinstance(parts[2], tuple) and len(parts[2]) == 2 and all(isinstance(extent, int) for extent in parts[2])
        if not block_fits or not isinstance(parts[0], float) or not 0 <= parts[0] <= 1 or parts[1] not in ("element", "block", "2:4"):
            raise self._error('a sparsity is written sparse(ratio, "element" or "block" or "2:4", (rows, columns))', start)
        return Sparsity(*parts)

    def clusters(self) -> int:
        start = self.token.start
        self.expect("(")
        parts = self.listed(")", self.value)
        count = parts[0] if len(parts) == 1 else None
        if not isinstance(count, int) or count < 1:
            raise self._error("a number of clusters is a whole number, at least 1", start)
        return count

    def quantization(self) -> Quantization:
        start = self.token.start
        self.expect("(")
        parts = self.listed(")", self.value)
        unsigned = parts.pop() if len(parts) == 4 and isinstance(parts[3], bool) else False
        shape_fits = len(parts) == 3 and isinstance(parts[0], tuple) and isinstance(parts[1], tuple) and (parts[2] is None or isinstance(parts[2], int))
        if not shape_fits or not all(isinstance(scale, float) for scale in parts[0]) or not all(isinstance(point, int) for point in parts[1]):
            raise self._error(
                "a quantization is written quantized((scales,), (zero points,), axis or none), with true at the end where integers are unsigned", start
            )
        return Quantization(parts[0], parts[1], parts[2], unsigned)

    def op(self) -> Op:
        """An operator with what is fused into it."""
        op = self.single_op()
        fused = []
        while self.accept("+"):
            if self.accept("<"):
                fused.append(self.op())
                self.expect(">")
            else:
                fused.append(self.single_op())
        op.fused = tuple(fused)
        return op

    def single_op(self) -> Op:
        type, name = self.name(), self.name()
        self.expect("(")
        inputs = tuple(self.listed(")", self.name))
        attributes = dict(self.listed("}", self.attribute)) if self.accept("{") else {}
        outputs: list[str] = []
        if self.accept("->"):
            self.expect("(")
            outputs = self.listed(")", self.name)
        return Op(name, type, inputs, tuple(outputs), attributes)

    def attribute(self) -> tuple[str, Any]:
        key = self.name()
        self.expect("=")
        return key, self.value()

    def value(self, depth: int = 0) -> Any:
        token = self.token
        if depth > _DEEPEST:
            raise self._error(f"values are nested more than {_DEEPEST} deep", token.start)
        if token.kind == "string":
            return self.string()
        if token.kind == "number":
            return self.number()
        if token.kind == "format":
            self.at += 1
            return self.format_named(token)
        if token.kind == "word":
            self.at += 1
            return self.word_value(token)
        if self.accept("["):
            return self.listed("]", lambda: self.value(depth + 1))
        if self.accept("("):
            return tuple(self.listed(")", lambda: self.value(depth + 1)))
        if self.accept("{"):
            return dict(self.listed("}", lambda: self.entry(depth + 1)))
        raise self.fail("a value")

    def entry(self, depth: int) -> tuple[str, Any]:
        key = self.string()
        self.expect(":")
        return key, self.value(depth)

    def word_value(self, token: _Token) -> Any:
        words = {"true": True, "false": False, "none": None}
        if token.text not in words:
            raise self._error(f"unknown value {token.text!r}; text is written in quotes", token.start)
        return words[token.text]

    def number(self) -> int | float:
        token = self.take("number", "a number")
        if re.fullmatch(r"-?\d+", token.text) is None:
            return float(token.text)
        try:
            return int(token.text)
        except ValueError:
            raise self._error("a whole number with too many digits", token.start) from None
