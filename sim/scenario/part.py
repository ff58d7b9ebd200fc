"""The base of every part of a scenario, and the types of values that many parts have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from device_models.figure import Figure, Quantity


def _not_bool(raw: Any) -> Any:
    if isinstance(raw, bool):
        raise ValueError(f"expected a whole number, got {str(raw).lower()}")
    return raw


LONGEST_S = 3.2e9  # a century
Time = Annotated[Figure, Quantity("time", ge=0, le=LONGEST_S)]
PositiveTime = Annotated[Figure, Quantity("time", gt=0, le=LONGEST_S)]
Probability = Annotated[Figure, Quantity("ratio", ge=0, le=1)]
Whole = Annotated[int, BeforeValidator(_not_bool)]
SmallCount = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
ByteCount = Annotated[Figure, Quantity("bytes", ge=0, le=1e16)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=100)]


class Part(BaseModel):
    """Base of every part of a scenario: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)
