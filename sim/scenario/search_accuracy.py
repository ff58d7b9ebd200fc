"""Where a search is to know the accuracy of its candidates from: ``search: accuracy: {provider: published, table: once_for_all}``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.part import Name, Part, SmallCount


class PublishedSource(Part):
    """Points that others measured; nothing is said beyond them."""

    provider: Literal["published"]
    model: Name | None = Field(default=None, description="the scenario's model that the accuracy is of; its only one if absent")
    table: str = Field(description="once_for_all, nasbench201, or a CSV file of yours with columns macs and accuracy (0 to 1)")
    target: Literal["phone", "gpu"] = Field(default="phone", description="of once_for_all: what the published subnets were specialised for")
    of_float: bool = Field(default=False, description="rank networks that run in integers by the accuracy they have in float")


class FunctionSource(Part):
    """A Python function of yours."""

    provider: Literal["callable"]
    model: Name | None = Field(default=None, description="the scenario's model that the accuracy is of; its only one if absent")
    function: str = Field(description="module:function or file.py:function; gets {model, changes, seed}, returns a share from 0 to 1, or (share, error)")


class DigitsSource(Part):
    """Trained for real in each trial, on the digits of scikit-learn."""

    provider: Literal["digits"]
    model: Name | None = Field(default=None, description="the scenario's model that the accuracy is of; its only one if absent")
    seeds: SmallCount = Field(default=1, le=100, description="how often each candidate is trained; the mean counts")
    epochs: SmallCount = Field(default=60, le=10_000, description="of each training")


AccuracySource = Annotated[PublishedSource | FunctionSource | DigitsSource, Field(discriminator="provider")]
