"""The text of a .param file as records, in an order in which they can run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import ModelError, Problem

MAGIC = "7767517"
MAX_BYTES = 8 << 20  # the largest published ones have half a megabyte
MAX_LAYERS = 100_000
MAX_TOKEN = 4096
ARRAY = -23300  # a key of -23300 - id holds an array: length, then its elements
SHAPE_HINTS = 30  # array id of the shapes that ncnn's optimiser recorded: per output (dims, w, h, c)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$")

Value = int | float | str | list[int | float]


@dataclass
class Layer:
    """One line: ``type name inputs outputs`` and numbered parameters."""

    line: int
    type: str
    name: str
    inputs: list[str]
    outputs: list[str]
    parameters: dict[int, Value] = field(default_factory=dict)
    label: str = ""  # its name in graphs: readable, and no other layer's

    def problem(self, what: str) -> ModelError:
        return ModelError(Problem(line=self.line, path=self.name, what=f"{self.type}: {what}"))

    def has(self, key: int) -> bool:
        return key in self.parameters

    def number(self, key: int, default: float = 0.0) -> float:
        value = self.parameters.get(key, default)
        if isinstance(value, str | list):
            raise self.problem(f"parameter {key} must be one number")
        return float(value)

    def whole(self, key: int, default: int = 0) -> int:
        number = self.number(key, default)
        if number != int(number):
            raise self.problem(f"parameter {key} must be a whole number, it is {number}")
        return int(number)

    def count(self, key: int, default: int = 0) -> int:
        """A parameter that is a size: at least 1."""
        value = self.whole(key, default)
        if value < 1:
            raise self.problem(f"parameter {key} is {value}, it must be at least 1")
        return value

    def array(self, key: int) -> list[float]:
        value = self.parameters.get(key, [])
        if isinstance(value, str):
            raise self.problem(f"parameter {key} must be a list of numbers")
        return [float(part) for part in value] if isinstance(value, list) else [float(value)]

    def wholes(self, key: int) -> list[int]:
        return [int(part) for part in self.array(key)]


def read_param(path: Path) -> list[Layer]:
    """The layers of a file, each after those whose blobs it reads. Raises ModelError with the line of what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read the file: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ModelError(f"larger than {MAX_BYTES >> 20} MiB, which no .param file is")
    lines = [(i, line.split()) for i, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1) if line.strip()]
    if not lines or lines[0][1] != [MAGIC]:
        hint = "; the format of ncnn before 2017 is not supported" if lines and len(lines[0][1]) == 2 else ""
        raise ModelError(Problem(line=1, what=f"not an ncnn .param file: the first line must be {MAGIC}{hint}"))
    if len(lines) < 2 or len(lines[1][1]) != 2 or not all(token.isdecimal() and len(token) < 10 for token in lines[1][1]):
        raise ModelError(Problem(line=2, what="the second line must hold the numbers of layers and blobs"))
    stated = int(lines[1][1][0])
    if stated > MAX_LAYERS:
        raise ModelError(Problem(line=lines[1][0], what=f"more than {MAX_LAYERS} layers"))
    if stated > len(lines) - 2:
        raise ModelError(Problem(line=lines[1][0], what=f"the file states {stated} layers and has {len(lines) - 2}; it is cut off"))
    layers = [_read_layer(line, tokens) for line, tokens in lines[2 : 2 + stated]]  # like ncnn, which reads no further
    _label(layers)
    return _in_order(layers)


def clean(name: str) -> str:
    """A name without characters that the text form of graphs does not take."""
    return re.sub(r"[^\w./:-]+", "_", name)[:80] or "unnamed"


def _label(layers: list[Layer]) -> None:
    taken: set[str] = set()
    for layer in layers:
        label = clean(layer.name)
        layer.label = f"{label}_{layer.line}" if label in taken else label
        taken.add(layer.label)


def _read_layer(line: int, tokens: list[str]) -> Layer:
    if any(len(token) > MAX_TOKEN for token in tokens):
        raise ModelError(Problem(line=line, what="a word of more than 4096 characters"))
    if len(tokens) < 4 or not all(token.isdecimal() and len(token) < 6 for token in tokens[2:4]):
        raise ModelError(Problem(line=line, what="expected: type name number-of-inputs number-of-outputs blobs parameters"))
    inputs, outputs = int(tokens[2]), int(tokens[3])
    blobs, rest = tokens[4 : 4 + inputs + outputs], tokens[4 + inputs + outputs :]
    if len(blobs) < inputs + outputs or any(re.match(r"-?\d+=", blob) for blob in blobs):
        raise ModelError(Problem(line=line, path=tokens[1], what=f"{inputs} inputs and {outputs} outputs are announced, fewer blobs are named"))
    layer = Layer(line, tokens[0], tokens[1], blobs[:inputs], blobs[inputs:])
    for token in rest:
        _read_parameter(layer, token)
    return layer


def _read_parameter(layer: Layer, token: str) -> None:
    key, equals, text = token.partition("=")
    if not equals or not re.fullmatch(r"-?\d{1,6}", key):
        raise layer.problem(f"cannot read {token[:60]!r}; a parameter is written id=value")
    number = int(key)
    if number <= ARRAY:
        parts = text.split(",")
        elements = [_read_number(layer, part) for part in parts[1:]]
        if parts[0] != str(len(elements)):
            raise layer.problem(f"array {key} announces {parts[0][:20]} elements and has {len(elements)}")
        layer.parameters[ARRAY - number] = elements
    elif text.startswith('"'):
        layer.parameters[number] = text.strip('"')  # a word or a formula, which may hold commas
    elif "," in text:
        layer.parameters[number] = [_read_number(layer, part) for part in text.split(",")]
    else:
        layer.parameters[number] = _read_number(layer, text) if _NUMBER.match(text) else text


def _read_number(layer: Layer, text: str) -> int | float:
    if not _NUMBER.match(text) or len(text) > 40:
        raise layer.problem(f"{text[:60]!r} is not a number")
    value: int | float = int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    if (abs(value) >= 2**32 and isinstance(value, int)) or abs(value) > 1e39:
        raise layer.problem(f"{text[:60]} does not fit into 32 bits")
    return value


def _in_order(layers: list[Layer]) -> list[Layer]:
    """Stable topological order. Raises ModelError for a blob made twice or by nobody, or a cycle."""
    makers: dict[str, int] = {}
    for position, layer in enumerate(layers):
        for blob in layer.outputs:
            if blob in makers:
                raise layer.problem(f"blob {blob!r} is already made by {layers[makers[blob]].name!r}")
            makers[blob] = position
    for layer in layers:
        missing = [blob for blob in layer.inputs if blob not in makers]
        if missing:
            raise layer.problem(f"no layer makes the blob {missing[0]!r}")
    if all(makers[blob] < position for position, layer in enumerate(layers) for blob in layer.inputs):
        return layers
    return _sorted(layers, makers)


def _sorted(layers: list[Layer], makers: dict[str, int]) -> list[Layer]:
    waits = [len({makers[blob] for blob in layer.inputs}) for layer in layers]
    readers: list[list[int]] = [[] for _ in layers]
    for position, layer in enumerate(layers):
        for maker in {makers[blob] for blob in layer.inputs}:
            readers[maker].append(position)
    ready = [position for position, count in enumerate(waits) if not count]
    order: list[Layer] = []
    for position in ready:  # grows while it is walked
        order.append(layers[position])
        for reader in readers[position]:
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    if len(order) < len(layers):
        stuck = next(layer for layer, count in zip(layers, waits, strict=True) if count)
        raise stuck.problem("waits for itself: its blobs form a cycle")
    return order
