"""What ``edgesim optimize`` may try, as a scenario writes it: ``optimize: {techniques: [{precision: int8}, {threads: [1, 2, 4]}], objective: energy}``.

How each technique changes a scenario is in :mod:`sim.experiment.optimize.techniques`. A run of the scenario does not look at this section.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from sim.scenario.compression import CompressionStep
from sim.scenario.lowering import Placement, Precision
from sim.scenario.part import Name, Part, Probability, SmallCount

T = TypeVar("T")
ObjectiveName = Literal[
    "energy", "power", "latency_p50", "latency_p90", "latency_p99", "latency_max", "throughput", "miss_rate", "memory", "storage", "accuracy",
    "skin_temperature", "die_temperature", "battery_life",
]  # fmt: skip
OBJECTIVES: tuple[str, ...] = get_args(ObjectiveName)
DEFAULT_OBJECTIVE: ObjectiveName = "energy"
LEAST_GAIN = 0.01
ACCURACY_DROP = 0.01


def _tag(raw: Any) -> str:
    return "alternatives" if isinstance(raw, list | tuple) else "one value"


OneOrMore = Annotated[
    Annotated[T, Tag("one value")] | Annotated[tuple[T, ...], Field(min_length=1), Tag("alternatives")],
    Discriminator(_tag),
]


class Technique(Part):
    """One thing to try: a mapping with one key, and perhaps ``models``. Of a list of values at most one is taken."""

    precision: OneOrMore[Precision] | None = Field(default=None, description="number formats the runtime's converter may give the model: [int8, w8a16]")
    compress: OneOrMore[CompressionStep] | None = Field(
        default=None, description="a step to add to the model's compress: {prune: {...}}, or several to choose from"
    )
    runtime: OneOrMore[Name] | None = Field(default=None, description="inference engines: [tflite, qnn]")
    placement: OneOrMore[Placement] | None = Field(default=None, description="units: {prefer: [npu, cpu]}, or several to choose from")
    threads: OneOrMore[SmallCount] | None = Field(default=None, description="CPU threads: [1, 2, 4]")
    load: OneOrMore[Literal["at_start", "on_demand"]] | None = Field(default=None, description="when weights are read from storage into memory")
    set: OneOrMore[dict[str, Any]] | None = Field(
        default=None, description="any other change of the scenario: {PATH: VALUE, ...}, such as {governors.cpu: powersave}, or several to choose from"
    )
    models: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(default=None, description="only these models; all that are optimized if absent")

    @model_validator(mode="after")
    def _one_kind(self) -> Technique:
        given = [name for name in TECHNIQUE_KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"{len(given)}: {', '.join(given)}" if given else "none"
            raise ValueError(f"an entry of techniques has exactly one of {', '.join(TECHNIQUE_KINDS)}; this one has {found}")
        if self.set is not None and self.models is not None:
            raise ValueError("set changes the scenario, not single models: leave out models")
        return self

    @property
    def kind(self) -> str:
        """Its key."""
        return next(name for name in TECHNIQUE_KINDS if getattr(self, name) is not None)


TECHNIQUE_KINDS: tuple[str, ...] = tuple(name for name in Technique.model_fields if name != "models")


class OptimizeUse(Part):
    """What may be tried to make the scenario hold its budgets, and what counts then. See ``edgesim optimize``."""

    models: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(default=None, description="the models to optimize; all that stages run if absent")
    techniques: Annotated[tuple[Technique, ...], Field(min_length=1)] | None = Field(
        default=None, description="what to try, in order: [{precision: [int8, float16]}, {compress: {prune: ...}}]; what the device offers if absent"
    )
    objective: ObjectiveName | None = Field(default=None, description=f"what counts once budgets are held as far as can be; {DEFAULT_OBJECTIVE} if absent")
    accuracy_drop: Probability | None = Field(
        default=None, description="how much less accurate than at first a model may become, in points: 1 %; the accuracy budget decides if absent, else 1 %"
    )
    least_gain: Probability | None = Field(default=None, description="a step that gains less of the objective is not worth its trouble; 1 % if absent")
