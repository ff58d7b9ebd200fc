"""What a federated study really learns: the data, how they are spread over the clients, and the network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.part import Part, Whole

DIGITS_PIXELS, DIGITS_CLASSES = 64, 10
DIGITS_TRAINED = 1078  # of 1,797 images, 60 % to train on; the others are held out
_MOST_LAYERS = 4

_Ratio = Annotated[Figure, Quantity("ratio", gt=0, le=1)]
_Rate = Annotated[Figure, Quantity("count", gt=0, le=1e3)]
_Alpha = Annotated[Figure, Quantity("count", gt=0, le=1e6)]
_Norm = Annotated[Figure, Quantity("count", gt=0, le=1e9)]
_Noise = Annotated[Figure, Quantity("count", ge=0, le=1e6)]


def weights_of(hidden: Sequence[int]) -> int:
    """Weights and biases of dense layers of these widths between pixels and classes."""
    return sum((wide + 1) * out for wide, out in pairwise((DIGITS_PIXELS, *hidden, DIGITS_CLASSES)))


class DirichletSplit(Part):
    """Clients with as many images each; shares of their classes follow a Dirichlet distribution (Hsu, Qi and Brown, arXiv:1909.06335, 2019)."""

    kind: Literal["dirichlet"]
    alpha: _Alpha = Field(description="concentration of each class: 0.1 is one or two classes a client, 100 nearly all alike")


class ShardSplit(Part):
    """Images in order of their class, cut into shards of which each client gets some (McMahan et al., AISTATS 2017)."""

    kind: Literal["shards"]
    per_client: Annotated[Whole, Field(ge=1, le=1000)] = Field(default=2, description="shards of each client: about so many classes at most")


def _split_tag(raw: Any) -> str:
    if isinstance(raw, str):
        return "a word"
    kind = raw.get("kind") if isinstance(raw, dict) else getattr(raw, "kind", None)
    return "shards" if kind == "shards" else "dirichlet"


SplitChoice = Annotated[
    Annotated[Literal["iid"], Tag("a word")] | Annotated[DirichletSplit, Tag("dirichlet")] | Annotated[ShardSplit, Tag("shards")],
    Discriminator(_split_tag),
]


class Learning(Part):
    """Real training in the simulated rounds. Batch and optimizer are those of ``model.training``, epochs or steps those of ``local``."""

    data: Literal["digits"] = Field(default="digits", description="1,797 images of handwritten digits, 60 % divided among the clients, 40 % held out")
    split: SplitChoice = Field(default="iid", description="iid, {kind: dirichlet, alpha: 0.3} or {kind: shards, per_client: 2}")
    hidden: Annotated[tuple[Annotated[Whole, Field(ge=1, le=1024)], ...], Field(max_length=_MOST_LAYERS)] = Field(
        default=(), description="widths of the layers between 64 pixels and 10 classes; none: softmax regression"
    )
    learning_rate: _Rate = Field(default=Figure(0.1), description="of a client's steps")
    server_rate: _Rate = Field(default=Figure(1.0), description="factor of the combined update")
    targets: Annotated[tuple[_Ratio, ...], Field(max_length=20)] = Field(
        default=(Figure(0.8), Figure(0.9), Figure(0.95)), description="accuracies on the held-out images: when, and with how much energy, are they reached?"
    )
    clip: _Norm | None = Field(default=None, description="with privacy: Euclidean norm that no update exceeds")
    noise_multiplier: _Noise = Field(default=Figure(0.0), description="with privacy: standard deviation of the noise by clip")

    @property
    def weights(self) -> int:
        """Of the network that learns, biases included."""
        return weights_of(self.hidden)

    @model_validator(mode="after")
    def _in_order(self) -> Learning:
        if sorted(map(float, self.targets)) != list(map(float, self.targets)):
            raise ValueError("targets: give accuracies from low to high")
        return self
