"""The kinds of stages of a pipeline: what one step of a request runs, and when it is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.adaptive import CacheUse, SelectUse, StageExit
from sim.scenario.batching import AdmissionChoice, Batching, Spread, UnitPool
from sim.scenario.generation import SharedPrefix, TokenChoice
from sim.scenario.part import ByteCount, Name, Part, Probability, Time, Whole

Operations = Annotated[Figure, Quantity("count", ge=0, le=1e18)]


class CodeWork(Part):
    """A user's own stage: arithmetic operations and bytes moved, on the named unit."""

    operations: Operations = Field(default=Figure(0.0), description="arithmetic operations of one run (a multiply-add counts two), such as 2 M")
    bytes: ByteCount = Field(default=Figure(0.0), description="bytes read and written in memory by one run, such as 1.5 MB")


class _Stage(Part):
    name: Name | None = Field(default=None, description="the model's or the radio's name if absent")
    after: tuple[Name, ...] | None = Field(default=None, description="names of the stages it waits for; the stage before it if absent")
    probability: Probability = Field(default=Figure(1.0), description="a request enters this stage (and what follows only from it) with this probability")
    repeat: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(default=1, description="runs in sequence, such as tokens of a decoder")
    exit: StageExit | None = Field(default=None, description="leave when sure: {rate: 70 %}, or {trace: FILE, column: confidence, threshold: 0.8}")
    unless: tuple[Name, ...] = Field(default=(), description="left out when one of these stages was sure (exit), had a result (cache) or was left out so")


class ModelStage(_Stage):
    """A stage that runs one of the scenario's models."""

    model: Name = Field(description="one of the scenario's models")
    batching: Batching | None = Field(default=None, description="requests of this model run together: {max_size: 8, max_delay: 5 ms}")
    units: UnitPool = Field(default=(), description="a replica on each of these units, with one queue: [gpu, npu]; where the model's placement says if absent")
    admission: AdmissionChoice | None = Field(default=None, description="who may join the queue of batching or units, see `edgesim policies`; all if absent")

    @model_validator(mode="after")
    def _has_a_queue(self) -> ModelStage:
        if self.admission is not None and self.batching is None and not self.units:
            raise ValueError("admission: only a stage with batching or units has a queue of its own; give it one of them, or the workload the admission")
        return self


class CodeStage(_Stage):
    """A stage of the user's own code: pre- or post-processing."""

    work: CodeWork = Field(description="how much the code computes and moves: {operations: 2 M, bytes: 1.5 MB}")
    unit: Name = Field(default="cpu", description="unit name or kind")
    units: UnitPool = Field(default=(), description="instead of unit: any of these units, with one queue: [cpu_big, cpu_little]")
    spread: Spread | None = Field(default=None, description="how the work of single runs scatters: {kind: gamma, cv: 0.5}; all alike if absent")
    admission: AdmissionChoice | None = Field(default=None, description="who may join the queue of units, see `edgesim policies`; all if absent")

    @model_validator(mode="after")
    def _one_place(self) -> CodeStage:
        if self.units and "unit" in self.model_fields_set:
            raise ValueError("give either unit or units, not both")
        if self.admission is not None and not self.units:
            raise ValueError("admission: only a stage with units has a queue of its own; give it units, or the workload the admission")
        return self


class RadioStage(_Stage):
    """A stage that sends and receives by a radio: first what is sent, then what is received."""

    radio: Name = Field(description="one of the radios of the scenario or its device")
    send_bytes: ByteCount = Field(default=Figure(0.0), alias="send", description="what is sent, such as 20 kB")
    receive_bytes: ByteCount = Field(default=Figure(0.0), alias="receive", description="what is received after it, such as 200 B")

    @model_validator(mode="after")
    def _moves_something(self) -> RadioStage:
        if not (self.send_bytes or self.receive_bytes):
            raise ValueError("a radio stage sends or receives something; give it send or receive, such as send: 20 kB")
        return self


