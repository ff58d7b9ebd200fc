"""Image classifiers: one line each."""

from __future__ import annotations

from collections.abc import Mapping

from sim.frontends.zoo.entry import Accuracy, Option, Published, Value, ZooEntry
from sim.frontends.zoo.options import EXCITE, SUBNET, image, width

TASK = "image classification"
TORCHVISION = "torchvision 0.20.1, model weights (num_params, _ops)"
SLIM = "tensorflow/models, research/slim/nets/mobilenet_v1.md"
PAPER_V1 = "arXiv 1704.04861, tables 6 and 7"
LITE = "tensorflow/tpu, models/official/efficientnet/lite/README.md"
AIHUB = "quic/ai-hub-models, parameters of the exported network: "
LEVIT = "arXiv 2104.01136, table 2 (estimated: recalled, unconfirmed)"
UNFUSED = "counts exceed the convolutions' by 3.0 to 3.2 for each batch-normalised element in all five models: the source's batch norm is not fused"
TIMM = "pytorch-image-models, results/benchmark-infer-amp-nhwc-pt113-cu117-rtx3090.csv"
OFA = "mit-han-lab/once-for-all, README.md, specialised sub-nets"
OFA_595: Mapping[str, Value] = {  # Alibaba-MIIL/ImageNet21K, specialized_models_configs/flops@595M_top1@80.0_finetune@75
    "width": 1.2, "resolution": 236, "depths": (3, 4, 4, 4, 4), "kernels": (3, 5, 3, 3, 5, 5, 3, 5, 7, 5, 3, 5, 3, 5, 7, 3, 3, 3, 5, 3),
    "expansions": (3, 4, 3, 3, 4, 4, 6, 3, 6, 6, 3, 4, 6, 6, 6, 4, 6, 6, 6, 3),
}  # fmt: skip
OFA_NOTE8_31: Mapping[str, Value] = {  # open-mmlab/mmrazor, configs/nas/mmcls/onceforall/OFA_SUBNET_NOTE8_LAT31.yaml
    "width": 1.0, "resolution": 152, "depths": (2, 2, 3, 3, 4), "kernels": (5, 3, 3, 3, 5, 5, 3, 3, 3, 3, 5, 3, 3, 5, 7, 3, 3, 3, 5, 5),
    "expansions": (3, 3, 3, 3, 4, 3, 3, 3, 4, 4, 4, 4, 4, 3, 4, 3, 6, 3, 3, 3),
}  # fmt: skip
MEGVII = "megvii-model/ShuffleNet-Series, ShuffleNetV1/README.md"
MLTK = "mlcommons/tiny reference model, MACs as measured by siliconlabs/mltk"
NAS_SOURCE = "D-X-Y/NAS-Bench-201, cell of 3x3 convolutions only (estimated: recalled, unconfirmed)"
NAS_CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
NAS_EDGE = "(none|skip_connect|avg_pool_3x3|nor_conv_1x1|nor_conv_3x3)"
NAS_PATTERN = r"\+".join("".join(rf"\|{NAS_EDGE}~{source}" for source in range(node)) + r"\|" for node in (1, 2, 3))
CHANNELS = {"channels": Option(3, "channels of the image", 1, 4)}
WIDTH = {"width": width()}
EXPAND_ALL = {"expand_all": Option(False, "the first block, too, has an expanding convolution, by a factor of one (the Caffe models)")}
MINIMALISTIC = {"minimalistic": Option(False, "3x3 kernels, ReLU and no squeeze-and-excite only")}
V3 = WIDTH | EXCITE | MINIMALISTIC
PADDED = {"classifier_padding": Option(0, "padding of the classifier's 1x1 convolution (1 in the authors' Caffe model)", 0, 1)}
INNER = {"inner": Option("output", "the inner width is a quarter of a unit's output channels, or of those its convolutions make", choices=("output", "made"))}
STRIDE_IN = {"stride_in": Option("3x3", "what halves the extent in a bottleneck: the 3x3 convolution (v1.5) or the 1x1 before it (v1)", choices=("3x3", "1x1"))}
PROJECT_ALL = {"project_all": Option(False, "a projection in the first stage, too (the Caffe models)")}
SEPARABLE_FIRST = {"separable_first": Option("narrowed", "what the first separable block does with its channels", choices=("narrowed", "kept"))}
FORM = {"form": Option("torchvision", "torchvision's, or the paper's with 5x5 convolutions and response normalisation", choices=("torchvision", "paper"))}
ATTENTION = {"attention": Option("written_out", "attention as products and a softmax, or as one operator", choices=("written_out", "fused"))}


