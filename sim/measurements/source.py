"""A file of measurements as text, and as JSON where it is JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sim.errors import EdgesimError, Problem

MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Source:
    """``file``: as the user named it. ``data``: the parsed JSON, None if the text is not JSON; ``damage``: why it could not be parsed."""

    file: str
    text: str
    data: Any = None
    damage: Problem | None = None
    where: tuple[tuple[str, str], ...] = field(default=())

    @cached_property
    def lines(self) -> list[str]:
        """Lines without their ends; only real line breaks count, as editors count them."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @property
    def stem(self) -> str:
        """The file's name without folder and suffix: the model's name where nothing else tells it."""
        return Path(self.file).stem

    def problem(self, what: str, line: int = 0, column: int = 0, path: str = "") -> Problem:
        return Problem(self.file, line, column, path, what)


def read_source(path: Path, where: tuple[tuple[str, str], ...] = ()) -> Source:
    """The file's text. Raises EdgesimError if it cannot be read, is too long or is not UTF-8 text."""
    file = str(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise EdgesimError(Problem(file, what=f"longer than {MAX_BYTES // 1_000_000} MB"))
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        raise EdgesimError(Problem(file, what=f"cannot be read: {getattr(error, 'strerror', None) or error}")) from None
    return text_source(file, _decoded(file, raw), where)


def text_source(file: str, text: str, where: tuple[tuple[str, str], ...] = ()) -> Source:
    """A source from text; what begins like JSON is parsed."""
    if text.lstrip()[:1] not in ("{", "["):
        return Source(file, text, where=where)
    try:
        return Source(file, text, json.loads(text), where=where)
    except json.JSONDecodeError as error:
        return Source(file, text, damage=Problem(file, error.lineno, error.colno, what=f"damaged JSON: {error.msg}"), where=where)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        return Source(file, text, damage=Problem(file, what=f"damaged JSON: {reason}"), where=where)


def _decoded(file: str, raw: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, as PowerShell's ``>`` writes logs."""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise EdgesimError(Problem(file, what=f"is not {encoding.upper().removesuffix('-SIG')} text (byte {error.start})")) from None
