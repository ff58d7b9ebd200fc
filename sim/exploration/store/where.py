"""Conditions on rows: ``latency_p99_s < 33 ms and (precision = int8 or frequency >= 800 MHz)``.

Comparisons (``= == != <> < <= > >=``), ``in (a, b)``, ``like 'dev%'``, ``is null``, ``is not null``, a column alone (true where it is neither 0 nor empty),
joined by ``and``, ``or``, ``not`` and parentheses. A value is a number with or without a unit, a word, text in quotes, ``true``, ``false``, or another column.
Numbers are compared as SI values with whatever the column holds, text such as ``600 MHz`` included; a column without a value satisfies no comparison.
The condition becomes SQL in which every value is a parameter and every name one of the table's columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from device_models.units import DIMENSIONS
from sim.errors import EdgesimError
from sim.exploration.store.quantity import quantity
from sim.exploration.store.schema import quoted

_LETTERS = "".join(chr(code) for code in (*range(65, 91), *range(97, 123))) + "µΩ°%/"
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]*\w))(?:\s*(?P<unit>[A-Za-zµΩ°%/][A-Za-zµΩ°%/]*))?
    |(?P<joined>[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)[A-Za-zµΩ°%/]+(?![\w.]))
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<sign><=|>=|<>|!=|==|=|<|>|\(|\)|,)
    |(?P<word>[^\s'"()<>=!,]+)
    )""",
    re.VERBOSE,
)
_SIGNS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = {"and", "or", "not", "in", "is", "null", "like"}
_UNITS = {unit for kind in DIMENSIONS.values() for unit in kind.units}
_DEEPEST = 50
_AMPERE_HOUR_C = 3600.0  # metrics keep charge in ampere-hours, quantities in coulombs
_EXAMPLE = "for example: latency_p99_s < 33 ms and precision = int8"


@dataclass(frozen=True)
class Condition:
    """SQL and the values of its parameters."""

    sql: str
    values: list[Any]


@dataclass(frozen=True)
class _Token:
    kind: str  # "number", "text", "quoted", "sign", "word", "end"
    text: str
    unit: str = ""
    place: int = 0  # counts characters from 1


def compiled(text: str, column: Callable[[str], str], columns: Collection[str]) -> Condition:
    """The condition as SQL; ``column`` finds the full name of a column or raises. Raises EdgesimError that says where the text cannot be followed."""
    if len(text) > 10_000:
        raise EdgesimError(f"--where: {len(text):,} characters; at most 10,000")
    return _Parser(text, _tokens(text), column, columns).whole()


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.end() == place:
            raise _mistake(text, place + 1, f"cannot be read from {text[place:].strip()[:20]!r} on")
        tokens.append(_token(match))
        place = match.end()
        if match["unit"] and match["unit"] not in _UNITS:  # a word of its own: 5 and
            place = match.start("unit")
            tokens[-1] = _Token("number", tokens[-1].text, place=tokens[-1].place)
    return [*tokens, _Token("end", "", place=len(text) + 1)]


def _token(match: re.Match[str]) -> _Token:
    kind = str(match.lastgroup if match.lastgroup != "unit" else "number")
    place = match.start(kind) + 1
    if kind == "joined":  # 33ms
        number = match[kind].rstrip(_LETTERS)
        unit = match[kind][len(number) :]
        return _Token("number", number, unit, place) if unit in _UNITS else _Token("word", match[kind], place=place)
    if kind in ("text", "quoted"):
        mark = match[kind][0]
        return _Token(kind, match[kind][1:-1].replace(mark * 2, mark), place=place)
    return _Token(kind, match[kind], match["unit"] or "" if kind == "number" else "", place)


