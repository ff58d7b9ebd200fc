"""A runtime as frozen, validated data. Every number is a :class:`~device_models.figure.Figure` that cites the file's ``sources``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from device_models.figure import Figure, Quantity
from device_models.spec import Spec
from device_models.work import DType
from sim.graph.ops import OPS
from sim.passes.base import Pass, make_pass

Duration = Annotated[Figure, Quantity("time", ge=0, le=1e5)]
PerByte = Annotated[Figure, Quantity("bandwidth", gt=0, le=1e16)]
Share = Annotated[Figure, Quantity("ratio", ge=0)]
UnitKind = Literal["cpu", "gpu", "npu", "dsp", "mcu", "tiny_npu", "neuromorphic"]
FormatName = Literal["float32", "float16", "bfloat16", "int8", "int4", "int16", "int32", "int64", "bool", "float64"]

PrecisionName = Literal["float32", "float16", "int8", "w8a16", "w4a16", "int4", "w4g32", "w4g64", "w4g128", "w4g256", "q8_0", "q4_0", "q4_k_m"]

FORMATS: dict[str, DType] = {
    "float32": DType.F32, "float16": DType.F16, "bfloat16": DType.BF16, "int8": DType.I8, "int4": DType.I4, "int16": DType.I16,
    "int32": DType.I32, "int64": DType.I64, "bool": DType.BOOL, "float64": DType.F64,
}  # fmt: skip
FORMAT_NAMES: dict[DType, str] = {dtype: name for name, dtype in FORMATS.items()}


_MAPPED = Figure(1.0, kind="estimated", note="a memory-mapped file is read at the storage's rate")
_FILE_OVERHEAD = Figure(0.02, kind="estimated", note="graph, names and padding beside the weights")

GROUPS: dict[str, tuple[str, ...]] = {
    # families of operators that files may name at once
    "@convolution": ("Conv", "ConvTranspose"),
    "@product": ("Dense", "MatMul"),
    "@pool": ("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
    "@arithmetic": ("Add", "Sub", "Mul", "Div", "Min", "Max", "SquaredDifference", "Neg", "Abs", "Square", "Pow", "Sum", "Mean"),
    "@clamp": ("Relu", "Relu6", "ReluN1To1", "Clip", "LeakyRelu", "PRelu"),
    "@gate": ("Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Swish", "Gelu", "QuickGelu", "Elu", "Mish", "Softplus"),
    "@root": ("Sqrt", "Rsqrt", "Exp", "Log", "Reciprocal", "Erf", "Sin", "Cos"),
    "@norm": ("BatchNorm", "LayerNorm", "RMSNorm", "InstanceNorm", "GroupNorm", "L2Norm", "MVN"),
    "@softmax": ("Softmax", "LogSoftmax"),
    "@move": ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Split", "Slice", "Pad", "DepthToSpace", "SpaceToDepth", "ChannelShuffle",
              "Resize", "Expand", "Tile"),
    "@gather": ("Gather", "GatherElements", "GatherND", "CacheAppend"),
    "@attention": ("Attention", "RotaryEmbedding"),
    "@reduce": ("Reduce", "ArgMax", "ArgMin"),
    "@recurrent": ("LSTM", "GRU", "RNN"),
    "@compare": ("Equal", "NotEqual", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Where", "And", "Or", "Not"),
    "@quantize": ("Quantize", "Dequantize", "Cast"),
    "@identity": ("Identity", "Dropout"),
    "@spiking": ("SpikeEncode", "IntegrateFire", "SpikingConv", "SpikingDense", "SpikingAveragePool", "SpikingGlobalAveragePool", "SpikingAdd"),
}  # fmt: skip


def _known_operators(names: tuple[str, ...]) -> tuple[str, ...]:
    every = tuple(dict.fromkeys(operator for name in names for operator in GROUPS.get(name, (name,))))
    unknown = [name for name in every if name not in OPS]
    if unknown:
        raise ValueError(f"no operators {', '.join(unknown)}; groups: {', '.join(GROUPS)}")
    return every


class Limit(Spec):
    """A condition some operators must meet to run on a delegate; what is absent is not limited."""

    operators: tuple[str, ...] = Field(default=(), description="operator types it holds for; all if empty")
    max_kernel: int | None = Field(default=None, description="largest extent of a window")
    max_kernel_area: int | None = None
    max_stride: int | None = None
    max_dilation: int | None = None
    max_rank: int | None = Field(default=None, description="dimensions of any tensor it reads or makes")
    max_batch: int | None = Field(default=None, description="first extent of its first input")
    max_groups: int | None = Field(default=None, description="groups of a convolution that is not depthwise")
    max_channels: int | None = None
    max_weight_bytes: float | None = None
    weights_stored: bool = Field(default=False, description="the second operand must be stored with the model")
    formats: tuple[FormatName, ...] = Field(default=(), description="number formats of its arithmetic; the delegate's if empty")

    _operators = field_validator("operators")(_known_operators)


class Delegate(Spec):
    """What one part of the runtime runs on units of the given kinds."""

    name: str
    units: tuple[UnitKind, ...] = Field(min_length=1)
    operators: tuple[str, ...] | Literal["all"] = Field(description="operator types it runs; what is fused counts too")
    except_operators: tuple[str, ...] = ()
    formats: tuple[FormatName, ...] = Field(description="number formats of activations that it runs")
    limits: tuple[Limit, ...] = ()
    mapping: Literal["any", "prefix"] = Field(default="any", description="prefix: the first operator it cannot run ends the part it gets")
    min_operators: int = Field(default=1, ge=1, description="smaller partitions stay on the fallback unit")
    max_partitions: int | None = Field(default=None, ge=1, description="only so many partitions, the largest ones, run on its unit")
    entry_s: Duration = Field(alias="entry", description="one call into the unit, where the unit has no fitted invocation time")
    switch_s: Duration = Field(alias="switch", description="for every further call in the same inference, on top")
    copies: bool = Field(description="tensors that cross its border are copied, at the memory's bandwidth")
    float32_as: Literal["float32", "float16"] = Field(default="float32", description="format it computes float32 networks in, where the unit is faster in it")
    sparse_weights: bool = Field(default=False, description="has kernels that make use of zeros in weights, where the unit can")
    cost_name: str = Field(default="", description="name under which the unit's fitted parameters are kept; the runtime's if empty")
    prepare_s: Duration = Field(alias="prepare", description="once per load: creating the delegate, compiling or reading its kernels")
    prepare_per_operator_s: Duration = Field(alias="prepare_per_operator")
    warm_up: Share = Field(default=Figure(0.0, kind="estimated", note="no extra time in the first run"), description="first run's extra time, in warm runs")

    _excepted = field_validator("except_operators")(_known_operators)

    @field_validator("operators")
    @classmethod
    def _known(cls, names: tuple[str, ...] | str) -> tuple[str, ...] | str:
        return names if isinstance(names, str) else _known_operators(names)

    def runs(self, operator: str) -> bool:
        """Whether it has a kernel for an operator type at all."""
        return operator not in self.except_operators and (self.operators == "all" or operator in self.operators)


class Arena(Spec):
    """How activations share memory."""

    in_place: bool = Field(default=True, description="an elementwise kernel may write over an input nobody reads again")
    alignment_bytes: int = Field(default=64, ge=1, description="of every buffer")
    gathered_windows: int = Field(default=0, ge=0, description="windows of a convolution gathered as 16-bit numbers at a time, in scratch beside the plan")
    kernel_bytes: int = Field(default=0, ge=0, description="kept per kernel while the model is loaded: its data, its tensors' descriptions")
    channel_bytes: int = Field(default=0, ge=0, description="kept per output channel of a convolution: multiplier and shift")


class PrecisionRule(Spec):
    """How the runtime's converter makes a network of one precision."""

    keep_float: tuple[str, ...] = Field(default=(), description="operators that stay in float, between Dequantize and Quantize")
    only: tuple[str, ...] = Field(default=(), description="operators with integer kernels, where those are the exception; all if empty")
    interface: Literal["float", "converted"] = Field(default="float", description="number format of the graph's inputs and outputs")
    activations: Literal["", "float16", "float32"] = Field(default="", description="for weight-only quantization: the format of activations")
    formats: Literal["", "int4", "int8"] = Field(default="", description="the precision whose formats it has, where its name is the runtime's own")
    group_bits: float = Field(default=0.0, ge=0, le=64, description="bits a weight that the scales of groups of weights add")
    output_weights: Literal["", "int4", "int8"] = Field(default="", description="format of a language model's output matrix; the weights' if empty")
    output_group_bits: float = Field(default=0.0, ge=0, le=64, description="as group_bits, of the output matrix in that format")
    untied: bool = Field(default=False, description="a table that is the output matrix too is stored twice")

    _operators = field_validator("keep_float", "only")(_known_operators)


