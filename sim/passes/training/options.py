"""What a training step may be asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Loss = Literal["cross_entropy", "mean_squared_error"]


@dataclass(frozen=True)
class Checkpointing:
    """Which activations are kept; the others are computed again before the backward pass needs them.

    One of ``every`` (a segment of so many operators), ``segments`` (names of the operators that begin a segment), ``budget_bytes`` (the
    least extra work whose activations fit), or none of them: about as many segments as the root of the number of operators.
    """

    every: int | None = None
    segments: tuple[str, ...] = ()
    budget_bytes: float | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """Of one step.

    ``trainable``: every weight, or only biases; ``last``: only those of the last so many layers; ``only``: only operators whose name fits
    one of these shell patterns. ``update``: when all gradients are there, or each as soon as it is. ``activation_bits``: format of
    activations kept for the backward pass (8, 4, 2), None: as they are.
    """

    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    loss: Loss = "cross_entropy"
    trainable: Literal["all", "bias"] = "all"
    last: int | None = None
    only: tuple[str, ...] = ()
    update: Literal["at_end", "at_once"] = "at_end"
    checkpointing: Checkpointing | None = None
    activation_bits: int | None = None
