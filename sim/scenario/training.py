"""Training on the device, as a scenario writes it: ``training: {optimizer: sgd, batch: 16, checkpointing: sqrt}``.

What a step consists of is in :mod:`sim.passes.training`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from sim.scenario.part import ByteCount, Part, SmallCount, Whole


class CheckpointingUse(Part):
    """Which activations are kept for the backward pass; the others are computed again."""

    every: SmallCount | None = Field(default=None, description="a segment of so many operators; activations at its borders are kept")
    segments: tuple[str, ...] = Field(default=(), description="names of the operators that begin a segment")
    budget_bytes: ByteCount | None = Field(default=None, alias="budget", description="least extra work whose activations and gradients fit, such as 64 MB")

    @model_validator(mode="after")
    def _one_rule(self) -> CheckpointingUse:
        if sum((self.every is not None, bool(self.segments), self.budget_bytes is not None)) != 1:
            raise ValueError("checkpointing needs exactly one of every, segments and budget, or the word sqrt")
        return self


def _packable(bits: int) -> int:
    if bits not in (8, 4, 2):
        raise ValueError(f"activations are kept in 8, 4 or 2 bits, not {bits}")
    return bits


class ActivationCompression(Part):
    """Activations kept for the backward pass in fewer bits."""

    bits: Annotated[Whole, AfterValidator(_packable)] = Field(default=8, description="of each kept element: 8, 4 or 2")


def _checkpointing_tag(raw: Any) -> str:
    return "sqrt" if isinstance(raw, str) else "checkpointing with options"


CheckpointingChoice = Annotated[
    Annotated[Literal["sqrt"], Tag("sqrt")] | Annotated[CheckpointingUse, Tag("checkpointing with options")], Discriminator(_checkpointing_tag)
]


class TrainingUse(Part):
    """The model is trained: one run of it is one step (forward, loss, backward, update)."""

    optimizer: Literal["sgd", "momentum", "adam"] = Field(default="sgd", description="momentum keeps one more tensor for each weight, adam two")
    loss: Literal["cross_entropy", "mean_squared_error"] = Field(default="cross_entropy", description="of the model's outputs and labels (or targets)")
    batch: SmallCount | None = Field(default=None, description="samples of a step; the model's own batch if absent")
    trainable: Literal["all", "bias"] = Field(default="all", description="bias: only biases are trained, which keeps few activations")
    last: SmallCount | None = Field(default=None, description="train only the last so many layers: nothing below them has a backward pass")
    only: tuple[str, ...] = Field(default=(), description="train only operators whose name fits one of these shell patterns, such as head/*")
    update: Literal["at_end", "at_once"] = Field(default="at_end", description="weights change when all gradients are there, or each as soon as its own is")
    checkpointing: CheckpointingChoice | None = Field(
        default=None, description="sqrt, or {every: 4}, {segments: [names]}, {budget: 64 MB}: activations computed again instead of kept"
    )
    activation_compression: ActivationCompression | None = Field(default=None, description="{bits: 8}: activations are kept in fewer bits")

    @model_validator(mode="after")
    def _one_choice(self) -> TrainingUse:
        if self.last is not None and self.only:
            raise ValueError("give either last or only, not both")
        return self
