"""Inference that adapts, as a scenario writes it: parts of models, early exits, cascades, models chosen at run time, caches of results."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from device_models.figure import Figure
from sim.scenario.part import ByteCount, Name, Part, PositiveTime, Probability, SmallCount, Time, Whole

TensorOrOp = Annotated[str, Field(min_length=1, max_length=500)]
_SUM = 1e-6  # shares written with a few digits may miss 1 by this


def _finite(raw: Any) -> Any:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"expected a number, got {raw!r}")
    if not math.isfinite(raw):
        raise ValueError(f"expected a finite number, got {raw}")
    return raw


def _written(raw: Any) -> Any:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(f"expected a number with its unit, got {raw!r}")
    return raw


Number = Annotated[float, BeforeValidator(_finite)]
Written = Annotated[str | float, BeforeValidator(_written)]  # a quantity whose dimension another field decides


def _names(raw: Any) -> Any:
    return (raw,) if isinstance(raw, str) else raw


class PartUse(Part):
    """The part of a model between tensors or operators; an operator stands for what it makes."""

    begin: TensorOrOp | tuple[TensorOrOp, ...] = Field(default=(), alias="from", description="the part begins behind these; at the model's inputs if absent")
    until: TensorOrOp | tuple[TensorOrOp, ...] = Field(default=(), description="the part ends with these; with the model's outputs if absent")

    @model_validator(mode="after")
    def _cuts_something(self) -> PartUse:
        if not (self.begin or self.until):
            raise ValueError("a part needs from, until or both")
        return self

    @property
    def begins(self) -> tuple[str, ...]:
        """Names in ``from``."""
        return tuple(_names(self.begin))

    @property
    def ends(self) -> tuple[str, ...]:
        """Names in ``until``."""
        return tuple(_names(self.until))


class RowUse(Part):
    """A CSV file with a header and a row per request. ``order``: the k-th request of the workload has the k-th row, or any row at random."""

    trace: str = Field(description="CSV file with a header, relative to the scenario; a row is what the models make of one input")
    order: Literal["in_order", "random"] = Field(default="in_order", description="rows one after the other, or each request one at random")
    loop: bool = Field(default=False, description="begin again when the rows are used up; an error otherwise")


class ConfidenceUse(RowUse):
    """When an answer is sure, from recorded confidences."""

    column: str = Field(default="confidence", description="the column with the confidence, or another score, of this model's answer")
    threshold: Number = Field(description="sure from this score on")
    sure: Literal["above", "below"] = Field(default="above", description="below: sure up to the threshold, as for an entropy")


class HeadExit(Part):
    """An exit of a network: a head on the result of one of its operators."""

    after: TensorOrOp = Field(description="operator or tensor whose result the head reads")
    head: tuple[dict[str, Any], ...] = Field(
        default=(), description="layers of the head, each {op: ..., options}; the operator's result is the answer if absent"
    )
    name: Name | None = Field(default=None, description="of the exit in reports; exit_1, exit_2 ... if absent")
    probability: Probability | None = Field(default=None, description="share of all requests that leave here")
    confidence: ConfidenceUse | None = Field(default=None, description="{trace: FILE, column: NAME, threshold: 0.8}: requests leave here when sure")
    accuracy: Probability | None = Field(default=None, description="share of right answers among those that leave here, if known")
    correct: str | None = Field(default=None, description="column of the trace that says (0 or 1) whether this exit's answer is right")

    @model_validator(mode="after")
    def _one_rule(self) -> HeadExit:
        if (self.probability is None) == (self.confidence is None):
            raise ValueError("an exit has either probability or confidence")
        if self.correct is not None and self.confidence is None:
            raise ValueError("correct is a column of the trace of confidence; with probability give accuracy")
        return self


class LastExit(Part):
    """The answers of those that leave at the end of the network."""

    probability: Probability | None = Field(default=None, description="share of all requests that go to the end; what the exits leave, if absent")
    accuracy: Probability | None = Field(default=None, description="share of right answers among those that go to the end, if known")
    correct: str | None = Field(default=None, description="column of the exits' trace that says (0 or 1) whether the answer at the end is right")


class StageExit(Part):
    """When a stage's answer is good enough: the request leaves then, or what names the stage in ``unless`` is left out."""

    rate: Probability | None = Field(default=None, description="share of requests whose answer is sure")
    trace: str | None = Field(default=None, description="CSV file with a row per request: sure by its column and threshold")
    column: str = Field(default="confidence", description="the column with the confidence, or another score, of this stage's answer")
    threshold: Number | None = Field(default=None, description="sure from this score on")
    sure: Literal["above", "below"] = Field(default="above", description="below: sure up to the threshold, as for an entropy")
    order: Literal["in_order", "random"] = Field(default="in_order", description="rows one after the other, or each request one at random")
    loop: bool = Field(default=False, description="begin again when the rows are used up; an error otherwise")
    correct: dict[Name, str] = Field(default_factory=dict, description="stage -> column that says (0 or 1) whether its answer is right: {small: small_right}")
    accuracy: Probability | None = Field(default=None, description="share of right answers among those that are sure, if known")
    accuracy_unsure: Probability | None = Field(
        default=None, description="share of right answers among those that go on, if known and none of them exits later"
    )

    @model_validator(mode="after")
    def _one_rule(self) -> StageExit:
        if (self.rate is None) == (self.trace is None):
            raise ValueError("exit needs either rate (such as 0.7) or trace (a CSV file)")
        if self.trace is not None and self.threshold is None:
            raise ValueError("exit by a trace needs a threshold, such as threshold: 0.8")
        if self.rate is not None and (self.threshold is not None or self.correct):
            raise ValueError("threshold and correct go with trace, not with rate")
        if self.trace is not None and (self.accuracy is not None or self.accuracy_unsure is not None):
            raise ValueError("accuracy goes with rate; with a trace name columns in correct: {STAGE: COLUMN}")
        return self

    @property
    def confidence(self) -> ConfidenceUse | None:
        """The rule, where a trace gives it."""
        if self.trace is None or self.threshold is None:
            return None
        return ConfidenceUse(trace=self.trace, order=self.order, loop=self.loop, column=self.column, threshold=self.threshold, sure=self.sure)


