"""A graph builder that speaks in layers: convolution with batch norm and activation, dense, squeeze-and-excite, pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from device_models.work import DType
from sim.graph.builder import GraphBuilder

Extent = int | tuple[int, int]  # one number for height and width, or both


def divisible(channels: float, divisor: int = 8) -> int:
    """Channels rounded to a multiple of ``divisor``, never losing more than a tenth (the rule of MobileNet V2 and its descendants)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def pair(extent: Extent) -> tuple[int, int]:
    """Height and width."""
    return (extent, extent) if isinstance(extent, int) else extent


class Net(GraphBuilder):
    """Layers over tensors ``[batch, channels, height, width]`` (or ``[batch, rows, features]`` for transformers); each returns its output's name."""

    def __init__(self, name: str, *, normalise: bool = False) -> None:
        super().__init__(name)
        self._scope = ""
        self._normalise = normalise

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of everything made inside with ``name/``."""
        outer = self._scope
        self._scope = f"{outer}{name}/"
        try:
            yield
        finally:
            self._scope = outer

    def tensor(self, name: str, shape: Sequence[int], dtype: DType | None = None, role: Any = "activation", **more: Any) -> str:
        return super().tensor(name if role in ("input", "activation") else self._scope + name, shape, dtype, role, **more)

    def _unique_op(self, stem: str) -> str:
        return super()._unique_op(self._scope + stem)

    def constant(self, name: str, shape: Sequence[int], dtype: DType | None = None) -> str:
        """Stored data that is not trained: statistics, tables."""
        return self.tensor(name, shape, dtype, "constant")

    def conv(
        self,
        x: str,
        channels: int,
        kernel: Extent = 3,
        stride: Extent = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        pads: Extent | None = None,
        dilation: int = 1,
        name: str = "conv",
    ) -> str:
        """Convolution; unless ``pads`` is given the padding keeps the extent at stride 1 (odd kernels)."""
        k_h, k_w = pair(kernel)
        p_h, p_w = pair(pads) if pads is not None else (dilation * (k_h - 1) // 2, dilation * (k_w - 1) // 2)
        operands = [x, self.weight(f"{name}.weight", (channels, self.shape(x)[1] // groups, k_h, k_w))]
        if bias:
            operands.append(self.weight(f"{name}.bias", (channels,)))
        attributes = {"strides": pair(stride), "pads": (p_h, p_w, p_h, p_w), "dilations": (dilation, dilation), "group": groups}
        return self.add("Conv", operands, attributes, name=name)

    def batch_norm(self, x: str, name: str = "bn") -> str:
        """Batch normalisation with trained scale and shift and stored statistics."""
        channels = (self.shape(x)[1],)
        trained = [self.weight(f"{name}.{part}", channels) for part in ("weight", "bias")]
        stored = [self.constant(f"{name}.{part}", channels) for part in ("mean", "variance")]
        return self.add("BatchNorm", [x, *trained, *stored], name=name)

    def activate(self, x: str, kind: str | None) -> str:
        """An activation operator; None: none."""
        return self.add(kind, [x]) if kind else x

    def conv_bn(self, x: str, channels: int, kernel: Extent = 3, stride: Extent = 1, act: str | None = "Relu", **more: Any) -> str:
        """Convolution without bias, batch norm, activation."""
        return self.activate(self.batch_norm(self.conv(x, channels, kernel, stride, **more)), act)

    def depthwise(self, x: str, kernel: Extent = 3, stride: Extent = 1, act: str | None = "Relu", **more: Any) -> str:
        """Depthwise convolution, batch norm, activation."""
        channels = self.shape(x)[1]
        return self.conv_bn(x, channels, kernel, stride, act, groups=channels, name="dw", **more)

    def dense(self, x: str, features: int, *, bias: bool = True, name: str = "dense") -> str:
        """Fully connected over the last axis."""
        operands = [x, self.weight(f"{name}.weight", (features, self.shape(x)[-1]))]
        if bias:
            operands.append(self.weight(f"{name}.bias", (features,)))
        return self.add("Dense", operands, name=name)

    def pool(self, x: str, kind: str, kernel: Extent, stride: Extent, pads: Extent = 0, *, ceil_mode: bool = False) -> str:
        """``MaxPool`` or ``AveragePool``."""
        p_h, p_w = pair(pads)
        return self.add(kind, [x], {"kernel": pair(kernel), "strides": pair(stride), "pads": (p_h, p_w, p_h, p_w), "ceil_mode": ceil_mode})

    def global_pool(self, x: str) -> str:
        """Global average as a vector ``[batch, channels]``."""
        return self.add("Flatten", [self.add("GlobalAveragePool", [x])], {"axis": 1})

    def squeeze_excite(self, x: str, reduced: int, act: str = "Relu", gate: str = "Sigmoid", *, layers: str = "convolution") -> str:
        """Channel attention: global average, two 1x1 convolutions, a gate, a product.

        ``layers``: ``convolution``; ``dense``: dense layers on the vector; ``reduction``: the average is a general reduction, as in TensorFlow.
        """
        batch, channels = self.shape(x)[:2]
        with self.scope("se"):
            if layers == "dense":
                y = self.activate(self.dense(self.global_pool(x), reduced, name="reduce"), act)
                y = self.reshape(self.activate(self.dense(y, channels, name="expand"), gate), batch, channels, 1, 1)
            else:
                reduction = {"mode": "mean", "axes": (2, 3), "keepdims": True}
                y = self.add("Reduce", [x], reduction) if layers == "reduction" else self.add("GlobalAveragePool", [x])
                y = self.activate(self.conv(y, reduced, 1, bias=True, name="reduce"), act)
                y = self.activate(self.conv(y, channels, 1, bias=True, name="expand"), gate)
            return self.add("Mul", [x, y])

    def layer_norm(self, x: str, name: str = "norm", *, channels: int | None = None) -> str:
        """Layer normalisation over the last axis."""
        width = (channels or self.shape(x)[-1],)
        return self.add("LayerNorm", [x, self.weight(f"{name}.weight", width), self.weight(f"{name}.bias", width)], name=name)

    def response_norm(self, x: str, name: str = "lrn") -> str:
        """Local response normalisation across five channels (AlexNet's)."""
        return self.add("LRN", [x], {"size": 5, "alpha": 1e-4, "beta": 0.75}, name=name)

    def reshape(self, x: str, *shape: int) -> str:
        return self.add("Reshape", [x], {"shape": shape})

    def transpose(self, x: str, *perm: int) -> str:
        return self.add("Transpose", [x], {"perm": perm})

    def concat(self, parts: Sequence[str], axis: int = 1) -> str:
        return self.add("Concat", parts, {"axis": axis})

    def channels(self, x: str, start: int, end: int) -> str:
        """Some of the channels, copied."""
        return self.add("Slice", [x], {"starts": (start,), "ends": (end,), "axes": (1,)})

    def image(self, batch: int, channels: int, resolution: Extent) -> str:
        """The graph input ``image``, and what normalises it where the network is to."""
        x = self.input("image", (batch, channels, *pair(resolution)))
        if not self._normalise:
            return x
        mean, deviation = (self.constant(f"image.{part}", (1, channels, 1, 1)) for part in ("mean", "deviation"))
        return self.add("Div", [self.add("Sub", [x, mean], name="normalise/centre"), deviation], name="normalise/scale")
