"""Small audio networks: DS-CNN keyword spotting (Zhang et al. 2017, arXiv 1711.07128) and the autoencoder for anomaly detection, both as in MLPerf Tiny;
YAMNet for sounds of all kinds (tensorflow/models, research/audioset/yamnet)."""

from __future__ import annotations

from math import ceil

from sim.frontends.zoo.mobilenet import v1_features
from sim.frontends.zoo.net import Net


def ds_cnn(net: Net, *, batch: int, frames: int, coefficients: int, classes: int) -> str:
    """49 frames of 10 MFCCs; one 10x4 convolution and four depthwise-separable blocks of 64 channels, biases beside batch norm as in the reference."""
    x = net.input("mfcc", (batch, 1, frames, coefficients))
    k_h, k_w = 10, 4
    # "same" padding of an even kernel at stride 2 is one-sided
    pad_h, pad_w = (max((ceil(extent / 2) - 1) * 2 + kernel - extent, 0) for extent, kernel in ((frames, k_h), (coefficients, k_w)))
    weight, bias = net.weight("stem.weight", (64, 1, k_h, k_w)), net.weight("stem.bias", (64,))
    pads = (pad_h // 2, pad_w // 2, pad_h - pad_h // 2, pad_w - pad_w // 2)
    x = net.add("Relu", [net.batch_norm(net.add("Conv", [x, weight, bias], {"strides": (2, 2), "pads": pads}, name="stem"))])
    for index in range(4):
        with net.scope(f"block{index + 1}"):
            x = net.depthwise(x, 3, bias=True)
            x = net.conv_bn(x, 64, 1, bias=True, name="pw")
    x = net.dense(net.global_pool(x), classes, name="classifier")
    return net.add("Softmax", [x], {"axis": -1})


def yamnet(net: Net, *, batch: int, frames: int, bands: int, classes: int) -> str:
    """Scores of sounds from a patch of ``frames`` log-mel spectra: MobileNet V1 on one channel, with ReLU."""
    x = v1_features(net, net.input("mel", (batch, 1, frames, bands)), 1.0, "Relu")[-1]
    return net.dense(net.global_pool(x), classes, name="classifier")


def fc_autoencoder(net: Net, *, batch: int, features: int, hidden: int, bottleneck: int) -> str:
    """Five mel frames of 128 bands in, four wide layers, a narrow one, four wide ones, the frames out; biases beside batch norm as in the reference."""
    x = net.input("frames", (batch, features))
    for index, width in enumerate((hidden,) * 4 + (bottleneck,) + (hidden,) * 4):
        with net.scope(f"layer{index + 1}"):
            x = net.add("Relu", [net.batch_norm(net.dense(x, width))])
    return net.dense(x, features, name="output")
