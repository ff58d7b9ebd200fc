"""A YAML text made to say something else by changing as little of it as can be: comments, order and layout of the rest stay.

Edits go by the places of PyYAML's nodes. What they make is read again; where it does not say exactly what was wanted (anchors that would
have to differ from their aliases, keys that vanish), the text is written anew, and only the comments at its head are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from sim.errors import EdgesimError
from sim.scenario.yaml_source import parse_yaml

_BARE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./ %+-]*")
_BLOCK_DEPTH = 3  # levels of a new text that are written as blocks


class _Stuck(Exception):
    """No small edit says what is wanted."""


@dataclass(frozen=True)
class _Edit:
    """``text`` in place of the characters ``start`` to ``stop``."""

    start: int
    stop: int
    text: str


def rewritten(text: str, wanted: dict[str, Any]) -> str:
    """A text that reads as ``wanted``, as near to ``text`` as can be. ``wanted``: plain data, as :func:`~sim.scenario.yaml_source.parse_yaml` gives it."""
    try:
        result = _edited(text, wanted)
    except _Stuck:
        return _anew(text, wanted)
    return result if _says(result, wanted) else _anew(text, wanted)


def flow_text(value: Any) -> str:
    """A value on one line, strings bare where that reads as the same string."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_text(str(key))}: {flow_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_text(inner) for inner in value) + "]"
    if isinstance(value, str) and _BARE.fullmatch(value) and not value.endswith(" ") and _scalar(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _scalar(text: str) -> Any:
    try:
        return parse_yaml(text).data
    except EdgesimError:
        return None


def _says(text: str, wanted: Any) -> bool:
    try:
        document = parse_yaml(text)
    except EdgesimError:
        return False
    return not document.problems and _same(document.data, wanted)


def _edited(text: str, wanted: Any) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        raise _Stuck
    edits = _Edits(text)
    said = parse_yaml(text).data
    if isinstance(said, dict) and list(wanted)[: len(said)] != list(said):
        raise _Stuck  # a section less: in place, the whole text would become one line
    edits.make(root, said, wanted)
    for edit in sorted(edits.found, key=lambda one: (one.start, one.stop), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.stop :]
    return text


class _Edits:
    """Collects the edits that make a text say something else."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._made: dict[int, Any] = {}  # nodes that were changed, which aliases may refer to -> what they say now
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self.found: list[_Edit] = []

    def make(self, node: yaml.Node, old: Any, new: Any) -> None:
        """Make ``node``, which says ``old``, say ``new``."""
        if _same(old, new):
            return
        self._made[id(node)] = new
        if isinstance(node, yaml.MappingNode) and isinstance(old, dict) and isinstance(new, dict) and list(new)[: len(old)] == list(old) and old:
            self._mapping(node, old, new)
        elif isinstance(node, yaml.SequenceNode) and isinstance(old, list) and isinstance(new, list) and len(new) >= len(old) > 0:
            self._sequence(node, old, new)
        else:
            self._replace(node, new)

    def _mapping(self, node: yaml.MappingNode, old: dict[str, Any], new: dict[str, Any]) -> None:
        if [key.value for key, _ in node.value] != list(old):
            raise _Stuck
        for (key, value), name in zip(node.value, old, strict=True):
            self._inside(value, old[name], new[name], key.start_mark.index)
        added = [f"{flow_text(name)}: {flow_text(new[name])}" for name in list(new)[len(old) :]]
        if added and node.flow_style:
            self._into_brackets(node, added)
        elif added:
            (first, _), (key, last) = node.value[0], node.value[-1]
            self._below(self._end(last, key.start_mark.index), first.start_mark.column, added)

    def _inside(self, node: yaml.Node, old: Any, new: Any, after: int) -> None:
        """A value in a mapping or list; what begins before ``after`` is an alias of what is written there."""
        is_alias = node.start_mark.index < after
        if is_alias and not _same(self._made.get(id(node), old), new):
            raise _Stuck
        if not is_alias:
            self.make(node, old, new)

    def _sequence(self, node: yaml.SequenceNode, old: list[Any], new: list[Any]) -> None:
        before = node.start_mark.index
        for value, was, now in zip(node.value, old, new, strict=False):
            self._inside(value, was, now, before)
            before = max(before, value.start_mark.index)
        added = [flow_text(value) for value in new[len(old) :]]
        if added and node.flow_style:
            self._into_brackets(node, added)
        elif added:
            self._below(self._end(node.value[-1], node.start_mark.index), node.start_mark.column, [f"- {value}" for value in added])

    def _into_brackets(self, node: yaml.Node, added: list[str]) -> None:
        at = node.end_mark.index - 1
        while self._text[at - 1] in " \t\r\n":
            at -= 1
        self.found.append(_Edit(at, at, ("" if self._text[at - 1] == "," else ",") + " " + ", ".join(added)))

    def _below(self, end: int, column: int, lines: list[str]) -> None:
        """New lines of a block below the line in which it ends."""
        at = self._text.find("\n", end)
        text = "".join(f"{' ' * column}{line}{self._newline}" for line in lines)
        if at < 0:
            self.found.append(_Edit(len(self._text), len(self._text), self._newline + text))
        else:
            self.found.append(_Edit(at + 1, at + 1, text))

    def _replace(self, node: yaml.Node, new: Any) -> None:
        start, stop = node.start_mark.index, self._end(node, node.start_mark.index)
        blank = " " if start == stop and start and self._text[start - 1] in ":-" else ""
        self.found.append(_Edit(start, stop, blank + flow_text(new)))

    def _end(self, node: yaml.Node, after: int) -> int:
        """Where the text of a node ends; the node of a block says only where the next thing begins."""
        if node.start_mark.index < after:
            raise _Stuck  # an alias
        if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
            key, value = node.value[-1]
            return self._end(value, key.start_mark.index)
        if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
            return self._end(node.value[-1], node.start_mark.index)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            raise _Stuck
        return int(node.end_mark.index)


def _same(a: Any, b: Any) -> bool:
    """Whether two pieces of plain data are written alike: 1 and true differ, and so do 1 and 1.0; keys are in the same order."""
    return json.dumps(a) == json.dumps(b)


def _anew(text: str, wanted: dict[str, Any]) -> str:
    """The data under the comments at the head of the text."""
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line)
    return "\n".join([*head, *_block(wanted, 0)]) + "\n"


def _block(data: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, dict) and value and depth < _BLOCK_DEPTH and any(isinstance(inner, dict | list) for inner in value.values()):
            yield f"{'  ' * depth}{flow_text(key)}:"
            yield from _block(value, depth + 1)
        elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
            yield f"{'  ' * depth}{flow_text(key)}:"
            yield from (f"{'  ' * depth}  - {flow_text(inner)}" for inner in value)
        else:
            yield f"{'  ' * depth}{flow_text(key)}: {flow_text(value)}"
