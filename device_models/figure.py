"""Figure: a number that knows where it comes from.

A ``Figure`` is a float in SI units, so laws compute with it as with any float, and carries ``source`` and ``kind``:
``datasheet`` (its maker says so), ``measured`` (somebody measured it), ``derived`` (arithmetic on the former, method in the
note), ``estimated`` (nobody published it: the note gives the reasoning), ``given`` (the user's own file says so).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from device_models.units import DIMENSIONS, UnitError, parse_quantity

Provenance = Literal["datasheet", "measured", "derived", "estimated", "given"]
PROVENANCES: tuple[str, ...] = get_args(Provenance)


class Figure(float):
    """A float with provenance."""

    __slots__ = ("kind", "note", "source")
    source: str
    kind: str
    note: str

    def __new__(cls, value: float, source: str = "", kind: str = "given", note: str = "") -> Figure:
        self = super().__new__(cls, value)
        self.source, self.kind, self.note = source, kind, note
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Figure, (float(self), self.source, self.kind, self.note))


class Quantity:
    """pydantic annotation: ``Annotated[Figure, Quantity("frequency", gt=0)]``.

    Accepts ``"1.2 GHz"`` or ``{value: 1.2 GHz, source: key, kind: datasheet, note: ...}``; checks unit and bounds (SI).
    """

    def __init__(self, dimension: str, gt: float | None = None, ge: float | None = None, le: float | None = None) -> None:
        self.dimension, self.gt, self.ge, self.le = dimension, gt, ge, le

    def __get_pydantic_core_schema__(self, source_type: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        kind = DIMENSIONS[self.dimension]
        plain: dict[str, Any] = {"description": f"{self.dimension.replace('_', ' ')}, for example {kind.example!r}", "examples": [kind.example]}
        plain["type"] = ["string", "number"]
        sourced = {
            "type": "object",
            "properties": {
                "value": {"type": ["string", "number"]},
                "source": {"type": "string"},
                "kind": {"enum": list(PROVENANCES)},
                "note": {"type": "string"},
            },
            "required": ["value"],
            "additionalProperties": False,
        }
        return {"anyOf": [plain, sourced]}

    def read(self, raw: Any) -> Figure:
        if isinstance(raw, Figure):
            return self._bounded(raw)
        if not isinstance(raw, dict):
            return self._bounded(Figure(self._si(raw)))
        unknown = set(raw) - {"value", "source", "kind", "note"}
        if unknown or "value" not in raw:
            raise ValueError(f"a sourced quantity has the keys value, source, kind, note; got {', '.join(map(str, raw))}")
        kind = raw.get("kind", "given")
        if kind not in PROVENANCES:
            raise ValueError(f"kind {kind!r} must be one of {', '.join(PROVENANCES)}")
        return self._bounded(Figure(self._si(raw["value"]), str(raw.get("source", "")), kind, str(raw.get("note", ""))))

    def _si(self, raw: Any) -> float:
        if not isinstance(raw, str | int | float):
            raise ValueError(f"expected a {self.dimension.replace('_', ' ')}, for example {DIMENSIONS[self.dimension].example!r}")
        try:
            return parse_quantity(raw, self.dimension)
        except UnitError as error:
            raise ValueError(str(error)) from None

    def _bounded(self, figure: Figure) -> Figure:
        si = DIMENSIONS[self.dimension].si.removeprefix("1")
        if self.gt is not None and not figure > self.gt:
            raise ValueError(f"must be more than {f'{self.gt:g} {si}'.strip()}, got {float(figure):g}")
        if self.ge is not None and not figure >= self.ge:
            raise ValueError(f"must be at least {f'{self.ge:g} {si}'.strip()}, got {float(figure):g}")
        if self.le is not None and not figure <= self.le:
            raise ValueError(f"must be at most {f'{self.le:g} {si}'.strip()}, got {float(figure):g}")
        return figure
