"""The options of rate-coded conversion: ``compress: [{to_spiking: {timesteps: 32, rate: 0.1}}]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.part import Part, Whole

MOST_STEPS = 10_000


class ToSpikingOptions(Part):
    """The network as integrate-and-fire neurons whose rates of spikes stand for its activations."""

    timesteps: Annotated[Whole, Field(ge=1, le=MOST_STEPS)] = Field(description="steps an answer takes: more are slower, dearer and more exact")
    rate: Annotated[Figure, Quantity("ratio", ge=0, le=1)] | Literal["measured"] | None = Field(
        default=None, description="spikes of a neuron a step, of every layer; measured: counted on the calibration data, as if absent"
    )
    calibration: str | None = Field(default=None, description=".npz file with an array for each input, the first axis counting samples")
    coding: Literal["rate"] = Field(default="rate", description="what spikes say: how many there are")
    input: Literal["rate", "analog"] = Field(default="rate", description="rate: inputs are encoded as spikes; analog: the first layer takes them as currents")
    reset: Literal["subtract", "zero"] = Field(default="subtract", description="what firing takes from a neuron: its threshold, or all it has")
    percentile: Annotated[Figure, Quantity("ratio", gt=0.5, le=1)] = Field(
        default=Figure(0.999), description="share of a layer's activations that lies below what a spike in every step stands for"
    )

    @model_validator(mode="after")
    def _a_rate(self) -> ToSpikingOptions:
        if self.calibration is None and (self.rate is None or self.rate == "measured"):
            raise ValueError("how often neurons fire is not known: give rate (0 to 1 spikes a step), or calibration data on which it is measured")
        return self

    @property
    def given_rate(self) -> float | None:
        """The rate of every layer, None where it is measured."""
        return None if self.rate is None or self.rate == "measured" else float(self.rate)
