"""Which network of the zoo a published table of latencies means by a name.

Tables name networks loosely ("mobilenet", "regnet", "mobilenet-v2-0.35-96-quantized"); here each name stands beside the zoo's name and the
options that give the same layers. A name that is missing is of a network the zoo does not have: never of a similar one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sim.frontends.zoo.models import MODELS

Network = tuple[str, dict[str, Any]]

# ncnn's benchmark (Tencent/ncnn, benchmark/README.md); its int8 forms have the suffix _int8 and the same layers.
NCNN: Mapping[str, Network] = {
    "squeezenet": ("squeezenet1_1", {"resolution": 227, "classifier_padding": 1, "softmax": True}),
    "mobilenet": ("mobilenet_v1", {}),
    "mobilenet_v2": ("mobilenet_v2", {"expand_all": True, "softmax": True}),
    "shufflenet": ("shufflenet_v1", {"inner": "made", "softmax": True}),
    "shufflenet_v2": ("shufflenet_v2", {"softmax": True}),
    "mnasnet": ("mnasnet", {"softmax": True}),
    "efficientnet_b0": ("efficientnet_b0", {"excite": "dense", "softmax": True}),
    "regnety_400m": ("regnet_y_400mf", {"excite": "dense", "softmax": True}),
    "googlenet": ("googlenet", {"form": "paper", "softmax": True}),
    "resnet18": ("resnet18", {"project_all": True, "softmax": True}),
    "resnet50": ("resnet50", {"stride_in": "1x1", "softmax": True}),
    "vgg16": ("vgg16", {"softmax": True}),
    "alexnet": ("alexnet", {"softmax": True}),
    "mobilenet_v3": ("mobilenet_v3_large_first", {"softmax": True}),
    "efficientnetv2_b0": ("efficientnet_v2_b0", {}),
    "proxylessnasnet": ("proxylessnas_mobile", {"separable_first": "kept", "softmax": True}),
    "vision_transformer": ("vit_b_32", {"resolution": 384, "attention": "fused", "softmax": True}),
    "yolov4-tiny": ("yolov4_tiny", {"decoding": "layer"}),
    "squeezenet_ssd": ("squeezenet_ssd_voc", {}),
    "mobilenet_ssd": ("mobilenet_v1_ssd_voc", {}),
    "mobilenet_yolo": ("mobilenet_v1_yolo_voc", {}),
    "mobilenetv2_yolov3": ("mobilenet_v2_yolov3_voc", {}),
    "nanodet_m": ("nanodet_m", {}),
    "blazeface": ("blazeface", {"heads": False}),
    "yolo-fastest-1.1": ("yolo_fastest_1.1", {}),
    "yolo-fastestv2": ("yolo_fastest_v2", {}),
    "FastestDet": ("fastestdet", {}),
}

# Qualcomm AI Hub (quic/ai-hub-models), by model_id, and component where a model has several; sizes are those of its input specifications,
# Whisper's decoder sees 200 tokens (recalled, unconfirmed).
AIHUB: Mapping[str, Network] = {
    "albert_base_v2_hf": ("albert_base", {"sequence": 384, "head": "masked_word"}),
    "beit": ("beit_base", {"normalise": True}),
    "convnext_base": ("convnext_base", {"normalise": True}),
    "deeplabv3_plus_mobilenet": ("deeplab_v3_plus", {"resolution": 520, "joins": 2, "pad_first": True, "labels": True, "normalise": True}),
    "distil_bert_base_uncased_hf": ("distilbert", {"sequence": 384, "head": "masked_word"}),
    "efficientnet_b4": ("efficientnet_b4", {"resolution": 224, "normalise": True}),
    "efficientnet_v2_s": ("efficientnet_v2_s", {"resolution": 224, "normalise": True}),
    "electra_bert_base_discrim_google": ("electra_base", {"sequence": 384, "head": "replaced_words"}),
    "inception_v3": ("inception_v3", {"resolution": 224, "normalise": True}),
    "levit": ("levit_128s", {"normalise": True}),
    "midas": ("midas_small", {"normalise": True}),
    "mnasnet05": ("mnasnet", {"width": 0.5, "normalise": True}),
    "mobile_bert_uncased_google": ("mobilebert", {"sequence": 384, "head": "masked_word"}),
    "mobile_vit": ("mobilevit_s", {"normalise": True}),
    "mobilenet_v2": ("mobilenet_v2", {"normalise": True}),
    "mobilenet_v3_large": ("mobilenet_v3_large", {"normalise": True}),
    "mobilenet_v3_small": ("mobilenet_v3_small", {"normalise": True}),
    "nomic_embed_text": ("nomic_embed_text", {"sequence": 128}),
    "quicksrnetlarge": ("quicksrnet_large", {}),
    "quicksrnetmedium": ("quicksrnet_medium", {}),
    "quicksrnetsmall": ("quicksrnet_small", {}),
    "real_esrgan_general_x4v3": ("real_esrgan_general_x4v3", {}),
    "regnet": ("regnet_x_3.2gf", {"normalise": True}),
    "resnet101": ("resnet101", {"normalise": True}),
    "resnet18": ("resnet18", {"normalise": True}),
    "resnext101": ("resnext101", {"normalise": True}),
    "resnext50": ("resnext50", {"normalise": True}),
    "sesr_m5": ("sesr_m5", {}),
    "shufflenet_v2": ("shufflenet_v2", {"width": 0.5, "normalise": True}),
    "unet_segmentation": ("unet", {"height": 640, "width": 1280, "classes": 2}),
    "vit": ("vit_b_16", {"normalise": True}),
    "whisper_base/HfWhisperEncoder": ("whisper_base_encoder", {"cross_cache": True}),
    "whisper_base/HfWhisperDecoder": ("whisper_base_decoder", {"phase": "decode", "context": 199}),
    "whisper_small/HfWhisperEncoder": ("whisper_small_encoder", {"cross_cache": True}),
    "whisper_small/HfWhisperDecoder": ("whisper_small_decoder", {"phase": "decode", "context": 199}),
    "wideresnet50": ("wide_resnet50", {"normalise": True}),
    "yamnet": ("yamnet", {}),
    "yolov11_det": ("yolo11n", {}),
    "yolov3": ("yolov3_tinyu", {}),
    "yolov5": ("yolov5mu", {}),
    "yolox": ("yolox_s", {}),
}

# MLPerf Tiny (mlcommons/tiny, benchmark/training), by benchmark.
TINY: Mapping[str, Network] = {
    "kws": ("ds_cnn", {}),
    "vww": ("mobilenet_v1_0.25_96", {}),
    "ic": ("resnet8", {}),
    "ad": ("fc_autoencoder", {}),
}


def _ncnn(name: str) -> Network | None:
    return NCNN.get(name.removesuffix("_int8"))


def _nasbench201(name: str) -> Network | None:
    """The tables give no names but the cells themselves; the images are 32 x 32."""
    return None if MODELS["nasbench201"].option_problem("arch", name) else ("nasbench201", {"arch": name})


# TFLite's own tables and the Coral Edge TPU's, beside the systematic names below. DenseNets, SqueezeNets and V2 ResNets there are of unknown form.
TF_MOBILE: Mapping[str, Network] = {
    "inception_v1_quant": ("googlenet", {}),
    "inception_v3": ("inception_v3", {}),
    "inception_v3_quant": ("inception_v3", {}),
}
CORAL: Mapping[str, Network] = {
    "inception_v1": ("googlenet", {}),
    "mobilenet_v1": ("mobilenet_v1", {}),
    "mobilenet_v2": ("mobilenet_v2", {}),
    "mobilenet_v1_ssd": ("ssd_mobilenet_v1", {"resolution": 224}),
    "mobilenet_v2_ssd": ("ssd_mobilenet_v2", {"resolution": 224}),
    "resnet50_v1": ("resnet50", {"stride_in": "1x1", "resolution": 299}),
    "vgg16": ("vgg16", {}),
    "vgg19": ("vgg19", {}),
}
# MLPerf Inference (edge division and its power tables) and MLPerf Mobile, whose task names carry the scenario.
MLPERF: Mapping[str, Network] = {
    "resnet": ("resnet50", {"softmax": True}),
    "resnet50": ("resnet50", {"softmax": True}),
    "mobilenet": ("mobilenet_v1", {}),
    "mobilenet-quantized": ("mobilenet_v1", {}),
    "ssd-mobilenet": ("ssd_mobilenet_v1", {}),
    "ssd-mobilenet-non-quantized": ("ssd_mobilenet_v1", {}),
    "ssd-small": ("ssd_mobilenet_v1", {}),
    "bert-99": ("bert_large", {"sequence": 384, "head": "answer_span"}),
}
MLPERF_MOBILE: Mapping[str, Network] = {
    "mobileBERT": ("mobilebert", {"sequence": 384, "head": "answer_span"}),
    "natural_language_processing": ("mobilebert", {"sequence": 384, "head": "answer_span"}),
}

# MobileNets and EfficientNet Lites of TensorFlow, as TFLite's tables and MLPerf's submissions of TFLite files write them.
_FORMAT = r"(?:-(?:float|uint8|non-quantized|quantized|quant))?"
_TENSORFLOW = re.compile(
    r"(?:(?:non-)?quantized-)?(?P<family>mobilenet-v[12]|mnasnet|efficientnet)(?:-(?:float|uint8|fp32|int8))?-"
    rf"(?:(?P<lite>lite[0-4])|(?P<width>\d\.\d+)-(?P<resolution>\d+)){_FORMAT}"
)
_MOBILENET_V3 = re.compile(
    rf"mobilenet-v3(?:-(?:float|uint8))?-(?P<size>large|small)(?P<minimalistic>-minimalistic)?(?:-(?P<first>\d\.\d+|\d+))?(?:-(?P<second>\d\.\d+|\d+))?{_FORMAT}"
)


def _tensorflow(name: str) -> Network | None:
    name = name.replace("precision_", "").replace("_", "-")
    match = _TENSORFLOW.fullmatch(name)
    if match is None:
        return _mobilenet_v3(name)
    if (match["family"] == "efficientnet") != bool(match["lite"]):
        return None
    if match["lite"]:
        return f"efficientnet_{match['lite']}", {}
    return match["family"].replace("-", "_"), {"width": float(match["width"]), "resolution": int(match["resolution"])}


def _mobilenet_v3(name: str) -> Network | None:
    """Width and resolution come in either order, the width may be missing."""
    match = _MOBILENET_V3.fullmatch(name)
    if match is None:
        return None
    numbers = [number for number in (match["first"], match["second"]) if number]
    options: dict[str, Any] = {"width": 1.0, "resolution": 224}
    options |= {"width" if "." in number else "resolution": float(number) if "." in number else int(number) for number in numbers}
    return f"mobilenet_v3_{match['size']}", options | ({"minimalistic": True} if match["minimalistic"] else {})


def _tf_mobile(name: str) -> Network | None:
    return TF_MOBILE.get(name) or _tensorflow(name)


def _mlperf(name: str) -> Network | None:
    return MLPERF.get(name) or _tensorflow(name)


def _mlperf_mobile(name: str) -> Network | None:
    return MLPERF_MOBILE.get(name.split("/")[0].removesuffix("-performance"))


_DATASETS: Mapping[str, Callable[[str], Network | None]] = {
    "ncnn": _ncnn,
    "aihub": AIHUB.get,
    "mlperf_tiny": TINY.get,
    "nasbench201": _nasbench201,
    "tf_mobile": _tf_mobile,
    "coral": CORAL.get,
    "mlperf_inference": _mlperf,
    "mlperf_mobile": _mlperf_mobile,
}
DATASETS = tuple(_DATASETS)


def published_network(dataset: str, name: str) -> tuple[str, dict[str, Any]] | None:
    """The zoo's name and the options of the network that ``dataset`` (one of :data:`DATASETS`) calls ``name``; None if the zoo has no such network.

    Number formats are not options: ``squeezenet_int8`` and ``squeezenet`` are one network. Raises KeyError for an unknown dataset.
    """
    found = _DATASETS[dataset](name)
    return None if found is None else (found[0], dict(found[1]))
