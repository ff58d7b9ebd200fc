"""The layers that a scenario may name: their options, and the operators they become. Adding one is a ``kind`` function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.frontends.limits import check_shape
from sim.graph.builder import GraphBuilder
from sim.registry import Registry

ACTIVATIONS = {
    "relu": "Relu", "relu6": "Relu6", "leaky_relu": "LeakyRelu", "sigmoid": "Sigmoid", "tanh": "Tanh", "gelu": "Gelu", "swish": "Swish", "silu": "Swish",
    "hardswish": "HardSwish", "hardsigmoid": "HardSigmoid", "elu": "Elu", "selu": "Selu", "mish": "Mish", "softplus": "Softplus",
}  # fmt: skip


class OptionError(Exception):
    """A value that does not fit: the option (empty: the layer as a whole) and why."""

    def __init__(self, option: str, what: str) -> None:
        self.option, self.what = option, what
        super().__init__(what)


@dataclass(frozen=True)
class Option:
    """An option of a layer. ``check`` returns the value in the layer's own type or raises ValueError with what was expected."""

    check: Callable[[Any], Any]
    default: Any = None
    required: bool = False


@dataclass
class Use:
    """One layer of the list: where it adds operators, its name, its inputs, its options."""

    builder: GraphBuilder
    name: str
    inputs: list[str]
    options: dict[str, Any]

    def __getitem__(self, option: str) -> Any:
        return self.options[option]

    @property
    def x(self) -> str:
        return self.inputs[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.builder.shape(self.x)

    @property
    def rank(self) -> int:
        """Number of spatial dimensions of ``[batch, channels, *spatial]``."""
        if len(self.shape) < 3:
            raise OptionError("", f"needs an input [batch, channels, height, width], it has shape {list(self.shape)}")
        return len(self.shape) - 2

    def weight(self, part: str, shape: tuple[int, ...]) -> str:
        return self.builder.weight(f"{self.name}.{part}", check_shape(f"{self.name}: {part}", shape))

    def add(self, type: str, inputs: list[str], attributes: dict[str, Any] | None = None, suffix: str = "", **more: Any) -> str:
        return self.builder.add(type, inputs, attributes, name=f"{self.name}/{suffix}" if suffix else self.name, **more)

    def activated(self, y: str) -> str:
        kind = self.options.get("activation")
        return self.add(ACTIVATIONS[kind], [y], suffix=kind) if kind else y


Build = Callable[[Use], str]


@dataclass(frozen=True)
class Kind:
    """A layer type: its options and what it adds. ``several``: takes any number of inputs from 2."""

    build: Build
    options: dict[str, Option] = field(default_factory=dict)
    several: bool = False


KINDS: Registry[Kind] = Registry("layer")


def kind(name: str, options: Mapping[str, Option] | None = None, *, several: bool = False) -> Callable[[Build], Build]:
    """Enter a layer type."""

    def enter(build: Build) -> Build:
        KINDS.register(name)(Kind(build, dict(options or {}), several))
        return build

    return enter


def whole(least: int = 1, most: int = 2**31) -> Callable[[Any], int]:
    """A whole number in a range."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least}" + (f" to {most}" if most < 2**31 else ""))
        return value

    return check


def extents(least: int = 1) -> Callable[[Any], int | tuple[int, ...]]:
    """One number for every spatial dimension, or a list with one each."""

    def check(value: Any) -> int | tuple[int, ...]:
        if isinstance(value, list | tuple) and value:
            return tuple(whole(least)(part) for part in value)
        return whole(least)(value)

    return check


def one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError("one of " + ", ".join(names))
        return str(value)

    return check


def padding(value: Any) -> Any:
    if value in ("same", "valid"):
        return value
    try:
        return extents(0)(value)
    except ValueError:
        raise ValueError("same, valid, or numbers of elements") from None


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def numbers(value: Any) -> list[int]:
    if not isinstance(value, list | tuple) or not value or any(isinstance(part, bool) or not isinstance(part, int) for part in value):
        raise ValueError("a list of whole numbers")
    return list(value)


SIZE = Option(whole(), required=True)
ACTIVATION = Option(one_of(*ACTIVATIONS))
BIAS = Option(flag, True)
WINDOW = {"stride": Option(extents(), 1), "padding": Option(padding, "same"), "dilation": Option(extents(), 1)}


def _spread(use: Use, option: str) -> tuple[int, ...]:
    """An option given once or per spatial dimension."""
    value = use[option]
    if isinstance(value, int):
        return (value,) * use.rank
    if len(value) != use.rank:
        raise OptionError(option, f"has {len(value)} numbers, the input {list(use.shape)} has {use.rank} spatial dimensions")
    return tuple(value)


def _window(use: Use) -> dict[str, Any]:
    attributes: dict[str, Any] = {"strides": _spread(use, "stride")}
    if "dilation" in use.options:
        attributes["dilations"] = _spread(use, "dilation")
    if use["padding"] in ("same", "valid"):
        return {**attributes, "auto_pad": "SAME_UPPER" if use["padding"] == "same" else "VALID"}
    return {**attributes, "pads": _spread(use, "padding") * 2}


def _convolved(use: Use, out: int, groups: int) -> str:
    channels = use.shape[1] if use.rank else 0
    if channels % groups or out % groups:
        raise OptionError("groups", f"{channels} input and {out} output channels do not divide into {groups} groups")
    inputs = [use.x, use.weight("weight", (out, channels // groups, *_spread(use, "kernel")))]
    inputs += [use.weight("bias", (out,))] if use["bias"] else []
    return use.activated(use.add("Conv", inputs, {**_window(use), "group": groups}))


@kind("conv", {"out": SIZE, "kernel": Option(extents(), 3), "groups": Option(whole(), 1), "bias": BIAS, "activation": ACTIVATION, **WINDOW})
def conv(use: Use) -> str:
    """Convolution over 1, 2 or 3 spatial dimensions, as the input has."""
    return _convolved(use, use["out"], use["groups"])


@kind("depthwise", {"kernel": Option(extents(), 3), "multiplier": Option(whole(), 1), "bias": BIAS, "activation": ACTIVATION, **WINDOW})
def depthwise(use: Use) -> str:
    channels = use.shape[1] if use.rank else 0
    return _convolved(use, channels * use["multiplier"], channels)


@kind("conv_transpose", {"out": SIZE, "kernel": Option(extents(), 2), "bias": BIAS, "activation": ACTIVATION, **WINDOW, "stride": Option(extents(), 2)})
def conv_transpose(use: Use) -> str:
    inputs = [use.x, use.weight("weight", (use.shape[1] if use.rank else 0, use["out"], *_spread(use, "kernel")))]
    inputs += [use.weight("bias", (use["out"],))] if use["bias"] else []
    return use.activated(use.add("ConvTranspose", inputs, _window(use)))


@kind("dense", {"out": SIZE, "bias": BIAS, "activation": ACTIVATION})
def dense(use: Use) -> str:
    """Fully connected over the last axis of ``[batch, features]`` or ``[batch, steps, features]``."""
    if len(use.shape) > 3:
        raise OptionError("", f"works on the last axis; put a flatten or global_average_pool before it (its input has shape {list(use.shape)})")
    inputs = [use.x, use.weight("weight", (use["out"], use.shape[-1]))]
    return use.activated(use.add("Dense", inputs + ([use.weight("bias", (use["out"],))] if use["bias"] else [])))


def _pool(type: str) -> Build:
    def build(use: Use) -> str:
        use.options["stride"] = use["stride"] or use["kernel"]
        return use.add(type, [use.x], {"kernel": _spread(use, "kernel"), **_window(use)})

    return build


_POOL = {"kernel": Option(extents(), 2), "stride": Option(extents()), "padding": Option(padding, "valid")}
kind("maxpool", _POOL)(_pool("MaxPool"))
kind("avgpool", _POOL)(_pool("AveragePool"))


def _global_pool(type: str) -> Build:
    """``[batch, channels]``: one number per channel."""
    return lambda use: use.add("Flatten", [use.add(type, [use.x], suffix="pool")], {"axis": 1})


kind("global_average_pool")(_global_pool("GlobalAveragePool"))
kind("global_max_pool")(_global_pool("GlobalMaxPool"))
kind("flatten")(lambda use: use.add("Flatten", [use.x], {"axis": 1}))
kind("reshape", {"shape": Option(numbers, required=True)})(lambda use: use.add("Reshape", [use.x], {"shape": [use.shape[0], *use["shape"]]}))
kind("transpose", {"axes": Option(numbers, required=True)})(lambda use: use.add("Transpose", [use.x], {"perm": use["axes"]}))
kind("softmax", {"axis": Option(whole(-8), -1)})(lambda use: use.add("Softmax", [use.x], {"axis": use["axis"]}))
kind("dropout", {"rate": Option(fraction, 0.5)})(lambda use: use.x)  # nothing runs at inference
for _name, _type in ACTIVATIONS.items():
    kind(_name)(lambda use, type=_type: use.add(type, [use.x]))  # type: ignore[misc]


def _combine(type: str) -> Build:
    def build(use: Use) -> str:
        value = use.inputs[0]
        for position, other in enumerate(use.inputs[1:]):
            value = use.add(type, [value, other], suffix=str(position) if position else "")
        return use.activated(value)

    return build


for _name, _type in (("add", "Add"), ("residual", "Add"), ("mul", "Mul"), ("sub", "Sub")):
    kind(_name, {"activation": ACTIVATION}, several=True)(_combine(_type))


@kind("concat", {"axis": Option(whole(-8), 1)}, several=True)
def concat(use: Use) -> str:
    return use.add("Concat", use.inputs, {"axis": use["axis"]})


@kind("batch_norm", {"activation": ACTIVATION})
def batch_norm(use: Use) -> str:
    channels = (use.shape[1],) if len(use.shape) > 1 else (1,)
    trained = [use.weight(part, channels) for part in ("scale", "bias")]
    measured = [use.builder.tensor(f"{use.name}.{part}", channels, role="constant") for part in ("mean", "variance")]
    return use.activated(use.add("BatchNorm", [use.x, *trained, *measured]))


def _norm(type: str, axis: int, parts: tuple[str, ...]) -> Build:
    def build(use: Use) -> str:
        if len(use.shape) < 2:
            raise OptionError("", f"needs at least 2 dimensions, its input has shape {list(use.shape)}")
        return use.add(type, [use.x, *(use.weight(part, (use.shape[axis],)) for part in parts)], dict(use.options))

    return build


kind("layer_norm")(_norm("LayerNorm", -1, ("scale", "bias")))
kind("rms_norm")(_norm("RMSNorm", -1, ("scale",)))
kind("instance_norm")(_norm("InstanceNorm", 1, ("scale", "bias")))
kind("group_norm", {"groups": Option(whole(), 32)})(_norm("GroupNorm", 1, ("scale", "bias")))


def _recurrent(type: str, gates: int) -> Build:
    """``[batch, steps, features]`` -> the last output ``[batch, directions * units]``, or all of them."""

    def build(use: Use) -> str:
        if len(use.shape) != 3:
            raise OptionError("", f"needs an input [batch, steps, features], it has shape {list(use.shape)}")
        batch, steps, features = use.shape
        units, directions = use["units"], 2 if use["bidirectional"] else 1
        x = (
            use.add("Transpose", [use.x], {"perm": [1, 0, 2]}, "time")
            if batch > 1
            else use.add("Reshape", [use.x], {"shape": [steps, batch, features]}, "time")
        )
        weights = [use.weight("weight", (directions, gates * units, features)), use.weight("recurrent", (directions, gates * units, units))]
        y, last = use.builder.add_many(type, [x, *weights, use.weight("bias", (directions, 2 * gates * units))], name=use.name, outputs=2)
        if use["sequences"]:
            order = use.add("Transpose", [y], {"perm": [2, 0, 1, 3]}, "batch")
            return use.add("Reshape", [order], {"shape": [batch, steps, directions * units]}, "joined")
        order = use.add("Transpose", [last], {"perm": [1, 0, 2]}, "batch") if directions > 1 else last
        return use.add("Reshape", [order], {"shape": [batch, directions * units]}, "joined")

    return build


_RECURRENT = {"units": SIZE, "bidirectional": Option(flag, False), "sequences": Option(flag, False)}
for _name, _type, _gates in (("lstm", "LSTM", 4), ("gru", "GRU", 3), ("rnn", "RNN", 1)):
    kind(_name, _RECURRENT)(_recurrent(_type, _gates))


@kind("embedding", {"rows": SIZE, "size": SIZE})
def embedding(use: Use) -> str:
    """Indices ``[batch, steps]`` -> ``[batch, steps, size]``."""
    return use.add("Gather", [use.weight("weight", (use["rows"], use["size"])), use.x], {"axis": 0})


@kind("attention", {"heads": Option(whole(), 1)})
def attention(use: Use) -> str:
    """Self-attention of ``[batch, steps, features]`` with its four projections."""
    if len(use.shape) != 3 or use.shape[2] % use["heads"]:
        raise OptionError("heads", f"an input of shape {list(use.shape)} does not divide into {use['heads']} heads; it must be [batch, steps, features]")
    batch, steps, features = use.shape

    def projected(x: str, part: str) -> str:
        return use.add("Dense", [x, use.weight(f"{part}.weight", (features, features)), use.weight(f"{part}.bias", (features,))], suffix=part)

    heads = [use.add("Reshape", [projected(use.x, part)], {"shape": [batch, steps, use["heads"], -1]}, f"{part}_heads") for part in ("query", "key", "value")]
    y = use.add("Attention", [use.add("Transpose", [head], {"perm": [0, 2, 1, 3]}, "by_head") for head in heads], suffix="attention")
    rows = use.add("Reshape", [use.add("Transpose", [y], {"perm": [0, 2, 1, 3]}, "by_step")], {"shape": [batch, steps, features]}, "rows")
    return projected(rows, "out")


@kind("squeeze_excite", {"reduction": Option(whole(), 4)})
def squeeze_excite(use: Use) -> str:
    """Channel attention: global average, two dense layers, a product."""
    channels = use.shape[1] if use.rank else 0
    reduced = max(channels // use["reduction"], 1)
    y = use.add("Flatten", [use.add("GlobalAveragePool", [use.x], suffix="pool")], {"axis": 1}, "flat")
    y = use.add("Relu", [use.add("Dense", [y, use.weight("reduce", (reduced, channels))], suffix="reduce")], suffix="relu")
    y = use.add("Sigmoid", [use.add("Dense", [y, use.weight("expand", (channels, reduced))], suffix="expand")], suffix="gate")
    return use.add("Mul", [use.x, use.add("Reshape", [y], {"shape": [use.shape[0], channels, *(1,) * use.rank]}, "broadcast")])


@kind("upsample", {"scale": Option(whole(), 2), "mode": Option(one_of("nearest", "linear"), "nearest")})
def upsample(use: Use) -> str:
    return use.add("Resize", [use.x], {"scales": (use["scale"],) * use.rank, "mode": use["mode"]})


@kind("pixel_shuffle", {"block": Option(whole(), 2)})
def pixel_shuffle(use: Use) -> str:
    return use.add("DepthToSpace", [use.x], {"block": use["block"]})