@dataclass
class _Parser:
    text: str
    tokens: list[_Token]
    column: Callable[[str], str]
    columns: Collection[str]
    at: int = 0
    depth: int = 0
    values: list[Any] = field(default_factory=list)

    def whole(self) -> Condition:
        if self._now.kind == "end":
            raise EdgesimError(f"--where: an empty condition; {_EXAMPLE}")
        sql = self._any()
        if self._now.kind != "end":
            raise self._wrong("'and' or 'or'")
        return Condition(sql, self.values)

    @property
    def _now(self) -> _Token:
        return self.tokens[self.at]

    def _is(self, word: str) -> bool:
        return self._now.kind == "word" and self._now.text.lower() == word

    def _took(self, *words: str) -> bool:
        """Step over these words if they come next."""
        ahead = self.tokens[self.at : self.at + len(words)]
        if [token.text.lower() for token in ahead if token.kind in ("word", "sign")] != list(words):
            return False
        self.at += len(words)
        return True

    def _any(self) -> str:
        parts = [self._all()]
        while self._took("or"):
            parts.append(self._all())
        return " OR ".join(parts) if len(parts) > 1 else parts[0]

    def _all(self) -> str:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return "(" + " AND ".join(parts) + ")" if len(parts) > 1 else parts[0]

    def _one(self) -> str:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._wrong("fewer parentheses")
        try:
            if self._took("not"):
                return f"NOT {self._one()}"
            if self._took("("):
                inside = self._any()
                self._expect(")")
                return f"({inside})"
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> str:
        name = self._column()
        sql = quoted(name)
        if self._now.kind == "sign" and self._now.text in _SIGNS:
            sign = _SIGNS[self._now.text]
            self.at += 1
            return self._compared(name, sign)
        if self._took("is", "not", "null"):
            return f"{sql} IS NOT NULL"
        if self._took("is", "null"):
            return f"{sql} IS NULL"
        negated = "NOT " if self._took("not") else ""
        if self._took("in"):
            return f"{negated}({self._members(name)})"
        if self._took("like"):
            self.values.append(self._value(name)[1])
            return f"{sql} {negated}LIKE ?"
        if negated:
            raise self._wrong("'in' or 'like'")
        return f"({sql} IS NOT NULL AND {sql} NOT IN (0, ''))"

    def _members(self, name: str) -> str:
        self._expect("(")
        parts = [self._compared(name, "=")]
        while self._took(","):
            parts.append(self._compared(name, "="))
        self._expect(")")
        return " OR ".join(parts)

    def _compared(self, name: str, sign: str) -> str:
        kind, value = self._value(name)
        if kind == "column":
            return f"{quoted(name)} {sign} {quoted(value)}"
        self.values.append(value)
        return f"{'quantity(' + quoted(name) + ')' if kind == 'number' else quoted(name)} {sign} ?"

    def _column(self) -> str:
        token = self._now
        if token.kind not in ("word", "quoted") or (token.kind == "word" and token.text.lower() in _WORDS):
            raise self._wrong("the name of a column")
        self.at += 1
        return self.column(token.text)

    def _value(self, name: str) -> tuple[str, Any]:
        token = self._now
        if token.kind == "number":
            self.at += 1
            return "number", _number(token, name)
        if token.kind in ("text", "quoted") or (token.kind == "word" and token.text.lower() not in _WORDS):
            self.at += 1
            if token.kind != "text" and token.text in self.columns:
                return "column", token.text
            if token.kind == "word" and token.text.lower() in ("true", "false"):
                return "number", int(token.text.lower() == "true")
            return "text", token.text
        raise self._wrong("a value")

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise self._wrong(repr(sign))

    def _wrong(self, wanted: str) -> EdgesimError:
        found = repr(self._now.text) if self._now.kind != "end" else "its end"
        return _mistake(self.text, self._now.place, f"expected {wanted}, found {found}")


def _number(token: _Token, column: str) -> float | int:
    if not token.unit:
        number = float(token.text.replace("_", ""))
        return int(token.text.replace("_", "")) if token.text.lstrip("+-").replace("_", "").isdigit() and abs(number) < 2**63 else number
    value = quantity(f"{token.text} {token.unit}")
    if value is None:
        raise EdgesimError(f"--where: {token.text} {token.unit}: {token.unit!r} is no unit; {_EXAMPLE}")
    return value / _AMPERE_HOUR_C if column.endswith("_ah") else value


def _mistake(text: str, place: int, what: str) -> EdgesimError:
    return EdgesimError(f"--where, character {place} of {text[:80]!r}: {what}; {_EXAMPLE}")