class SelectUse(Part):
    """A model chosen for each request by the device's state. ``among``: the favourite first."""

    policy: Name = Field(description="such as by_battery, see `edgesim policies`")
    among: tuple[Name, ...] = Field(min_length=2, max_length=50, description="models to choose from, the favourite first")
    thresholds: tuple[Written, ...] = Field(default=(), description="where the choice passes to the next model, one fewer than models")
    hysteresis: Written | None = Field(default=None, description="how far beyond a threshold the way back is")
    node: Name | None = Field(default=None, description="thermal node of by_temperature; the hottest if absent")
    margin_s: Time = Field(default=Figure(0.0), alias="margin", description="time that by_deadline keeps in hand")
    weights: tuple[Annotated[float, Field(ge=0)], ...] = Field(default=(), description="of the policies round_robin and random; all alike if absent")

    @model_validator(mode="after")
    def _distinct(self) -> SelectUse:
        if len(set(self.among)) < len(self.among):
            raise ValueError("a model stands in among once")
        return self


class ZipfKeys(Part):
    """Independent keys: item k of ``items`` is asked for with a probability in proportion to ``1 / k ** zipf``."""

    zipf: Annotated[float, Field(ge=0, le=20)] = Field(description="exponent; 0: all items alike")
    items: Annotated[Whole, Field(ge=1, le=100_000_000)] = Field(description="how many different ones there are")


class TraceKeys(RowUse):
    """Keys from a file: what each request asks for."""

    column: str = Field(default="key", description="the column with the keys, any text")
    bytes_column: str | None = Field(default=None, description="the column with the bytes of each result; the cache's entry size if absent")


def _key_tag(raw: Any) -> str:
    return "recorded keys" if (isinstance(raw, dict) and "trace" in raw) or isinstance(raw, TraceKeys) else "keys by popularity"


