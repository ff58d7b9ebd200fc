"""The options of compression techniques as a scenario writes them: ``compress: [{quantize: {to: int8}}, {prune: {sparsity: 50 %}}]``.

What each technique does to a graph is in :mod:`sim.passes.compression`, one file each.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.part import ByteCount, Part, PositiveTime, SmallCount, Whole
from sim.scenario.spiking import ToSpikingOptions

Patterns = Annotated[tuple[str, ...], Field(description="operator names (shell-style patterns such as stage1/*) or types such as Conv")]


def _not_all(share: Figure) -> Figure:
    if float(share) >= 1:
        raise ValueError("100 % would leave nothing of the layer; give less, such as 90 %")
    return share


Share = Annotated[Figure, Quantity("ratio", gt=0, le=1), AfterValidator(_not_all)]
WeightFormat = Literal["int8", "int4", "int2", "fp16", "bf16"]
ActivationFormat = Literal["int8", "int16", "fp16", "bf16", "none", "dynamic"]
IntegerWidth = Literal["int8", "int7", "int6", "int5", "int4", "int3", "int2"]
Granularity = Literal["per_tensor", "per_channel", "per_group"]

# shorthand -> formats of weights and activations; int4 weights alone are unpacked while they are multiplied. a16 are integers here as in
# a model's `precision`, where engines that have no such kernels (ONNX Runtime, TensorRT, llama.cpp ...) take 16-bit floats in their place.
SHORTHAND: dict[str, tuple[WeightFormat, ActivationFormat]] = {
    "int8": ("int8", "int8"), "int4": ("int4", "none"), "fp16": ("fp16", "fp16"), "bf16": ("bf16", "bf16"),
    "w8a16": ("int8", "int16"), "w4a16": ("int4", "int16"), "w4f16": ("int4", "fp16"),
}  # fmt: skip


class _Selective(Part):
    """Options of techniques that work on some operators and leave others."""

    only: Patterns = ()
    skip: Patterns = ()


class _Rounding(_Selective):
    """How numbers become integers."""

    method: Literal["ptq", "qat"] = Field(default="ptq", description="post-training quantization, or training that knows of it: the same graph, other accuracy")
    granularity: Granularity = Field(default="per_channel", description="how many weights share a scale")
    group_size: Annotated[Whole, Field(ge=2, le=65536)] | None = Field(default=None, description="weights that share a scale, with per_group; 32 if absent")
    symmetric: bool = Field(default=True, description="zero points of weights are 0")
    scales: Literal["min_max", "percentile", "mse"] = Field(default="min_max", description="how the range of numbers is chosen")
    percentile: Annotated[Figure, Quantity("ratio", gt=0.5, le=1)] = Field(default=Figure(0.9999), description="share of numbers inside the range")
    calibration: str | None = Field(default=None, description=".npz file with an array for each input, the first axis counting samples")

    @model_validator(mode="after")
    def _fits(self) -> _Rounding:
        if self.group_size is not None and self.granularity != "per_group":
            raise ValueError("group_size is for granularity: per_group")
        return self


class QuantizeOptions(_Rounding):
    """Weights and activations in fewer bits."""

    to: Literal["int8", "int4", "fp16", "bf16", "w8a16", "w4a16", "w4f16"] | None = Field(
        default=None, description="shorthand for weights and activations; a16: activations of 16-bit integers, f16: of 16-bit floats"
    )
    weights: WeightFormat | None = Field(default=None, description="format of weights; int8 if absent")
    activations: ActivationFormat | None = Field(
        default=None, description="format of activations; none: float as before, dynamic: int8 with scales found at run time; int8 if absent"
    )
    mode: Literal["static", "dynamic"] = Field(default="static", description="dynamic: scales of activations are found at run time")

    @model_validator(mode="after")
    def _formats(self) -> QuantizeOptions:
        if self.to is not None and (self.weights is not None or self.activations is not None):
            raise ValueError("give either to, or weights and activations, not both")
        weights, activations = self.formats
        if self.mode == "dynamic" and activations not in ("int8", "dynamic"):
            raise ValueError(f"mode: dynamic quantizes activations to int8 at run time; it does not go with activations: {activations}")
        if weights in ("fp16", "bf16") and activations not in (weights, "none"):
            raise ValueError(f"weights: {weights} go with activations: {weights} or none")
        if activations == "dynamic" and weights not in ("int8",):
            raise ValueError("activations quantized at run time go with weights: int8")
        return self

    @property
    def formats(self) -> tuple[WeightFormat, ActivationFormat]:
        """Of weights and activations."""
        if self.to is not None:
            weights, activations = SHORTHAND[self.to]
        else:
            weights = self.weights or "int8"
            activations = self.activations or (weights if weights in ("fp16", "bf16") else "int8")  # type: ignore[assignment]  # both are activation formats
        return weights, "dynamic" if self.mode == "dynamic" and activations == "int8" else activations


class MixedPrecisionOptions(_Rounding):
    """A format for each layer's weights, chosen by how much noise it adds, under one budget."""

    formats: Annotated[tuple[IntegerWidth, ...], Field(min_length=1)] = Field(
        default=("int8", "int4"), description="formats to choose from, int2 to int8; 3 bits are held in 4, and 5 to 7 in 8"
    )
    sensitivity: Literal["weights", "layers", "answers"] | None = Field(
        default=None,
        description="where rounding noise is measured: in the weights, or on calibration data in each layer's output or the model's answers; "
        "answers if absent and there are data, else weights",
    )
    activations: Literal["int8", "int16", "none"] = Field(default="int8", description="format of all activations")
    size_bytes: ByteCount | None = Field(default=None, alias="size", description="budget: stored bytes of the model, at most, such as 500 kB")
    average_bits: Annotated[float, Field(gt=0, le=32)] | None = Field(default=None, description="budget: bits a weight on average, at most")
    latency_s: PositiveTime | None = Field(default=None, alias="latency", description="budget: one inference on the device, at most")
    energy_j: Annotated[Figure, Quantity("energy", gt=0)] | None = Field(default=None, alias="energy", description="budget: one inference, at most")

    @model_validator(mode="after")
    def _one_budget(self) -> MixedPrecisionOptions:
        given = [name for name in ("size_bytes", "average_bits", "latency_s", "energy_j") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("mixed_precision needs exactly one budget: size, average_bits, latency or energy")
        return self


class PruneOptions(_Selective):
    """Weights set to zero by magnitude, or whole channels removed."""

    sparsity: Share | None = Field(default=None, description="share of weights that become zero, such as 80 %")
    granularity: Literal["element", "block", "2:4"] = Field(default="element", description="what becomes zero together; 2:4: two of four neighbours stay")
    block: tuple[SmallCount, SmallCount] | None = Field(default=None, description="rows and columns of a block, with granularity: block; [1, 4] if absent")
    scope: Literal["layer", "global"] = Field(default="layer", description="every layer alike, or the smallest of the whole network")
    structured: Literal["channels"] | None = Field(default=None, description="remove whole channels: layers become narrower")
    ratio: Share | None = Field(default=None, description="share of channels removed from every group of channels, with structured: channels")
    layers: dict[str, Share] = Field(default_factory=dict, description="operator name pattern -> its own sparsity or ratio")
    remove: dict[str, tuple[Annotated[Whole, Field(ge=0)], ...]] = Field(default_factory=dict, description="operator name -> output channels to remove")
    criterion: Literal["l1", "l2", "random"] = Field(default="l1", description="norm by which the least important channels are found")
    multiple: SmallCount = Field(default=1, description="channels are kept in whole groups of so many")
    schedule: Literal["one_shot", "iterative", "lottery_ticket"] = Field(default="one_shot", description="in rounds of training, or rewinding to first weights")
    steps: Annotated[Whole, Field(ge=1, le=1000)] | None = Field(default=None, description="rounds of an iterative schedule; 5 if absent")
    seed: Annotated[Whole, Field(ge=0)] = Field(default=0, description="of criterion: random")

    @model_validator(mode="after")
    def _one_kind(self) -> PruneOptions:
        if self.structured is None and (self.ratio is not None or self.remove):
            raise ValueError("ratio and remove are for structured: channels; without it give sparsity")
        if self.structured and self.sparsity is not None:
            raise ValueError("structured: channels takes ratio, not sparsity")
        if self.structured and not (self.ratio or self.layers or self.remove):
            raise ValueError("structured: channels needs ratio, layers or remove")
        if self.structured is None and self.granularity != "2:4" and not (self.sparsity or self.layers):
            raise ValueError("prune needs sparsity, layers, granularity: '2:4', or structured: channels with a ratio")
        if self.granularity == "2:4" and ((self.sparsity is not None and float(self.sparsity) != 0.5) or self.layers):
            raise ValueError("granularity: '2:4' keeps two of four weights: its sparsity is 50 %")
        if self.granularity == "2:4" and self.scope == "global":
            raise ValueError("granularity: '2:4' holds in every layer; scope: global does not go with it")
        if self.block is not None and self.granularity != "block":
            raise ValueError("block is for granularity: block")
        if self.steps is not None and self.schedule == "one_shot":
            raise ValueError("steps are for schedule: iterative or lottery_ticket")
        return self


class DistillOptions(Part):
    """A smaller student in the teacher's place, trained on the teacher's soft targets."""

    student: str = Field(description="a zoo name or a model file, as a model's source")
    options: dict[str, Any] = Field(default_factory=dict, description="options of a zoo model")
    shapes: dict[str, SmallCount] = Field(default_factory=dict, description="values of symbolic dimensions")
    temperature: Annotated[float, Field(gt=0, le=1000)] = Field(default=4.0, description="by which logits are divided in the soft targets")
    alpha: Annotated[Figure, Quantity("ratio", ge=0, le=1)] = Field(default=Figure(0.5), description="weight of the soft targets in the loss")


class LowRankOptions(_Selective):
    """Matrices as products of two thinner ones."""

    rank: SmallCount | None = Field(default=None, description="of every factorised matrix")
    ratio: Share | None = Field(default=None, description="rank as a share of the full rank")
    energy: Annotated[Figure, Quantity("ratio", gt=0, le=1)] | None = Field(default=None, description="share of the squared singular values to keep")

    @model_validator(mode="after")
    def _one_rule(self) -> LowRankOptions:
        if sum(value is not None for value in (self.rank, self.ratio, self.energy)) != 1:
            raise ValueError("low_rank needs exactly one of rank, ratio and energy")
        return self


class ClusterOptions(_Selective):
    """Weights that share a few values: a codebook and an index for each weight."""

    bits: Annotated[Whole, Field(ge=1, le=8)] | None = Field(default=None, description="of an index: 2 to that power clusters")
    clusters: Annotated[Whole, Field(ge=2, le=256)] | None = Field(default=None, description="values of each tensor's codebook")

    @model_validator(mode="after")
    def _one_number(self) -> ClusterOptions:
        if (self.bits is None) == (self.clusters is None):
            raise ValueError("cluster needs either bits or clusters")
        return self


class CompressionStep(Part):
    """One technique with its options: a mapping with exactly one key."""

    quantize: QuantizeOptions | None = None
    mixed_precision: MixedPrecisionOptions | None = None
    prune: PruneOptions | None = None
    distill: DistillOptions | None = None
    low_rank: LowRankOptions | None = None
    cluster: ClusterOptions | None = None
    to_spiking: ToSpikingOptions | None = None

    @model_validator(mode="after")
    def _one_technique(self) -> CompressionStep:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"{len(given)}: {', '.join(given)}" if given else "none"
            raise ValueError(f"an entry of compress has exactly one technique ({', '.join(type(self).model_fields)}), this one has {found}")
        return self

    @property
    def technique(self) -> str:
        """Its name."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def options(self) -> Part:
        """Its options."""
        found: Part = getattr(self, self.technique)
        return found
