"""A model written in the scenario itself: an input and a short list of layers.

``{op: conv, out: 32, kernel: 3, stride: 2, activation: relu}``; each layer reads the one before it, or those that ``from`` names. A layer
gets a name with ``name``; ``input`` is the name of the input. The kinds and their options are in :mod:`sim.frontends.layer_kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from device_models.work import DType
from sim.errors import EdgesimError, ModelError, Problem
from sim.frontends.layer_kinds import KINDS, Kind, OptionError, Use
from sim.frontends.limits import check_shape
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.registry import near_names

DTYPES = {"float32": DType.F32, "float16": DType.F16, "bfloat16": DType.BF16, "int8": DType.I8, "int16": DType.I16, "int32": DType.I32, "int64": DType.I64}
MAX_LAYERS = 10_000
_COMMON = ("op", "name", "from")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_INDICES = (DType.I32, DType.I64)


def import_layers(name: str, input: Mapping[str, Any] | None, layers: Sequence[Mapping[str, Any]]) -> Graph:
    """The verified graph of a list of layers; tensors are ``[batch, channels, *spatial]``, ``[batch, steps, features]`` or ``[batch, features]``.

    Raises EdgesimError with every mistake, each with its path such as ``layers.3.kernel``. A layer whose input is mistaken is only checked
    for its options.
    """
    reader = _Reader(name)
    reader.read_input(input)
    if not isinstance(layers, list | tuple) or not 0 < len(layers) <= MAX_LAYERS:
        reader.report("layers", f"must be a list of 1 to {MAX_LAYERS} layers")
    else:
        for position, layer in enumerate(layers):
            reader.read_layer(position, layer)
    if reader.problems:
        raise EdgesimError(reader.problems)
    return reader.finish()


class _Reader:
    """Reads layer after layer. ``known``: name -> tensor, None if the layer of that name is mistaken."""

    def __init__(self, name: str) -> None:
        self.builder = GraphBuilder(name)
        self.problems: list[Problem] = []
        self.known: dict[str, str | None] = {}
        self.last: str | None = None
        self.unread: dict[str, None] = {}

    def report(self, path: str, what: str) -> None:
        self.problems.append(Problem(path=path, what=what))

    def read_input(self, raw: Mapping[str, Any] | None) -> None:
        if not isinstance(raw, Mapping) or "shape" not in raw:
            self.report("input", "a model of layers needs an input such as {shape: [1, 3, 32, 32]}")
            self.known["input"] = None
            return
        for key in sorted(set(raw) - {"shape", "dtype"}, key=str):
            self.report(f"input.{key}", f"unknown key; {near_names(str(key), ('shape', 'dtype'))}")
        shape, dtype = raw["shape"], raw.get("dtype", "float32")
        if not isinstance(shape, list | tuple) or not shape or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape):
            self.report("input.shape", f"must be a list of whole numbers from 1, the batch first, got {shape!r}")
            shape = None
        if not isinstance(dtype, str) or dtype not in DTYPES:
            dtype = str(dtype)
            self.report("input.dtype", f"unknown number format {dtype!r}; {near_names(str(dtype), DTYPES)}")
        if shape is not None and dtype in DTYPES:
            try:
                self.builder.dtype = DType.F32 if DTYPES[dtype] in _INDICES else DTYPES[dtype]
                self.last = self.builder.input("input", check_shape("input", shape), DTYPES[dtype])
            except ModelError as error:
                self.report("input.shape", error.problems[0].what)
        self.known["input"] = self.last

    def read_layer(self, position: int, raw: Any) -> None:
        path = f"layers.{position}"
        before = len(self.problems)
        kind = self._kind(path, raw)
        if kind is None:
            self._remember(path, raw if isinstance(raw, Mapping) else {}, None)
            return
        options = self._options(path, raw, kind)
        inputs = self._inputs(path, raw, kind)
        tensor = None
        if len(self.problems) == before and None not in inputs:
            tensor = self._build(path, raw, kind, [name for name in inputs if name is not None], options, position)
        self._remember(path, raw, tensor)

    def _kind(self, path: str, raw: Any) -> Kind | None:
        if not isinstance(raw, Mapping) or "op" not in raw:
            self.report(path, "a layer is written {op: ..., options}, such as {op: conv, out: 32, kernel: 3}")
            return None
        if not isinstance(raw["op"], str) or raw["op"] not in KINDS:
            self.report(f"{path}.op", f"unknown layer {raw['op']!r}; {near_names(str(raw['op']), KINDS)}")
            return None
        return KINDS[raw["op"]]

    def _options(self, path: str, raw: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key in raw:
            if key not in kind.options and key not in _COMMON:
                self.report(f"{path}.{key}", f"{raw['op']} has no such option; {near_names(str(key), [*kind.options, *_COMMON])}")
        for key, option in kind.options.items():
            if key not in raw:
                values[key] = option.default
                if option.required:
                    self.report(path, f"{raw['op']} needs {key!r}")
                continue
            try:
                values[key] = option.check(raw[key])
            except ValueError as error:
                self.report(f"{path}.{key}", f"expected {error}, got {raw[key]!r}")
        return values

    def _inputs(self, path: str, raw: Mapping[str, Any], kind: Kind) -> list[str | None]:
        sources = raw.get("from")
        names = [] if sources is None else [sources] if isinstance(sources, str) else sources
        if not isinstance(names, list | tuple) or any(not isinstance(name, str) for name in names):
            self.report(f"{path}.from", f"must be a name or a list of names, got {sources!r}")
            return [None]
        for name in names:
            if name not in self.known:
                self.report(f"{path}.from", f"no layer before it is named {name!r}; {near_names(name, self.known)}")
        found = [self.known.get(name) for name in names]
        if not kind.several:
            if len(found) > 1:
                self.report(f"{path}.from", f"{raw['op']} reads one layer")
            return found[:1] or [self.last]
        if len(found) == 1:  # a branch joins the layer before
            return [self.last, *found]
        if not found:
            self.report(path, f"{raw['op']} needs 'from': the name of a layer to join the one before, or a list of names")
        return found

    def _build(self, path: str, raw: Mapping[str, Any], kind: Kind, inputs: list[str], options: dict[str, Any], position: int) -> str | None:
        name = raw["name"] if isinstance(raw.get("name"), str) else f"{raw['op']}_{position}"
        try:
            tensor = kind.build(Use(self.builder, name, inputs, options))
            check_shape(name, self.builder.shape(tensor))
        except OptionError as error:
            self.report(".".join(part for part in (path, error.option) if part), f"{raw['op']}: {error.what}")
            return None
        except ModelError as error:
            self.report(path, "; ".join(problem.what for problem in error.problems))
            return None
        except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
            self.report(path, f"{raw['op']} does not fit an input of shape {[list(self.builder.shape(name)) for name in inputs]}: {error}")
            return None
        for read in inputs:
            self.unread.pop(read, None)
        self.unread[tensor] = None
        return tensor

    def _remember(self, path: str, raw: Mapping[str, Any], tensor: str | None) -> None:
        self.last = tensor
        if "name" not in raw:
            return
        name = raw["name"]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.report(f"{path}.name", f"must be letters, digits and . _ - only, got {name!r}")
        elif name in self.known:
            self.report(f"{path}.name", f"{name!r} is the name of an earlier layer")
        else:
            self.known[name] = tensor

    def finish(self) -> Graph:
        """Outputs are the layers that no other reads."""
        self.builder.graph.notes |= {"source": "layers", "format": "layers"}
        return self.builder.finish(*self.unread)