def top1(percent: float, source: str = TORCHVISION) -> Accuracy:
    return Accuracy(percent, "ImageNet top-1 %", source)


def timm(parameters: str, work: str, **options: Value) -> Published:
    return Published(TIMM, parameters, work, "fvcore", options)


def torchvision(
    name: str,
    title: str,
    family: str,
    parameters: int,
    macs: str,
    accuracy: float,
    *,
    pixels: int = 224,
    options: Mapping[str, Option] | None = None,
    **fixed: object,
) -> ZooEntry:
    """An entry whose published figures are those torchvision ships with its weights."""
    chosen = image(pixels) | dict(options or {})
    return ZooEntry(name, title, TASK, family, chosen, fixed, (Published(TORCHVISION, str(parameters), macs),), top1(accuracy))


def residual(name: str, title: str, parameters: int, macs: str, accuracy: float, depths: tuple[int, ...], **fixed: object) -> ZooEntry:
    fixed = {"depths": depths, "bottleneck": True, "groups": 1, "group_width": 64} | fixed
    options = STRIDE_IN if fixed["bottleneck"] else PROJECT_ALL
    return torchvision(name, title, "resnet:resnet", parameters, macs, accuracy, options=options, **fixed)  # type: ignore[arg-type]  # all go to the family's function


def efficient(name: str, title: str, parameters: int, macs: str, accuracy: float, pixels: int, wide: float, depth: float) -> ZooEntry:
    return torchvision(
        name, title, "efficientnet:efficientnet", parameters, macs, accuracy, pixels=pixels, options={"width": width(wide)} | EXCITE, depth=depth
    )


def lite(number: int, parameters: str, work: str, accuracy: float, other: Published, pixels: int, wide: float, depth: float) -> ZooEntry:
    published = (Published(LITE, parameters, work, "unfused", note=UNFUSED), other)
    name, title, options = f"efficientnet_lite{number}", f"EfficientNet Lite{number}", image(pixels) | {"width": width(wide)}
    return ZooEntry(name, title, TASK, "efficientnet:efficientnet_lite", options, {"depth": depth}, published, top1(accuracy, LITE))


def regnet(name: str, title: str, parameters: int, macs: str, accuracy: float, shape: tuple[int, int, float, float, int], *, excite: bool) -> ZooEntry:
    depth, first, slope, step, group_width = shape
    fixed = {"depth": depth, "first": first, "slope": slope, "step": step, "group_width": group_width}
    return torchvision(name, title, "regnet:regnet", parameters, macs, accuracy, options=EXCITE if excite else {}, **fixed)  # type: ignore[arg-type]  # all go to the family's function


def transformer(name: str, title: str, published: Published, accuracy: Accuracy | None, hidden: int, heads: int, patch: int = 16) -> ZooEntry:
    fixed = {"layers": 12, "hidden": hidden, "heads": heads, "patch": patch}
    return ZooEntry(name, title, TASK, "vit:vit", image(224, least=patch, multiple=patch) | ATTENTION, fixed, (published,), accuracy)


def mobile_transformer(size: str, published: Published) -> ZooEntry:
    name, title = f"mobilevit_{size}", f"MobileViT {size.upper()}"
    return ZooEntry(name, title, TASK, "mobilevit:mobilevit", image(256, least=64, multiple=64), {"size": size}, (published,))