class SelectStage(_Stage):
    """A stage that runs one of several models, chosen when the request comes to it."""

    select: SelectUse = Field(description="how the model is chosen: {policy: by_battery, among: [big, small], thresholds: [30 %]}")


class CacheStage(_Stage):
    """A stage that looks for a result kept before: where there is one the request leaves, or what names the stage in ``unless`` is left out."""

    cache: CacheUse = Field(description="what is kept and how much: {size: 1000, entry: 2 kB, key: {zipf: 1.0, items: 10000}}")
    lookup_s: Time | None = Field(default=None, alias="lookup", description="time of one lookup that keeps no unit busy")
    work: CodeWork | None = Field(default=None, description="instead of lookup: what one lookup computes and moves: {operations: 20 k, bytes: 4 kB}")
    unit: Name = Field(default="cpu", description="unit name or kind that does the work")

    @model_validator(mode="after")
    def _one_cost(self) -> CacheStage:
        if (self.lookup_s is None) == (self.work is None):
            raise ValueError("a cache stage has either lookup (a time) or work")
        if self.exit is not None:
            raise ValueError("exit: a request leaves a cache when it finds a result; give exit to a stage that answers")
        if self.repeat > 1:
            raise ValueError("repeat: a request looks for its result once")
        return self


class GenerateStage(_Stage):
    """A stage in which a language model reads a prompt and writes an answer, token by token, beside the other requests of its batch."""

    generate: Name = Field(description="one of the scenario's models, a decoder of the zoo; its serving section says how it serves")
    prompt: TokenChoice = Field(description="tokens of the prompt: 258, or {kind: uniform, lognormal or trace, ...}")
    output: TokenChoice = Field(description="tokens of the answer: 128, or {kind: uniform, lognormal or trace, ...}")
    prefix: SharedPrefix | None = Field(default=None, description="what prompts have in common: {tokens: 200, groups: 10, zipf: 1}")

    @model_validator(mode="after")
    def _once(self) -> GenerateStage:
        if self.repeat > 1:
            raise ValueError("repeat: an answer has as many steps as output says; give the stage once")
        return self


def _stage_tag(raw: Any) -> str:
    keys = raw if isinstance(raw, dict) else getattr(raw, "__dict__", {})
    # unlike any key, so that error locations stay unambiguous
    named = {"model": "model stage", "radio": "radio stage", "select": "select stage", "cache": "cache stage", "generate": "generate stage"}
    return next((tag for key, tag in named.items() if key in keys), "code stage")


Stage = Annotated[
    Annotated[ModelStage, Tag("model stage")]
    | Annotated[CodeStage, Tag("code stage")]
    | Annotated[RadioStage, Tag("radio stage")]
    | Annotated[SelectStage, Tag("select stage")]
    | Annotated[CacheStage, Tag("cache stage")]
    | Annotated[GenerateStage, Tag("generate stage")],
    Discriminator(_stage_tag),
]


def default_name(keys: Any) -> str | None:
    """What a stage with these keys is called where it is given no name: its model's or radio's name, or its kind's."""
    found = keys if isinstance(keys, dict) else {}
    named = (found.get(key) for key in ("model", "radio", "generate"))
    return next((name for name in named if isinstance(name, str)), next((key for key in ("select", "cache") if found.get(key) is not None), None))


def stage_names(names: Sequence[str | None], runs: Sequence[str | None]) -> tuple[str, ...]:
    """The name of each stage of a pipeline: its own, else its model's or radio's, else ``code``; a default that is taken gets its position."""
    taken = {name for name in names if name}
    result: list[str] = []
    for position, (name, run) in enumerate(zip(names, runs, strict=True)):
        chosen = name or run or "code"
        while not name and chosen in taken:
            chosen = f"{chosen}_{position}"
        taken.add(chosen)
        result.append(chosen)
    return tuple(result)