class Runtime(Spec):
    """An inference engine. ``pipeline`` lists its rewritings in order; the entry ``precision`` stands where a model is converted."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    title: str
    description: str = ""
    delegates: tuple[Delegate, ...] = Field(min_length=1)
    prefer: tuple[UnitKind, ...] = Field(description="unit kinds it places operators on when the scenario does not say, the favourite first")
    pipeline: tuple[Any, ...] = Field(description="passes, in order: a name, or {name: {option: value}}")
    precisions: dict[PrecisionName, PrecisionRule] = Field(description="what its converter makes; w4g128: 4-bit weights in groups of 128, activations in float")
    arena: Arena = Arena()
    weights: Literal["copied", "in_place"] = Field(default="copied", description="in_place: read where they are stored, if that is in the address space")
    stored_forms: tuple[Literal["bitmap", "csr", "2:4", "palette"], ...] = Field(
        default=(), description="forms other than dense in which its files hold pruned or clustered weights"
    )
    default_threads: int | None = Field(default=None, ge=1, description="CPU threads; the unit's cores if absent")
    read_share: Share = Field(default=_MAPPED, description="share of the storage's rate at which a model is read")
    file_overhead: Share = Field(default=_FILE_OVERHEAD, description="model file beyond its weights, relative")
    start_s: Duration = Field(alias="start", description="once per load, whatever the units: parsing the file, making the plan")
    sources: dict[str, str]

    @field_validator("pipeline")
    @classmethod
    def _known_passes(cls, steps: tuple[Any, ...]) -> tuple[Any, ...]:
        for step in steps:
            if step != "precision":
                step_pass(step)
        return steps

    @model_validator(mode="after")
    def _cited(self) -> Runtime:
        for figure in _figures(self):
            if figure.source not in ("", "none", *self.sources):
                raise ValueError(f"{self.name}: cites {figure.source!r}, which is not among its sources")
            if figure.source in ("", "none") and not (figure.note and figure.kind == "estimated"):
                raise ValueError(f"{self.name}: a number without a source ({float(figure):g}) must be of kind estimated, with a note that gives the reasoning")
        return self

    def delegate(self, kind: str) -> Delegate | None:
        """The delegate for a kind of unit."""
        return next((delegate for delegate in self.delegates if kind in delegate.units), None)


def step_pass(step: Any) -> Pass:
    """The pass that an entry of a pipeline names."""
    if isinstance(step, str):
        return make_pass(step)
    if isinstance(step, dict) and len(step) == 1:
        ((name, options),) = step.items()
        return make_pass(name, options)
    raise ValueError(f"a step of a pipeline is a name or {{name: {{option: value}}}}, got {step!r}")


def _figures(part: Any) -> list[Figure]:
    if isinstance(part, Figure):
        return [part]
    if isinstance(part, Spec):
        return [figure for name in type(part).model_fields for figure in _figures(getattr(part, name))]
    if isinstance(part, tuple):
        return [figure for element in part for figure in _figures(element)]
    return []
