"""What ``edgesim search`` may choose and what counts, as a scenario writes it.

``search: {space: {device.units.npu.frequency: [600 MHz, 1 GHz]}, objectives: {latency_p99: minimize, energy: minimize}, constraints: [power <= 3 W]}``.
A run of the scenario does not look at this section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from sim.scenario.part import Part, SmallCount, Whole
from sim.scenario.search_accuracy import AccuracySource

_CONSTRAINT = re.compile(r"\s*([A-Za-z][\w.@+-]*)\s*(<=|>=|<|>)\s*(\S.*?)\s*")


@dataclass(frozen=True)
class Limit:
    """A metric by its name, and the text of what it may be at most or at least."""

    metric: str
    at_least: bool
    text: str


def parsed_limit(text: str) -> Limit:
    """``latency_p99 <= 33 ms`` and the like. Raises ValueError."""
    match = _CONSTRAINT.fullmatch(text) if len(text) <= 300 else None
    if match is None:
        raise ValueError(f"{text[:60]!r} is no constraint; write METRIC <= VALUE or METRIC >= VALUE, such as 'latency_p99 <= 33 ms'")
    return Limit(match[1], match[2] in (">", ">="), match[3])


class SearchUse(Part):
    """The space that is searched, what is better, and what has to hold. See ``edgesim search``."""

    space: dict[str, Any] = Field(
        description="PATH: [choices], {from: 600 MHz, to: 1.2 GHz, step: 100 MHz, scale: log}, {choices: [...], when: {PATH: VALUE}}, or "
        "models.NAME: {architecture: once_for_all}"
    )
    objectives: dict[str, Literal["minimize", "maximize"]] = Field(
        description="metric -> minimize or maximize: {latency_p99: minimize, energy: minimize, accuracy: maximize}"
    )
    constraints: tuple[str, ...] = Field(default=(), description="what has to hold beside the budgets: ['latency_p99 <= 33 ms', 'power <= 3 W']")
    budgets: bool = Field(default=True, description="whether the scenario's budgets have to hold too")
    sampler: Literal["auto", "nsga2", "tpe", "random", "grid"] = Field(
        default="auto", description="auto: tpe up to 400 trials or for one objective, else nsga2"
    )
    trials: SmallCount = Field(default=100, le=1_000_000, description="how many different scenarios are simulated; --trials on the command line")
    generation: SmallCount | None = Field(
        default=None, le=10_000, description="trials that are chosen together, so that workers can run them at the same time; 20 if absent, 30 of nsga2"
    )
    seed: Whole = Field(default=0, ge=0, lt=2**31, description="of the sampler's choices; the scenario's own seed is not touched")
    accuracy: AccuracySource | None = Field(default=None, description="where candidates' accuracy is from: {provider: published, table: once_for_all}")
    unknown_accuracy: Literal["infeasible", "accept"] = Field(
        default="infeasible", description="what nobody knows the accuracy of: cannot win (infeasible), or is judged by the other objectives (accept)"
    )

    @field_validator("constraints")
    @classmethod
    def _constraints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parsed_limit(text)
        return value
