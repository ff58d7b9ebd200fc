"""What a serving policy sees and decides: whether a language model's next step computes prompts, tokens of answers, or both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from sim.registry import Registry


class StepKind(Enum):
    """What a step does. ``MIXED``: a piece of a prompt, and a token for each answer."""

    PREFILL = "prefill"
    DECODE = "decode"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class BatchView:
    """Requests at a border between steps. At least one of the first two is not 0.

    ``prompts``: whose prompt could be computed now, those for whom there is no room left out; ``decoding``: in the midst of their answer.
    ``begun``: whether an answer has gone on since the batch was last empty.
    """

    prompts: int
    decoding: int
    begun: bool


class ServingPolicy(Protocol):
    """Decides at every border between steps. A step of a kind nobody is there for is not made: the other side goes on."""

    def next_step(self, view: BatchView) -> StepKind | None:
        """The kind of the next step. None: none, before something changes."""


SERVING: Registry[type[ServingPolicy]] = Registry("serving policy")
