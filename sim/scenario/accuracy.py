"""How a scenario asks for the accuracy of one of its models to be measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sim.scenario.part import Part, SmallCount

MetricName = Literal["top1", "top5", "mse", "mae"]


class AccuracyUse(Part):
    """Data on which the model, as ``compress`` leaves it, runs in ONNX Runtime, and the metric that judges its answers."""

    dataset: str = Field(description=".npz file, relative to the scenario: samples of each input and the right answers, the first axis counting samples")
    metric: MetricName = Field(default="top1", description="top1, top5: share of right classes; mse, mae: error of numbers")
    inputs: dict[str, str] = Field(default_factory=dict, description="input -> array of the file; the array of the input's name if absent")
    labels: str | None = Field(default=None, description="array of the file with right answers: class numbers, or numbers for mse and mae; 'labels' if absent")
    output: str | None = Field(default=None, description="the output that is judged; the first if absent")
    limit: SmallCount | None = Field(default=None, description="use the first so many samples only")
