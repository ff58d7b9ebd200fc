"""One request in the batch of a language model: how far it has come, and what it holds."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim.runtime.request import StageRun


class Phase(Enum):
    """Where a request is. ``SWAPPED``: its keys and values are in storage."""

    WAITING = 0
    PREFILL = 1
    DECODE = 2
    SWAPPED = 3
    DONE = 4


class Sequence:
    """``prompt`` and ``output`` in tokens; ``prefix``: the group whose beginning of ``prefix_tokens`` it shares, -1 for none.

    ``cached``: tokens whose keys and values are there; ``todo``: tokens to compute before the next one comes out; ``written``: tokens of
    the answer that are out. ``accepted[steps]``: proposals that the target will accept in each of its steps, ``speculated`` of which are past.
    """

    __slots__ = (
        "accepted",
        "blocks",
        "cached",
        "first_s",
        "last_s",
        "output",
        "phase",
        "preemptions",
        "prefix",
        "prefix_tokens",
        "prompt",
        "reads_prefix",
        "recomputed",
        "reserved",
        "reused",
        "run",
        "shared_blocks",
        "speculated",
        "steps",
        "taken_in",
        "todo",
        "written",
    )

    def __init__(self, run: StageRun, prompt: int, output: int, prefix: int, prefix_tokens: int, accepted: np.ndarray | None) -> None:
        self.run = run
        self.prompt, self.output, self.prefix, self.prefix_tokens = prompt, output, prefix, prefix_tokens
        self.accepted = accepted
        self.phase = Phase.WAITING
        self.cached, self.todo, self.written = 0, prompt, 0
        self.blocks = 0  # of its own
        self.shared_blocks = 0  # of a prefix that it reads
        self.reads_prefix = False
        self.reserved = 0  # blocks for all its tokens, where it must have them before it begins
        self.reused = 0  # tokens of the prompt that were there already
        self.recomputed = 0
        self.preemptions = self.steps = self.speculated = 0
        self.taken_in = 0  # order in which it came into the batch
        self.first_s = self.last_s = math.nan

    @property
    def left(self) -> int:
        """Tokens still to be written."""
        return self.output - self.written

    def emitted(self, steps: int) -> np.ndarray:
        """Tokens that have come out after each of the next ``steps`` speculative steps, ``[steps]``, no more than are wanted."""
        assert self.accepted is not None
        return np.minimum(np.cumsum(self.accepted[self.speculated : self.speculated + steps] + 1), self.left)

    def preempted(self, most: int) -> None:
        """Its keys and values are gone: all tokens known so far, or the last ``most`` of them, are to be computed again."""
        self.phase = Phase.WAITING
        self.preemptions += 1
        self.recomputed += self.cached
        self.cached, self.todo = 0, min(self.prompt + self.written, most)
