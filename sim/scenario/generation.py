"""How a language model serves: its batch, its cache of keys and values, its draft, and how long prompts and answers are."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.part import ByteCount, Name, Part, Probability, SmallCount, Whole

_TOKENS = re.compile(r"\s*(\d+)\s*tokens?\s*")


def _token_count(raw: Any) -> Any:
    """``4096 tokens`` -> 4096; anything else as it is."""
    found = _TOKENS.fullmatch(raw) if isinstance(raw, str) else None
    return int(found[1]) if found else raw


TokenCount = Annotated[Whole, BeforeValidator(_token_count), Field(ge=1, le=1_000_000)]
Spread = Annotated[Figure, Quantity("count", gt=0, le=1e6)]


class FixedTokens(Part):
    """Always the same number of tokens."""

    kind: Literal["fixed"] = "fixed"
    tokens: TokenCount = Field(description="how many, such as 258")


class UniformTokens(Part):
    """Any number from ``min`` to ``max``, all equally likely."""

    kind: Literal["uniform"] = "uniform"
    min: TokenCount = Field(description="the fewest")
    max: TokenCount = Field(description="the most")

    @model_validator(mode="after")
    def _ordered(self) -> UniformTokens:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class LognormalTokens(Part):
    """A lognormal distribution, rounded to whole tokens, at least one; what lies above ``max`` is cut to it."""

    kind: Literal["lognormal"] = "lognormal"
    mean: Spread = Field(description="of the distribution, tokens")
    deviation: Spread = Field(description="its standard deviation, tokens")
    max: TokenCount | None = Field(default=None, description="the most; what the context has room for if absent")


class TraceTokens(Part):
    """Counts from a CSV file with a header, one row per request in order; after the last row the first again."""

    kind: Literal["trace"] = "trace"
    file: str = Field(description="CSV file, relative to the scenario")
    column: str = Field(default="tokens", description="the column with the counts")


def _tokens_tag(raw: Any) -> str:
    return "token distribution" if isinstance(raw, dict | Part) else "token count"


TokenDistribution = Annotated[FixedTokens | UniformTokens | LognormalTokens | TraceTokens, Field(discriminator="kind")]
TokenChoice = Annotated[
    Annotated[TokenCount, Tag("token count")] | Annotated[TokenDistribution, Tag("token distribution")],
    Discriminator(_tokens_tag),
]


class SharedPrefix(Part):
    """A beginning that prompts share, such as a system prompt, and how often two requests have the same one."""

    tokens: TokenCount = Field(description="of the prompt, counted from its beginning")
    hit_rate: Probability | None = Field(default=None, description="a request has the shared prefix with this probability, else one of its own")
    groups: SmallCount = Field(default=1, description="so many different prefixes; a request has one of them")
    zipf: Annotated[Figure, Quantity("count", ge=0, le=10)] = Field(
        default=Figure(0.0), description="popularity of the groups: the k-th is asked for in proportion to 1 / k^zipf"
    )


class KvCache(Part):
    """The cache of keys and values: blocks of ``page`` tokens, given to requests as their tokens grow."""

    format: Literal["activations", "float16", "int8", "int4"] = Field(default="activations", description="number format; activations: that of the activations")
    page: TokenCount = Field(default=16, description="tokens of one block")
    budget_bytes: ByteCount | None = Field(
        default=None, alias="budget", description="memory kept for it, such as 512 MiB; max_batch x context tokens if absent"
    )
    when_full: Literal["preempt_recompute", "swap", "refuse", "evict_oldest"] = Field(
        default="preempt_recompute",
        description="preempt_recompute: the youngest request gives its blocks back and is computed again; swap: it is moved to storage; "
        "refuse: a request that finds no room for all its tokens is dropped; evict_oldest: a request forgets its oldest tokens",
    )
    sink: Annotated[Whole, BeforeValidator(_token_count), Field(ge=0, le=1_000_000)] = Field(
        default=4, description="with evict_oldest: first tokens that are never forgotten (attention sinks), rounded up to whole pages"
    )


class PrefixCache(Part):
    """Blocks of shared prefixes stay in the cache after a request, until the room is needed; the least recently used go first."""

    enabled: bool = Field(default=True, description="false: every prompt is computed whole")


def _acceptance_tag(raw: Any) -> str:
    return "acceptance of each count" if isinstance(raw, list | tuple) else "acceptance of a token"


class Draft(Part):
    """Speculative decoding: a small model proposes tokens, the large one verifies them all in one step."""

    model: Name = Field(description="one of the scenario's models, smaller than the one it drafts for")
    tokens: Annotated[Whole, BeforeValidator(_token_count), Field(ge=0, le=64)] = Field(default=4, description="proposed in each step; 0: without a draft")
    acceptance: Annotated[
        Annotated[Probability, Tag("acceptance of a token")] | Annotated[tuple[Probability, ...], Tag("acceptance of each count")],
        Discriminator(_acceptance_tag),
    ] = Field(description="probability that a proposed token is accepted, such as 0.7; or probabilities of 0, 1, ... tokens being accepted in a step")

    @model_validator(mode="after")
    def _distribution(self) -> Draft:
        if isinstance(self.acceptance, tuple):
            total = math.fsum(map(float, self.acceptance))
            if len(self.acceptance) != self.tokens + 1:
                raise ValueError(
                    f"acceptance gives {len(self.acceptance)} probabilities; {self.tokens} tokens need {self.tokens + 1}, of 0 to {self.tokens} accepted"
                )
            if abs(total - 1.0) > 1e-6:
                raise ValueError(f"acceptance: the probabilities sum to {total:.6g}, not to 1")
        return self

    def expected_tokens(self) -> float:
        """Mean tokens of one step, the target's own included: (1 - a^(g+1)) / (1 - a) for independent acceptance (Leviathan et al. 2023)."""
        if isinstance(self.acceptance, tuple):
            return 1.0 + math.fsum(count * float(share) for count, share in enumerate(self.acceptance))
        return math.fsum(float(self.acceptance) ** power for power in range(self.tokens + 1))


class Serving(Part):
    """How a language model answers several requests at once (continuous batching)."""

    max_batch: SmallCount = Field(default=1, le=1024, description="requests that are computed side by side")
    context: TokenCount = Field(default=4096, description="tokens of prompt and answer one request can have")
    kv_cache: KvCache = KvCache()
    chunk: TokenCount | None = Field(default=None, description="prompts are computed in pieces of so many tokens (chunked prefill); whole if absent")
    scheduling: Name = Field(
        default="prefill_first", description="what a step does while prompts wait: prefill_first, decode_first, mixed, see `edgesim policies`"
    )
    prefix_cache: PrefixCache | None = Field(default=None, description="reuse blocks of shared prefixes: {}; off if absent")
    draft: Draft | None = Field(default=None, description="speculative decoding: {model: small, tokens: 4, acceptance: 0.7}")

    @field_validator("draft")
    @classmethod
    def _proposes(cls, draft: Draft | None) -> Draft | None:
        return draft if draft is not None and draft.tokens else None
