"""The same network from the zoo and from a file (ONNX, TensorFlow Lite, ncnn) has the same MACs and parameters, to the last one.

Files come with batch norm folded into convolutions: a norm's scale and shift become the convolution's bias. Where a file holds
another network than its name says, the difference is computed here from what it does differently.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sim.frontends.zoo import build
from sim.graph.ir import Graph
from sim.graph.work import op_work, total_macs


def read(path: Path, **shapes: int) -> Graph:
    """Any model file; skipped where the package that reads it is missing."""
    if path.suffix == ".onnx":
        pytest.importorskip("onnx")
        from sim.frontends.onnx import import_onnx

        return import_onnx(path, shapes=shapes)
    if path.suffix == ".tflite":
        pytest.importorskip("tflite")
        from sim.frontends.tflite import import_tflite

        return import_tflite(path, shapes=shapes)
    from sim.frontends.ncnn import import_ncnn

    return import_ncnn(path, shapes=shapes)


def folded_parameters(graph: Graph) -> int:
    """Parameters after every batch norm that follows a convolution or product became its bias."""
    makers, count = graph.producers(), graph.parameters()
    for op in graph.ops:
        maker = makers.get(op.inputs[0]) if op.type == "BatchNorm" else None
        if maker is None or maker.type not in ("Conv", "ConvTranspose", "Dense"):
            continue
        channels = graph.tensors[op.inputs[1]].elements
        count -= 2 * channels if len(maker.inputs) > 2 else channels
    return count


SAME: list[tuple[str, str, dict[str, Any]]] = [
    ("onnx/mbv1_025_96.onnx", "mobilenet_v1_0.25_96", {}),
    ("onnx/mbv1_025_96.int8.onnx", "mobilenet_v1", {"width": 0.25, "resolution": 96, "classes": 2}),
    ("onnx/mbv2_050.onnx", "mobilenet_v2", {"width": 0.5}),
    ("onnx/mbv2_050.int8.onnx", "mobilenet_v2", {"width": 0.5}),
    ("onnx/mbv3_small.int8.onnx", "mobilenet_v3_small", {}),
    ("onnx/resnet8.onnx", "resnet8", {}),
    ("onnx/resnet8.int8.onnx", "resnet8", {}),
    ("onnx/shufflev2_05.onnx", "shufflenet_v2", {"width": 0.5}),
    ("onnx/squeeze_11.onnx", "squeezenet1_1", {}),
    ("onnx/squeeze_11.int8.onnx", "squeezenet1_1", {}),
    ("onnx/unet16_128.onnx", "unet", {"first": 16, "levels": 3, "height": 128, "width": 128, "classes": 2}),
    ("tflite/mlcommons_tiny_ad01_fp32.tflite", "fc_autoencoder", {}),
    ("tflite/mlcommons_tiny_model_ToyCar_quant_fullint.tflite", "fc_autoencoder", {}),
    ("tflite/mlcommons_tiny_kws_ref_model.tflite", "ds_cnn", {}),
    ("tflite/mlcommons_tiny_kws_ref_model_float32.tflite", "ds_cnn", {}),
    ("tflite/mlcommons_tiny_pretrainedResnet.tflite", "resnet8", {}),
    ("tflite/mlcommons_tiny_pretrainedResnet_quant.tflite", "resnet8", {}),
    ("tflite/mlcommons_tiny_vww_96_float.tflite", "mobilenet_v1_0.25_96", {}),
    ("tflite/mlcommons_tiny_vww_96_int8.tflite", "mobilenet_v1_0.25_96", {}),
    ("ncnn/efficientnet_b0.param", "efficientnet_b0", {}),
    ("ncnn/mnasnet.param", "mnasnet", {}),
    ("ncnn/mobilenet.param", "mobilenet_v1", {}),
    ("ncnn/mobilenet_int8.param", "mobilenet_v1", {}),
    ("ncnn/regnety_400m.param", "regnet_y_400mf", {}),
    ("ncnn/shufflenet_v2.param", "shufflenet_v2", {}),
    ("ncnn/vgg16.param", "vgg16", {}),
    ("ncnn/vgg16_int8.param", "vgg16", {}),
    ("ncnn/yolov4-tiny.param", "yolov4_tiny", {}),
]


@pytest.mark.parametrize(("file", "name", "options"), SAME, ids=[file for file, _, _ in SAME])
def test_macs_and_parameters(shared: Path, file: str, name: str, options: dict[str, Any]) -> None:
    from_file, from_zoo = read(shared / "models" / file), build(name, **options)
    assert total_macs(from_file) == total_macs(from_zoo)
    assert from_file.parameters() == folded_parameters(from_zoo)


def parameters_of_every_norm(graph: Graph) -> int:
    """Parameters, where each norm has its own scale and shift even if the file, its weights being untrained, stores equal ones once."""
    norms = [op for op in graph.ops if op.type in ("BatchNorm", "LayerNorm")]
    theirs = {name for op in norms for name in op.inputs[1:]}
    others = sum(tensor.elements for name, tensor in graph.tensors.items() if tensor.role == "weight" and name not in theirs)
    return others + sum(graph.tensors[name].elements for op in norms for name in op.inputs[1:3])


@pytest.mark.parametrize(("file", "name"), [("fc_ae.onnx", "fc_autoencoder"), ("vit_tiny.int8.onnx", "vit_tiny")])
def test_files_that_keep_their_norms(shared: Path, file: str, name: str) -> None:
    from_file, from_zoo = read(shared / "models" / "onnx" / file), build(name)
    assert total_macs(from_file) == total_macs(from_zoo)
    assert parameters_of_every_norm(from_file) == from_zoo.parameters()


def test_vision_transformer_at_its_other_resolution(shared: Path) -> None:
    from_file = read(shared / "models" / "ncnn" / "vision_transformer.param", height=384, width=384)
    from_zoo = build("vit_b_32", resolution=384)
    assert (total_macs(from_file), from_file.parameters()) == (total_macs(from_zoo), from_zoo.parameters())


@pytest.mark.parametrize("name", ["llama3.2_1b", "qwen2.5_0.5b", "tinyllama_1.1b"])
@pytest.mark.parametrize(
    ("shapes", "options"),
    [({"sequence": 64}, {"phase": "prefill", "sequence": 64}), ({"sequence": 1, "context": 100}, {"phase": "decode", "context": 100})],
    ids=["prefill", "decode"],
)
def test_language_models(shared: Path, name: str, shapes: dict[str, int], options: dict[str, Any]) -> None:
    """The files hold the layers and the output matrix apart, and leave the embedding to the host."""
    folder = shared / "models" / "ncnn"
    layers, output = read(folder / f"{name}_decoder.ncnn.param", **shapes), read(folder / f"{name}_proj_out.ncnn.param", sequence=1)
    from_zoo = build(name, **options)
    embedding = 0 if from_zoo.ops[-1].inputs[1] == "embedding.weight" else from_zoo.tensors["embedding.weight"].elements
    assert total_macs(layers) + total_macs(output) == total_macs(from_zoo)
    assert layers.parameters() + output.parameters() + embedding == from_zoo.parameters()


# Where the file is another network.


def difference(path: Path, name: str, **options: Any) -> tuple[int, int]:
    """File less zoo: MACs, and parameters with batch norms folded."""
    from_file, from_zoo = read(path), build(name, **options)
    return total_macs(from_file) - total_macs(from_zoo), from_file.parameters() - folded_parameters(from_zoo)


def test_dscnn_onnx_pads_its_first_convolution_evenly(shared: Path) -> None:
    """24 x 5 positions instead of the reference's 25 x 5."""
    per_position = 64 * 10 * 4 + 4 * (64 * 9 + 64 * 64)
    assert difference(shared / "models/onnx/dscnn.onnx", "ds_cnn") == (-5 * per_position, 0)