KeyChoice = Annotated[Annotated[ZipfKeys, Tag("keys by popularity")] | Annotated[TraceKeys, Tag("recorded keys")], Discriminator(_key_tag)]


class CacheUse(Part):
    """Results kept for the next that asks for the same."""

    size: SmallCount | None = Field(default=None, description="entries")
    bytes: ByteCount | None = Field(default=None, description="instead of size: memory for the entries, such as 64 MB")
    entry_bytes: ByteCount | None = Field(default=None, alias="entry", description="one result with its key, such as 2 kB; not needed with bytes_column")
    policy: Name = Field(default="lru", description="what makes way, see `edgesim policies`")
    key: KeyChoice = Field(description="what requests ask for: {zipf: 1.0, items: 10000} or {trace: FILE, column: key}")
    ttl_s: PositiveTime | None = Field(default=None, alias="ttl", description="a result is used for so long; for ever if absent")

    @model_validator(mode="after")
    def _one_size(self) -> CacheUse:
        if (self.size is None) == (self.bytes is None):
            raise ValueError("a cache has either size (entries) or bytes")
        own = isinstance(self.key, TraceKeys) and self.key.bytes_column is not None
        if own == (self.entry_bytes is not None):
            raise ValueError("give entry (the bytes of one result with its key, such as 2 kB) or, with a trace, bytes_column: it is memory that is counted")
        if self.entry_bytes is not None and self.entry_bytes <= 0:
            raise ValueError("an entry takes some bytes")
        if self.bytes is not None and self.entry_bytes is not None and self.bytes < self.entry_bytes:
            raise ValueError(f"a cache of {self.bytes:g} bytes does not hold a single entry of {self.entry_bytes:g}")
        if self.size is not None and own:
            raise ValueError("with bytes_column the cache needs bytes, not size: its entries differ")
        return self


def exit_problems(exits: tuple[HeadExit, ...], last: LastExit) -> str | None:
    """What is wrong with the exits of one network together, or None; in the words ``path: what``."""
    kinds = {one.confidence is None for one in exits}
    if len(kinds) > 1:
        return "exits.0: all exits of a model go by probability, or all by confidence"
    names = exit_names(exits)
    if len(set(names)) < len(names):
        return "exits.0.name: two exits have the same name"
    if kinds == {True}:
        total = sum(float(one.probability or 0.0) for one in exits)
        rest = None if last.probability is None else float(last.probability)
        if total + (rest or 0.0) > 1 + _SUM or (rest is not None and abs(total + rest - 1) > _SUM):
            left = "" if rest is not None else "; what they leave of 1 goes to the end"
            return f"exits.{len(exits) - 1}.probability: the probabilities sum to {total + (rest or 0.0):g}, not to 1{left}"
        return "last.correct: correct goes with exits by confidence; give accuracy" if last.correct else None
    if last.probability is not None:
        return "last.probability: the exits go by confidence, which says how many come to the end"
    traces = {(one.confidence.trace, one.confidence.order, one.confidence.loop) for one in exits if one.confidence}
    return "exits.0.confidence.trace: all exits of a model read the same trace in the same order" if len(traces) > 1 else None


def exit_names(exits: tuple[HeadExit, ...]) -> tuple[str, ...]:
    """Of the exits and the end, as reports show them."""
    return (*(one.name or f"exit_{position + 1}" for position, one in enumerate(exits)), "end")


def exits_files(exits: tuple[HeadExit, ...]) -> list[str]:
    """The traces that the exits of a network read."""
    return [one.confidence.trace for one in exits if one.confidence]


def stage_files(stage: object) -> list[str]:
    """The traces that a stage reads to adapt."""
    exit, cache = getattr(stage, "exit", None), getattr(stage, "cache", None)
    found = [exit.trace] if isinstance(exit, StageExit) and exit.trace else []
    return found + ([cache.key.trace] if isinstance(cache, CacheUse) and isinstance(cache.key, TraceKeys) else [])
