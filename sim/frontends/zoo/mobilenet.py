"""MobileNet V1, V2 and V3 (Howard et al. 2017, arXiv 1704.04861; Sandler et al. 2018, 1801.04381; Howard et al. 2019, 1905.02244)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net, divisible

# channels, stride
V1_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1))
# expansion, channels, repeats, stride
V2_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# kernel, expanded, channels, squeeze-and-excite, activation, stride
V3_LARGE = (
    (3, 16, 16, False, "Relu", 1), (3, 64, 24, False, "Relu", 2), (3, 72, 24, False, "Relu", 1), (5, 72, 40, True, "Relu", 2), (5, 120, 40, True, "Relu", 1),
    (5, 120, 40, True, "Relu", 1), (3, 240, 80, False, "HardSwish", 2), (3, 200, 80, False, "HardSwish", 1), (3, 184, 80, False, "HardSwish", 1),
    (3, 184, 80, False, "HardSwish", 1), (3, 480, 112, True, "HardSwish", 1), (3, 672, 112, True, "HardSwish", 1), (5, 672, 160, True, "HardSwish", 2),
    (5, 960, 160, True, "HardSwish", 1), (5, 960, 160, True, "HardSwish", 1),
)  # fmt: skip
V3_SMALL = (
    (3, 16, 16, True, "Relu", 2), (3, 72, 24, False, "Relu", 2), (3, 88, 24, False, "Relu", 1), (5, 96, 40, True, "HardSwish", 2),
    (5, 240, 40, True, "HardSwish", 1), (5, 240, 40, True, "HardSwish", 1), (5, 120, 48, True, "HardSwish", 1), (5, 144, 48, True, "HardSwish", 1),
    (5, 288, 96, True, "HardSwish", 2),
    (5, 576, 96, True, "HardSwish", 1), (5, 576, 96, True, "HardSwish", 1),
)  # fmt: skip


def mobilenet_v1(net: Net, *, batch: int, resolution: int, channels: int, width: float, classes: int) -> str:
    """Depthwise-separable convolutions with ReLU6; every channel count times ``width``, at least 8."""
    x = v1_features(net, net.image(batch, channels, resolution), width)[-1]
    return net.dense(net.global_pool(x), classes, name="classifier")


def v1_features(net: Net, x: str, width: float, act: str = "Relu6") -> list[str]:
    """Outputs of the first convolution and the 13 blocks."""
    x = net.conv_bn(x, max(8, int(32 * width)), 3, 2, act)
    outputs = [x]
    for index, (channels, stride) in enumerate(V1_BLOCKS, 1):
        with net.scope(f"block{index}"):
            x = net.depthwise(x, 3, stride, act)
            x = net.conv_bn(x, max(8, int(channels * width)), 1, 1, act, name="pw")
        outputs.append(x)
    return outputs


def inverted_residual(
    net: Net, x: str, channels: int, expansion: int, stride: int, dilation: int = 1, *, expand_all: bool = False, pad_first: bool = False
) -> tuple[str, str]:
    """MobileNet V2's block; returns its output and the expanded input (a tap of detectors).

    ``expand_all``: even by a factor of one. ``pad_first``: the input is padded before it is expanded, not by the depthwise convolution.
    """
    narrow = net.shape(x)[1]
    y = net.add("Pad", [x], {"pads": (0, 0, dilation, dilation) * 2}) if pad_first else x
    y = net.conv_bn(y, narrow * expansion, 1, 1, "Relu6", name="expand") if expansion != 1 or expand_all else y
    expanded = y
    y = net.depthwise(y, 3, stride, "Relu6", dilation=dilation, pads=0 if pad_first else None)
    y = net.conv_bn(y, channels, 1, 1, None, name="project")
    return (net.add("Add", [x, y]) if stride == 1 and narrow == channels else y), expanded


def mobilenet_v2(net: Net, *, batch: int, resolution: int, width: float, classes: int, expand_all: bool) -> str:
    """Inverted residuals with linear bottlenecks; channels are multiples of 8."""
    x = v2_features(net, net.image(batch, 3, resolution), width, expand_all=expand_all)[0][-1]
    x = net.conv_bn(x, divisible(1280 * max(1.0, width)), 1, 1, "Relu6", name="head")
    return net.dense(net.global_pool(x), classes, name="classifier")


def v2_features(net: Net, x: str, width: float, output_stride: int = 32, *, expand_all: bool = False, pad_first: bool = False) -> tuple[list[str], list[str]]:
    """Outputs of the 17 blocks, and their expanded inputs. ``output_stride`` 16 or 8: later strides become dilations.

    They begin with the block after the one that would have had the stride, or with the stage after it (``pad_first``, as its authors have it).
    """
    x = net.conv_bn(x, divisible(32 * width), 3, 2, "Relu6", name="stem")
    outputs: list[str] = []
    expanded: list[str] = []
    reached, dilation, next_dilation = 2, 1, 1
    for expansion, channels, repeats, first_stride in V2_STAGES:
        for index in range(repeats):
            stride = first_stride if index == 0 else 1
            if stride > 1 and reached >= output_stride:
                stride, next_dilation = 1, dilation * stride
            reached *= stride
            with net.scope(f"block{len(outputs) + 1}"):
                x, tap = inverted_residual(net, x, divisible(channels * width), expansion, stride, dilation, expand_all=expand_all, pad_first=pad_first)
            dilation = dilation if pad_first else next_dilation
            outputs.append(x)
            expanded.append(tap)
        dilation = next_dilation
    return outputs, expanded


def mobilenet_v3(net: Net, *, size: str, batch: int, resolution: int, width: float, classes: int, excite: str, minimalistic: bool) -> str:
    """``size`` large or small. Squeeze-and-excite reduces by 4 with a hard sigmoid gate; the classifier has a hidden layer.

    Blocks expand their input, as it is at this ``width``, by the paper's factors; the hidden layer never shrinks. ``minimalistic``: 3x3 kernels, ReLU
    and no squeeze-and-excite throughout, for hardware that runs little else.
    """
    last = "Relu" if minimalistic else "HardSwish"
    x = net.conv_bn(net.image(batch, 3, resolution), divisible(16 * width), 3, 2, last, name="stem")
    before = 16  # channels into the block at width 1
    for index, (kernel, expanded, channels, excited, act, stride) in enumerate(V3_LARGE if size == "large" else V3_SMALL, 1):
        if minimalistic:
            kernel, excited, act = 3, False, "Relu"
        inner = divisible(net.shape(x)[1] * expanded / before)
        with net.scope(f"block{index}"):
            x = v3_block(net, x, kernel, inner, divisible(channels * width), excite if excited else "", act, stride)
        before = channels
    x = net.conv_bn(x, divisible(6 * before * width), 1, 1, last, name="head")
    x = net.dense(net.global_pool(x), divisible((1280 if size == "large" else 1024) * max(1.0, width)), name="hidden")
    return net.dense(net.add(last, [x]), classes, name="classifier")


def v3_block(net: Net, x: str, kernel: int, expanded: int, channels: int, excite: str, act: str, stride: int) -> str:
    """MobileNet V3's block. ``excite``: layers of squeeze-and-excite, as in :meth:`Net.squeeze_excite`; empty: none."""
    narrow = net.shape(x)[1]
    y = net.conv_bn(x, expanded, 1, 1, act, name="expand") if expanded != narrow else x
    y = net.depthwise(y, kernel, stride, act)
    if excite:
        y = net.squeeze_excite(y, divisible(expanded / 4), "Relu", "HardSigmoid", layers=excite)
    y = net.conv_bn(y, channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stride == 1 and narrow == channels else y