def test_lstm_speech_onnx_classifies_every_frame_and_has_two_biases_a_gate(shared: Path) -> None:
    frames, hidden, classes, layers = 100, 256, 40, 3
    options = {"frames": frames, "coefficients": 80, "hidden": hidden, "layers": layers, "classes": classes}
    assert difference(shared / "models/onnx/lstm_speech.int8.onnx", "lstm", **options) == ((frames - 1) * hidden * classes, layers * 4 * hidden)


def test_ncnn_resnet18_has_a_projection_in_its_first_stage(shared: Path) -> None:
    assert difference(shared / "models/ncnn/resnet18.param", "resnet18") == (64 * 64 * 56 * 56, 64 * 64 + 64)


def test_ncnn_resnet50_strides_in_the_first_convolution_of_a_block(shared: Path) -> None:
    """The 1x1 convolutions into stages 2 to 4 then run on a quarter of the positions."""
    saved = sum(3 * (56 // 2**stage // 2) ** 2 * (256 * 2**stage) * (128 * 2**stage) for stage in range(3))
    assert difference(shared / "models/ncnn/resnet50.param", "resnet50") == (-saved, 0)


def test_ncnn_mobilenet_v2_expands_even_where_the_factor_is_one(shared: Path) -> None:
    assert difference(shared / "models/ncnn/mobilenet_v2.param", "mobilenet_v2") == (112 * 112 * 32 * 32, 32 * 32 + 32)


def test_ncnn_squeezenet_pads_its_classifier(shared: Path) -> None:
    """16 x 16 positions instead of 14 x 14."""
    assert difference(shared / "models/ncnn/squeezenet.param", "squeezenet1_1", resolution=227) == ((16**2 - 14**2) * 512 * 1000, 0)


def test_ncnn_googlenet_has_the_papers_5x5_convolutions(shared: Path) -> None:
    """Torchvision's, and so the zoo's, are 3x3."""
    modules = ((28, 16, 32), (28, 32, 96), (14, 16, 48), (14, 24, 64), (14, 24, 64), (14, 32, 64), (14, 32, 128), (7, 32, 128), (7, 48, 128))
    extra = [(extent**2, (25 - 9) * reduced * channels) for extent, reduced, channels in modules]
    expected = sum(places * weights for places, weights in extra), sum(weights for _, weights in extra)
    assert difference(shared / "models/ncnn/googlenet.param", "googlenet") == expected


def test_ncnn_shufflenet_narrows_the_units_that_halve_the_extent(shared: Path) -> None:
    """Their inner width is a quarter of the channels they add; the paper's, and the zoo's, of the channels they make."""
    macs = parameters = 0
    for narrow, made, extent, groups in ((24, 240, 28, 1), (240, 480, 14, 3), (480, 960, 7, 3)):
        for inner, sign in (((made - narrow) // 4, 1), (made // 4, -1)):
            reduce, expand = narrow * inner // groups, inner * (made - narrow) // 3
            macs += sign * (reduce * (2 * extent) ** 2 + (9 * inner + expand) * extent**2)
            parameters += sign * (reduce + inner + 10 * inner + expand)
    assert difference(shared / "models/ncnn/shufflenet.param", "shufflenet_v1") == (macs, parameters)


def convolutions(graph: Graph) -> Counter[tuple[tuple[int, ...], tuple[int, ...]]]:
    """How many convolutions there are of each weight and output shape."""
    return Counter((graph.tensors[op.inputs[1]].shape, graph.tensors[op.outputs[0]].shape) for op in graph.ops if op.type == "Conv")


def test_yolov5n_onnx_lacks_the_path_back_down(shared: Path) -> None:
    """No second pair of joins: two strided 3x3 convolutions and two blocks of five; nothing the zoo has not."""
    from_file, from_zoo = read(shared / "models/onnx/yolov5n_320.onnx"), build("yolov5n", resolution=320)
    missing = convolutions(from_zoo) - convolutions(from_file)
    assert not convolutions(from_file) - convolutions(from_zoo) and missing.total() == 12
    macs = sum(count * w[0] * w[1] * w[2] * w[3] * y[2] * y[3] for (w, y), count in missing.items())
    assert total_macs(from_zoo) - total_macs(from_file) == macs


def test_quantized_and_float_files_of_one_network_are_the_same_work(shared: Path) -> None:
    for stem in ("dscnn", "mbv1_025_96", "mbv2_050", "resnet8", "squeeze_11"):
        real, integer = (read(shared / "models/onnx" / f"{stem}{kind}.onnx") for kind in ("", ".int8"))
        work = [Counter(op_work(graph, op).macs for op in graph.ops if op_work(graph, op).macs) for graph in (real, integer)]
        assert work[0] == work[1]
