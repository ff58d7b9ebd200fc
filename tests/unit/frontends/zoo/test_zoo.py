"""The zoo's interface: names, options, cheap import, and that every model builds with unusual options."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sim.errors import EdgesimError
from sim.frontends.zoo import MODELS, build, describe
from sim.graph.verify import verify
from sim.graph.work import graph_work, op_work, total_macs

ASKED_FOR = """
mobilenet_v1 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small mobilenet_v1_0.25_96 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
efficientnet_b4 efficientnet_lite0 efficientnet_lite1 efficientnet_lite2 efficientnet_lite3 efficientnet_lite4 efficientnet_v2_s squeezenet1_0
squeezenet1_1 shufflenet_v1 shufflenet_v2 mnasnet regnet_y_400mf regnet_y_800mf regnet_x_400mf resnet8 resnet18 resnet34 resnet50 resnet101 resnext50
resnext101 wide_resnet50 vgg11 vgg16 vgg19 densenet121 densenet169 googlenet inception_v3 convnext_tiny convnext_base vit_tiny vit_small vit_b_16
mobilevit_s mobilevit_xs mobilevit_xxs bert_base distilbert mobilebert whisper_tiny_encoder whisper_tiny_decoder whisper_base_encoder
whisper_base_decoder whisper_small_encoder whisper_small_decoder tinyllama_1.1b llama3.2_1b llama3.2_3b llama3_8b qwen2.5_0.5b qwen2.5_1.5b qwen2.5_3b
gemma_2b phi3.5_mini ds_cnn fc_autoencoder lstm gru unet deeplab_v3_plus ssd_mobilenet_v1 ssd_mobilenet_v2 yolov3_tiny yolov4_tiny yolov5n yolov8n
alexnet proxylessnas_mobile efficientnet_v2_b0 mobilenet_v3_large_first regnet_x_3.2gf beit_base levit_128s nasbench201 mobilenet_v1_ssd_voc
squeezenet_ssd_voc mobilenet_v1_yolo_voc mobilenet_v2_yolov3_voc yolo_fastest_1.1 yolo_fastest_v2 fastestdet nanodet_m blazeface yolov5mu yolov3_tinyu
yolo11n yolox_s midas_small quicksrnet_small quicksrnet_medium quicksrnet_large sesr_m5 real_esrgan_general_x4v3 yamnet albert_base electra_base
bert_large nomic_embed_text
"""


def test_holds_every_network_people_ask_for() -> None:
    assert set(ASKED_FOR.split()) <= set(MODELS)


def test_importing_the_zoo_loads_neither_numpy_nor_any_family() -> None:
    heavy = "{'numpy', 'sim.graph.ir', 'sim.frontends.zoo.resnet'}"
    code = f"import sys, sim.frontends.zoo as zoo; assert len(zoo.MODELS) > 70; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", MODELS)
def test_builds_and_verifies(name: str) -> None:
    graph = verify(build(name))
    ops, work = graph_work(graph)
    assert graph.inputs and len(work) == len(ops) > 0
    assert graph.notes["source"] == f"zoo:{name}"
    consumers = graph.consumers()
    made = {name for op in graph for name in op.outputs}
    assert not [tensor for tensor in graph.tensors if not consumers[tensor] and tensor not in made]


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if "batch" in entry.options])
def test_work_grows_with_the_batch_and_parameters_do_not(name: str) -> None:
    one, three = build(name), build(name, batch=3)
    assert three.parameters() == one.parameters()
    assert total_macs(three) == 3 * total_macs(one)


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if "resolution" in entry.options])
@pytest.mark.parametrize("resolution", [192, 320, 448])
def test_builds_at_other_resolutions(name: str, resolution: int) -> None:
    graph = build(name, resolution=resolution)
    assert graph.tensors[graph.inputs[0]].shape[-1] == resolution


SCALABLE = [name for name, entry in MODELS.items() if "width" in entry.options and entry.task == "image classification" and name != "shufflenet_v2"]


@pytest.mark.parametrize("name", SCALABLE)
def test_width_scales_the_work_about_quadratically(name: str) -> None:
    """Exactly so for a layer whose input and output are scaled; stems, heads and depthwise layers scale less."""
    narrow, wide = (total_macs(build(name, width=width)) for width in (0.5, 2.0))
    assert 2 * 4 < wide / narrow <= 16 * 1.05


@pytest.mark.parametrize("name", MODELS)
def test_describe_says_what_a_reader_wants(name: str) -> None:
    said = describe(name)
    assert said["inputs"] and said["macs"] > 0 and said["parameters"] > 0 and said["title"]
    assert all(row["source"] for row in said["published"])
    assert set(said["options"]) == set(MODELS[name].options)


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(EdgesimError, match="unknown model 'resnet51'; did you mean 'resnet50'"):
        build("resnet51")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("mobilenet_v2", {"widht": 0.5}, "has no option 'widht'; did you mean 'width'"),
        ("mobilenet_v2", {"width": -1.0}, "option 'width' of model 'mobilenet_v2' is -1.0; give 0.05 to 4"),
        ("mobilenet_v2", {"resolution": 224.5}, "give a whole number, 32 to 4096"),
        ("mobilenet_v2", {"resolution": True}, "option 'resolution'"),
        ("mobilenet_v2", {"resolution": "224"}, "option 'resolution'"),
        ("mobilenet_v2", {"width": float("nan")}, "option 'width'"),
        ("yolov8n", {"resolution": 330}, "in steps of 32"),
        ("shufflenet_v2", {"width": 0.7}, "give 0.5 or 1.0 or 1.5 or 2.0"),
        ("tinyllama_1.1b", {"phase": "training"}, "give prefill or decode"),
        ("tinyllama_1.1b", {"sequence": 4096}, "raise 'capacity'"),
        ("whisper_tiny_decoder", {"context": 448}, "lower options 'sequence' or 'context'"),
    ],
)
def test_bad_options_are_named(name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(EdgesimError, match=says):
        build(name, **options)


def test_all_bad_options_are_told_at_once() -> None:
    with pytest.raises(EdgesimError) as caught:
        build("resnet50", resolution=1, classes=-1, depth=3)
    assert all(word in str(caught.value) for word in ("resolution", "classes", "depth"))


@pytest.mark.parametrize("name", MODELS)
def test_extremes_build_or_end_in_one_clear_error(name: str) -> None:
    for key, option in MODELS[name].options.items():
        for value in option.choices or (type(option.default)(option.least), type(option.default)(option.most // option.multiple * option.multiple)):
            try:
                verify(build(name, **{key: value}))
            except EdgesimError as error:
                assert name in str(error) and key in str(error)


def test_accuracy_is_kept_for_the_default_network_only() -> None:
    assert build("mobilenet_v2").notes["accuracy"]["value"] == pytest.approx(71.878)
    assert "accuracy" not in build("mobilenet_v2", width=0.5).notes


def test_no_operator_is_left_without_bytes() -> None:
    for name in ("ssd_mobilenet_v2", "tinyllama_1.1b", "mobilevit_xs"):
        graph = build(name)
        assert all(op_work(graph, op).out_bytes > 0 for op in graph.ops)
