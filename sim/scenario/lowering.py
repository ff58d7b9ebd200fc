"""How a runtime lowers a model for a device: in which numbers, on which units."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sim.scenario.part import Part

Format = Literal[
    "as_stored", "float32", "float16", "int8", "w8a16", "w4a16", "int4", "w4g32", "w4g64", "w4g128", "w4g256", "q8_0", "q4_0", "q4_k_m"
]  # fmt: skip
_ALSO = {"fp32": "float32", "fp16": "float16", "w8a8": "int8"}  # other names of the same formats


def _usual_name(raw: Any) -> Any:
    return _ALSO.get(raw, raw) if isinstance(raw, str) else raw


Precision = Annotated[Format, BeforeValidator(_usual_name)]


class Placement(Part):
    """Where operators run: units (names or kinds) in order of preference, by cost (``heft``), or fixed per operator name pattern."""

    prefer: tuple[str, ...] = Field(default=(), description="unit names or kinds, the favourite first; what a unit cannot run falls to the next")
    policy: Literal["prefer", "heft"] = "prefer"
    fixed: dict[str, str] = Field(default_factory=dict, description="operator name pattern (shell style) -> unit")
