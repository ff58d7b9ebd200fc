"""Serving as a scenario writes it: batches, pools of units, admission, and service times that scatter."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.part import Name, Part, Time, Whole

LARGEST_BATCH = 1024
BatchSize = Annotated[Whole, Field(ge=1, le=LARGEST_BATCH)]
UnitPool = Annotated[tuple[Name, ...], Field(max_length=64)]


class Batching(Part):
    """Requests that wait for the same model run together. Stages of any workload that run the model share its queue."""

    max_size: BatchSize = Field(default=8, description="the most requests in a batch")
    max_delay_s: Time = Field(default=Figure(0.0), alias="max_delay", description="timeout: how long the oldest may wait for a batch to fill, such as 5 ms")
    buckets: tuple[BatchSize, ...] = Field(
        default=(), description="batch sizes the model is compiled for; a batch is padded to the next of them; powers of two and max_size if absent"
    )
    policy: Name = Field(default="timeout", description="when a batch leaves the queue, and with how many; see `edgesim policies`")

    @model_validator(mode="after")
    def _buckets_hold_a_batch(self) -> Batching:
        if not self.buckets:
            return self
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError("buckets are different sizes in ascending order, such as [1, 2, 4, 8]")
        if self.buckets[-1] > self.max_size:
            raise ValueError(f"a bucket of {self.buckets[-1]} is never filled: max_size is {self.max_size}; raise max_size or leave the bucket out")
        if self.buckets[-1] < self.max_size:
            raise ValueError(f"a batch of max_size {self.max_size} fits no bucket: the largest is {self.buckets[-1]}; add a bucket of {self.max_size}")
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """Batch sizes that are compiled, ascending; the last one is ``max_size``."""
        if self.buckets:
            return self.buckets
        powers = [1 << exponent for exponent in range(self.max_size.bit_length())]
        return tuple(sorted({*(size for size in powers if size <= self.max_size), self.max_size}))


class Admission(BaseModel):
    """An admission policy by its name, and values of its tunables."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: Name

    @property
    def tunables(self) -> dict[str, Any]:
        """Tunable -> value as written; the policy reads them."""
        return dict(self.model_extra or {})


def _admission_tag(raw: Any) -> str:
    return "admission with tunables" if isinstance(raw, dict | Admission) else "admission"


AdmissionChoice = Annotated[Annotated[Name, Tag("admission")] | Annotated[Admission, Tag("admission with tunables")], Discriminator(_admission_tag)]


def admission_of(choice: str | Admission) -> Admission:
    """The choice with its tunables, whichever way it was written."""
    return Admission(name=choice) if isinstance(choice, str) else choice


class Spread(Part):
    """How much the work of single runs scatters about what ``work`` says, which is the mean."""

    kind: Literal["exponential", "lognormal", "gamma", "uniform"] = Field(description="distribution of the factor that multiplies the work; its mean is 1")
    cv: Annotated[Figure, Quantity("ratio", gt=0, le=10)] | None = Field(
        default=None, description="coefficient of variation: standard deviation by mean; 1 for exponential"
    )

    @model_validator(mode="after")
    def _possible(self) -> Spread:
        if self.kind == "exponential":
            if self.cv is not None and float(self.cv) != 1.0:
                raise ValueError("the cv of an exponential is 1; leave it out, or take gamma")
        elif self.cv is None:
            raise ValueError(f"{self.kind} needs cv, its standard deviation by its mean, such as cv: 0.5")
        if self.kind == "uniform" and self.cv is not None and self.cv > 3**-0.5:
            raise ValueError("a uniform factor of mean 1 that is never negative has a cv of at most 0.577; take a smaller cv, or gamma")
        return self


def variant_name(name: str, size: int, unit: str | None = None) -> str:
    """What a program is called that is ``name`` for batches of ``size``, on ``unit`` if it stands in a pool."""
    return name + (f"@{unit}" if unit else "") + (f"[{size}]" if size > 1 else "")