CLASSIFICATION = (
    ZooEntry("mobilenet_v1", "MobileNet V1", TASK, "mobilenet:mobilenet_v1", image(probabilities=True) | WIDTH | CHANNELS, {},
             (Published(SLIM, "4.24e6", "569e6"), Published(PAPER_V1, "2.6e6", "325e6", options={"width": 0.75}),
              Published(PAPER_V1, "0.5e6", "41e6", options={"width": 0.25}), Published(SLIM, "0.47e6", "14e6", options={"width": 0.25, "resolution": 128})),
             top1(70.9, SLIM)),
    ZooEntry("mobilenet_v1_0.25_96", "MobileNet V1 0.25 at 96 x 96 (MLPerf Tiny)", "visual wake words", "mobilenet:mobilenet_v1",
             image(96, 2, probabilities=True) | {"width": width(0.25)} | CHANNELS, {}, (Published(MLTK, "", "7.490e6"),)),
    torchvision("mobilenet_v2", "MobileNet V2", "mobilenet:mobilenet_v2", 3_504_872, "0.301e9", 71.878, options=WIDTH | EXPAND_ALL),
    torchvision("mobilenet_v3_large", "MobileNet V3 large", "mobilenet:mobilenet_v3", 5_483_032, "0.217e9", 74.042, options=V3, size="large"),
    torchvision("mobilenet_v3_small", "MobileNet V3 small", "mobilenet:mobilenet_v3", 2_542_856, "0.057e9", 67.668, options=V3, size="small"),
    ZooEntry("mobilenet_v3_large_first", "MobileNet V3 large, first print", TASK, "mobilenet_v3_first:mobilenet_v3_first", image()),
    efficient("efficientnet_b0", "EfficientNet B0", 5_288_548, "0.386e9", 77.692, 224, 1.0, 1.0),
    efficient("efficientnet_b1", "EfficientNet B1", 7_794_184, "0.687e9", 78.642, 240, 1.0, 1.1),
    efficient("efficientnet_b2", "EfficientNet B2", 9_109_994, "1.088e9", 80.608, 288, 1.1, 1.2),
    efficient("efficientnet_b3", "EfficientNet B3", 12_233_232, "1.827e9", 82.008, 300, 1.2, 1.4),
    efficient("efficientnet_b4", "EfficientNet B4", 19_341_616, "4.394e9", 83.384, 380, 1.4, 1.8),
    lite(0, "4.7e6", "407e6", 75.1, timm("4.65e6", "0.40e9"), 224, 1.0, 1.0),
    lite(1, "5.4e6", "631e6", 76.7, timm("5.42e6", "0.62e9"), 240, 1.0, 1.1),
    lite(2, "6.1e6", "899e6", 77.6, timm("6.09e6", "0.89e9"), 260, 1.1, 1.2),
    lite(3, "8.2e6", "1.44e9", 79.8, timm("8.20e6", "1.65e9", resolution=300), 280, 1.2, 1.4),
    lite(4, "13.0e6", "2.64e9", 81.5, timm("13.01e6", "4.04e9", resolution=380), 300, 1.4, 1.8),
    torchvision("efficientnet_v2_s", "EfficientNet V2-S", "efficientnet:efficientnet_v2_s", 21_458_488, "8.366e9", 84.228, pixels=384),
    ZooEntry("efficientnet_v2_b0", "EfficientNet V2-B0", TASK, "efficientnet:efficientnet_v2_b0", image(), {},
             (Published("Open Model Zoo (docs.openvino.ai), efficientnet-v2-b0", "7.1094e6"),),
             note="the source's GFLOPs are of the network before conversion"),
    torchvision("squeezenet1_0", "SqueezeNet 1.0", "squeezenet:squeezenet", 1_248_424, "0.819e9", 58.092, options=PADDED, version="1.0"),
    torchvision("squeezenet1_1", "SqueezeNet 1.1", "squeezenet:squeezenet", 1_235_496, "0.349e9", 58.178, options=PADDED, version="1.1"),
    ZooEntry("shufflenet_v1", "ShuffleNet V1", TASK, "shufflenet:shufflenet_v1",
             image() | {"groups": Option(3, "groups of the 1x1 convolutions", choices=(1, 2, 3, 4, 8))} | INNER, {},
             (Published(MEGVII, "1.9e6", "138e6"), Published(MEGVII, "2.4e6", "138e6", options={"groups": 8})), top1(67.8, MEGVII)),
    ZooEntry("shufflenet_v2", "ShuffleNet V2", TASK, "shufflenet:shufflenet_v2",
             image() | {"width": Option(1.0, "channel multiplier", choices=(0.5, 1.0, 1.5, 2.0))}, {},
             (Published(TORCHVISION, "2278604", "0.145e9"), Published(TORCHVISION, "1366792", "0.040e9", options={"width": 0.5}),
              Published(TORCHVISION, "3503624", "0.296e9", options={"width": 1.5}), Published(TORCHVISION, "7393996", "0.583e9", options={"width": 2.0})),
             top1(69.362)),
    ZooEntry("mnasnet", "MnasNet B1", TASK, "mnasnet:mnasnet", image() | WIDTH, {},
             (Published(TORCHVISION, "4383312", "0.314e9"), Published(TORCHVISION, "2218512", "0.104e9", options={"width": 0.5}),
              Published(TORCHVISION, "3170208", "0.215e9", options={"width": 0.75}), Published(TORCHVISION, "6282256", "0.526e9", options={"width": 1.3})),
             top1(73.456)),
    ZooEntry("proxylessnas_mobile", "ProxylessNAS mobile", TASK, "proxylessnas:proxylessnas_mobile", image() | WIDTH | SEPARABLE_FIRST, {},
             (Published("mit-han-lab/proxylessnas, README.md (mobile setting)", "", "320e6"),), top1(74.6, "mit-han-lab/proxylessnas, README.md")),
    ZooEntry("once_for_all", "Once-for-all MobileNet V3 subnet", TASK, "once_for_all:once_for_all", image() | SUBNET | EXCITE, {},
             (Published(f"{OFA}: flops@595M", "9.1e6", "595e6", options=OFA_595), Published(f"{OFA}: note8@31ms", "4.6e6", "101e6", options=OFA_NOTE8_31)),
             note="without options: the largest subnet of the supernet of width 1.0"),
    regnet("regnet_x_400mf", "RegNet X 400MF", 5_495_976, "0.414e9", 72.834, (22, 24, 24.48, 2.54, 16), excite=False),
    regnet("regnet_x_800mf", "RegNet X 800MF", 7_259_656, "0.800e9", 75.212, (16, 56, 35.73, 2.28, 16), excite=False),
    regnet("regnet_x_1.6gf", "RegNet X 1.6GF", 9_190_136, "1.603e9", 77.040, (18, 80, 34.01, 2.25, 24), excite=False),
    regnet("regnet_x_3.2gf", "RegNet X 3.2GF", 15_296_552, "3.177e9", 78.364, (25, 88, 26.31, 2.25, 48), excite=False),
    regnet("regnet_y_400mf", "RegNet Y 400MF", 4_344_144, "0.402e9", 74.046, (16, 48, 27.89, 2.09, 8), excite=True),
    regnet("regnet_y_800mf", "RegNet Y 800MF", 6_432_512, "0.834e9", 76.420, (14, 56, 38.84, 2.4, 16), excite=True),
    regnet("regnet_y_1.6gf", "RegNet Y 1.6GF", 11_202_430, "1.612e9", 77.950, (27, 48, 20.71, 2.65, 24), excite=True),
    ZooEntry("nasbench201", "NAS-Bench-201 cell", TASK, "nasbench201:nasbench201",
             image(32, 10, least=8) | {"arch": Option(NAS_CELL, "the searched cell, as the benchmark writes it", pattern=NAS_PATTERN)}, {},
             (Published(NAS_SOURCE, "1.531546e6", "220.12e6"),)),
    ZooEntry("resnet8", "ResNet 8 (MLPerf Tiny)", TASK, "resnet:resnet8", image(32, 10, least=8, probabilities=True), {}, (Published(MLTK, "", "12.502e6"),)),
    residual("resnet18", "ResNet 18", 11_689_512, "1.814e9", 69.758, (2, 2, 2, 2), bottleneck=False),
    residual("resnet34", "ResNet 34", 21_797_672, "3.664e9", 73.314, (3, 4, 6, 3), bottleneck=False),
    residual("resnet50", "ResNet 50", 25_557_032, "4.089e9", 76.130, (3, 4, 6, 3)),
    residual("resnet101", "ResNet 101", 44_549_160, "7.801e9", 77.374, (3, 4, 23, 3)),
    residual("resnext50", "ResNeXt 50 32x4d", 25_028_904, "4.230e9", 77.618, (3, 4, 6, 3), groups=32, group_width=4),
    residual("resnext101", "ResNeXt 101 32x8d", 88_791_336, "16.414e9", 79.312, (3, 4, 23, 3), groups=32, group_width=8),
    residual("wide_resnet50", "Wide ResNet 50-2", 68_883_240, "11.398e9", 78.468, (3, 4, 6, 3), group_width=128),
    ZooEntry("alexnet", "AlexNet (Caffe)", TASK, "alexnet:alexnet", image(227, least=67), {}),
    torchvision("vgg11", "VGG 11", "vgg:vgg", 132_863_336, "7.609e9", 69.020, depths=(1, 1, 2, 2, 2)),
    torchvision("vgg16", "VGG 16", "vgg:vgg", 138_357_544, "15.470e9", 71.592, depths=(2, 2, 3, 3, 3)),
    torchvision("vgg19", "VGG 19", "vgg:vgg", 143_667_240, "19.632e9", 72.376, depths=(2, 2, 4, 4, 4)),
    torchvision("densenet121", "DenseNet 121", "densenet:densenet", 7_978_856, "2.834e9", 74.434, depths=(6, 12, 24, 16)),
    torchvision("densenet169", "DenseNet 169", "densenet:densenet", 14_149_480, "3.360e9", 75.600, depths=(6, 12, 32, 32)),
    torchvision("googlenet", "GoogLeNet", "inception:googlenet", 6_624_904, "1.498e9", 69.778, options=FORM),
    ZooEntry("inception_v3", "Inception V3", TASK, "inception:inception_v3", image(299, least=75), {},
             (Published(TORCHVISION, "", "5.713e9"), timm("23.83e6", "5.73e9")), top1(77.294),
             note="torchvision prints 27161264 parameters with the auxiliary classifier, which serves training only"),
    torchvision("convnext_tiny", "ConvNeXt tiny", "convnext:convnext", 28_589_128, "4.456e9", 82.520, depths=(3, 3, 9, 3), first=96),
    torchvision("convnext_base", "ConvNeXt base", "convnext:convnext", 88_591_464, "15.355e9", 84.062, depths=(3, 3, 27, 3), first=128),
    transformer("vit_tiny", "ViT tiny, patch 16", timm("5.72e6", "1.26e9"), None, 192, 3),
    transformer("vit_small", "ViT small, patch 16", timm("22.05e6", "4.61e9"), None, 384, 6),
    transformer("vit_b_16", "ViT base, patch 16", Published(TORCHVISION, "86567656", "17.564e9"), top1(81.072), 768, 12),
    transformer("vit_b_32", "ViT base, patch 32", Published(TORCHVISION, "88224232", "4.409e9"), top1(75.912), 768, 12, 32),
    ZooEntry("beit_base", "BEiT base", TASK, "beit:beit", image(224, least=32, multiple=16), {"layers": 12, "hidden": 768, "heads": 12, "patch": 16},
             (Published(AIHUB + "beit", "92.0e6"),)),
    ZooEntry("levit_128s", "LeViT-128S", TASK, "levit:levit_128s", image(224, least=32, multiple=16), {},
             (Published(AIHUB + "levit", "7.82e6"), Published(LEVIT, "", "305e6"))),
    mobile_transformer("s", timm("5.58e6", "2.03e9")),
    mobile_transformer("xs", timm("2.32e6", "1.05e9")),
    mobile_transformer("xxs", timm("1.27e6", "0.42e9")),
)  # fmt: skip
