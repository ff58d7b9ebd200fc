"""YAML text as plain data, with the place of every value and key.

The text is not trusted: it is composed into nodes with PyYAML's Python scanner (the C one overflows its stack on deep nesting)
and walked here; nothing is ever constructed from a tag. Scalars follow the YAML 1.2 core schema (``on`` and ``1:30`` are text,
``1e9`` is a number, ``010`` is ten). Refused, each at its place: duplicate keys, tags, merge keys, keys that are not text,
infinite numbers, control characters, several documents; and what could exhaust memory or time: more than ``MAX_BYTES``,
``MAX_DEPTH`` levels, ``MAX_NODES`` values (aliases counted as often as they are used), ``MAX_TEXT`` characters in one value.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from sim.errors import EdgesimError, Problem
from sim.scenario.positions import Path, Place, Places, dotted

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 40
MAX_TEXT = 10_000

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LARGEST_INT = 2**63

# PyYAML's words for the commonest mistakes, what a person should do about them, and whether the place is where the construct began.
_ADVICE = (
    (r"mapping values are not allowed here", "a ':' is not allowed here; put the text in quotes, or mend the indentation", False),
    (r"could not find expected ':'", "expected 'key: value', with a blank after the ':'", True),
    (r"expected <block end>, but found .*", "does not fit the lines above; mend the indentation", False),
    (r"found character '\\t' that cannot start any token", "a tab cannot indent; use spaces", False),
    (r"found character '(.)' that cannot start any token", r"a value cannot begin with '\1'; put it in quotes", False),
    (r"found unexpected end of stream", "the quote that begins here is never closed", True),
    (r"expected the node content, but found '(.*)'", r"a value is missing before '\1'", False),
    (r"but found another document", "a second document begins here; a file holds one", False),
)


@dataclass
class YamlDocument:
    """Plain data (dict, list, str, int, float, bool, None), its places, and the mistakes that did not prevent reading on."""

    data: Any
    places: Places
    problems: list[Problem] = field(default_factory=list)


class _Refused(Exception):
    def __init__(self, what: str, mark: Mark) -> None:
        super().__init__(what)
        self.what, self.mark = what, mark


def read_yaml(path: FilePath, shown: str | None = None, below: Path = ()) -> YamlDocument:
    """Read a file. Raises EdgesimError if it cannot be read or is not YAML."""
    file = shown or str(path)
    return parse_yaml(_read_bytes(path, file), file, below)


def parse_yaml(text: str | bytes, file: str = "", below: Path = ()) -> YamlDocument:
    """Parse a text. Raises EdgesimError with the place if it is not YAML or exceeds a limit; lesser mistakes are in ``problems``."""
    if isinstance(text, bytes):
        text = _decoded(text, file)
    if len(text) > MAX_BYTES:
        raise EdgesimError(Problem(file, what=f"longer than {MAX_BYTES:,} characters; a scenario or device file is far smaller"))
    if odd := Reader.NON_PRINTABLE.search(text):
        raise EdgesimError(_at_offset(file, text, odd.start(), f"character {odd[0]!r} is not allowed in YAML"))
    composer = _Composer(text)
    try:
        root = composer.get_single_node()
        if root is None:
            raise EdgesimError(Problem(file, 1, 1, what="empty: nothing is written here"))
        walk = _Walk(file, below)
        data = walk.value(root, (), ())
    except _Refused as refusal:
        raise EdgesimError(_problem(file, refusal.mark, refusal.what)) from None
    except MarkedYAMLError as error:
        raise EdgesimError(_syntax_problem(file, error, composer.get_mark())) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise EdgesimError(_problem(file, composer.get_mark(), f"cannot be read as YAML: {error}")) from None
    return YamlDocument(data, walk.places, _tag_problems(file, composer.tags, walk.places) + walk.problems)


def _tag_problems(file: str, tags: list[tuple[str, Mark]], places: Places) -> list[Problem]:
    paths = {(place.line, place.column): path for path, place in places.values.items()} if tags else {}
    return [
        _problem(file, mark, f"tag {tag!r} is not allowed; write the plain value", dotted(paths.get((mark.line + 1, mark.column + 1), ())))
        for tag, mark in tags
    ]


def _read_bytes(path: FilePath, file: str) -> bytes:
    try:
        if path.is_dir():
            raise EdgesimError(Problem(file, what="is a folder; expected a YAML file"))
        if path.exists() and not path.is_file():
            raise EdgesimError(Problem(file, what="is not a regular file"))
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise EdgesimError(Problem(file, what="no such file")) from None
    except (OSError, ValueError) as error:
        raise EdgesimError(Problem(file, what=f"cannot be read: {getattr(error, 'strerror', None) or error}")) from None
    if len(content) > MAX_BYTES:
        raise EdgesimError(Problem(file, what=f"longer than {MAX_BYTES:,} bytes; a scenario or device file is far smaller"))
    return content


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        raise EdgesimError(_at_offset(file, before, len(before), f"byte 0x{content[error.start]:02x} is not UTF-8 text")) from None


def _at_offset(file: str, text: str, offset: int, what: str) -> Problem:
    line_start = text.rfind("\n", 0, offset) + 1
    return Problem(file, text.count("\n", 0, offset) + 1, offset - line_start + 1, what=what)


def _problem(file: str, mark: Mark, what: str, path: str = "") -> Problem:
    return Problem(file, mark.line + 1, mark.column + 1, path, what)


def _syntax_problem(file: str, error: MarkedYAMLError, last: Mark) -> Problem:
    mark = error.problem_mark or error.context_mark or last
    what = (error.problem or error.context or "cannot be read as YAML").strip()
    for pattern, advice, at_context in _ADVICE:
        if match := re.fullmatch(pattern, what):
            return _problem(file, (error.context_mark if at_context else None) or mark, match.expand(advice))
    if error.context and error.context_mark and error.context_mark.line != mark.line:
        what += f" ({error.context} that began in line {error.context_mark.line + 1})"
    return _problem(file, mark, what)


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """Events to nodes, within the limits; explicit tags are noted and otherwise ignored."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.tags: list[tuple[str, Mark]] = []
        self._count = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self._count += 1
        self._depth += 1
        if self._count > MAX_NODES:
            raise _Refused(f"more than {MAX_NODES:,} values", event.start_mark)
        if self._depth > MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        if getattr(event, "tag", None) is not None:
            self.tags.append((event.tag, event.start_mark))
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Walk:
    """Nodes to plain data and places. An anchored node is walked again wherever its alias stands, and counted again."""

    def __init__(self, file: str, below: Path) -> None:
        self.file, self.below = file, below
        self.places, self.problems = Places(), list[Problem]()
        self._count = self._characters = 0

    def value(self, node: yaml.Node, path: Path, within: tuple[int, ...]) -> Any:
        self._count += 1
        if self._count > MAX_NODES or self._characters > 2 * MAX_BYTES:
            raise _Refused(f"aliases expand to more than {MAX_NODES:,} values or {2 * MAX_BYTES:,} characters", node.start_mark)
        if id(node) in within:
            raise _Refused("an alias refers to the value it stands in", node.start_mark)
        if len(within) > MAX_DEPTH:
            raise _Refused(f"aliases nest deeper than {MAX_DEPTH} levels", node.start_mark)
        self.places.values[path] = self._place(node.start_mark)
        within = (*within, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, within)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index), within) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, within: tuple[int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "":
                self._wrong(mark, path, "a key must be a name")
                continue
            key = self._clean(key_node, path)
            if key == "<<" and key_node.style is None:
                self._wrong(mark, path, "merge keys ('<<') are not supported; write the keys out, or use an alias for a whole value")
            elif key in first_line:
                self._wrong(mark, (*path, key), f"key {key!r} is already given in line {first_line[key]}")
            else:
                first_line[key] = mark.line + 1
                self.places.keys[(*path, key)] = self._place(mark)
                result[key] = self.value(value_node, (*path, key), within)
        return result

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text = self._clean(node, path)
        if getattr(node, "style", None) is not None:  # quoted or block: always text
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _NOT_FINITE.fullmatch(text):
            return self._wrong(node.start_mark, path, f"{text} is not a finite number")
        if _INT.fullmatch(text):
            return self._whole(node, path, text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            return number if math.isfinite(number) else self._wrong(node.start_mark, path, "number too large")
        return text

    def _whole(self, node: yaml.Node, path: Path, text: str) -> int:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        if len(text) > 70 or abs(number := int(text, base)) >= _LARGEST_INT:
            self._wrong(node.start_mark, path, "number too large")
            return 0
        return number

    def _clean(self, node: yaml.Node, path: Path) -> str:
        text: str = node.value
        self._characters += len(text)
        if len(text) > MAX_TEXT:
            self._wrong(node.start_mark, path, f"longer than {MAX_TEXT:,} characters")
            return text[:MAX_TEXT]
        if odd := Reader.NON_PRINTABLE.search(text):  # escapes of quoted text can write what the file itself may not hold
            self._wrong(node.start_mark, path, f"character {odd[0]!r} is not allowed")
            return Reader.NON_PRINTABLE.sub("?", text)
        return text

    def _place(self, mark: Mark) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1, self.below)

    def _wrong(self, mark: Mark, path: Path, what: str) -> None:
        self.problems.append(_problem(self.file, mark, what, dotted(path)))
