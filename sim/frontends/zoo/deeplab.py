"""DeepLab V3+ (Chen et al. 2018, arXiv 1802.02611) on MobileNet V2 at output stride 16."""

from __future__ import annotations

from sim.frontends.zoo.mobilenet import v2_features
from sim.frontends.zoo.net import Net

RATES, PYRAMID, LOW_LEVEL = (6, 12, 18), 256, 48


def deeplab_v3_plus(net: Net, *, batch: int, resolution: int, width: float, classes: int, joins: int, pad_first: bool, labels: bool) -> str:
    """Dilated pyramid over the features, joined with those at stride 4; a score for each class and pixel, or its likeliest class (``labels``).

    ``joins``: 3x3 convolutions after the join. ``pad_first``: blocks pad their input before they expand it.
    """
    blocks, _ = v2_features(net, net.image(batch, 3, resolution), width, output_stride=16, pad_first=pad_first)
    low = net.conv_bn(blocks[2], LOW_LEVEL, 1, name="low_level")
    x = _pyramid(net, blocks[-1])
    x = net.concat([low, net.add("Resize", [x], {"sizes": net.shape(low)[2:], "mode": "linear"})])
    for _ in range(joins):
        x = net.conv_bn(x, PYRAMID, 3, name="join")
    x = net.conv(x, classes, 1, bias=True, name="scores")
    x = net.add("Resize", [x], {"sizes": (resolution, resolution), "mode": "linear"}, name="segmentation")
    return net.add("ArgMax", [x], {"axis": 1, "keepdims": False}, name="labels") if labels else x


def _pyramid(net: Net, x: str) -> str:
    with net.scope("pyramid"):
        parts = [net.conv_bn(x, PYRAMID, 1, name="one")]
        parts += [net.conv_bn(x, PYRAMID, 3, dilation=rate, name=f"rate{rate}") for rate in RATES]
        pooled = net.conv_bn(net.add("GlobalAveragePool", [x]), PYRAMID, 1, name="pooled")
        parts.append(net.add("Resize", [pooled], {"sizes": net.shape(x)[2:], "mode": "linear"}))
        return net.conv_bn(net.concat(parts), PYRAMID, 1, name="project")
