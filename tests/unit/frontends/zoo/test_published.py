"""Every model against figures others published of it."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from sim.frontends.zoo import MODELS, Published, build
from sim.frontends.zoo.counting import counted
from sim.frontends.zoo.entry import printed
from sim.frontends.zoo.net import Net
from sim.graph.ir import Graph

ROWS = [pytest.param(name, row, id=f"{name}-{index}") for name, entry in MODELS.items() for index, row in enumerate(entry.published)]
NOTHING_PUBLISHED = {  # judged by the files of ncnn's benchmark instead (test_published_names.py)
    "alexnet", "mobilenet_v3_large_first", "fastestdet", "blazeface", "squeezenet_ssd_voc", "mobilenet_v1_yolo_voc", "mobilenet_v2_yolov3_voc",
}  # fmt: skip
NO_PUBLISHED_PARAMETERS = NOTHING_PUBLISHED | {
    "mobilenet_v1_0.25_96", "resnet8", "fc_autoencoder", "lstm", "gru", "proxylessnas_mobile", "yolo_fastest_1.1",
}  # fmt: skip
NO_PUBLISHED_WORK = NOTHING_PUBLISHED | {
    "distilbert", "mobilebert", "albert_base", "electra_base", "bert_large", "nomic_embed_text", "efficientnet_v2_b0", "beit_base", "nanodet_m",
    "midas_small", "quicksrnet_small", "quicksrnet_medium", "quicksrnet_large", "sesr_m5", "real_esrgan_general_x4v3",
}  # fmt: skip


@cache
def model(name: str, options: tuple[tuple[str, object], ...]) -> Graph:
    return build(name, **dict(options))


def graph_of(name: str, row: Published) -> Graph:
    return model(name, tuple(row.options.items()))


def agrees(ours: float, text: str) -> bool:
    """Within 1 %, or as near as the source's last digit says."""
    value, half_digit = printed(text)
    return abs(ours - value) <= max(0.01 * value, half_digit)


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_parameters(name: str, row: Published) -> None:
    if not row.parameters:
        pytest.skip("the source prints no parameters")
    ours = graph_of(name, row).parameters() + sum(model(other, ()).parameters() for other in row.together_with)
    assert agrees(ours, row.parameters), f"{ours} and {row.parameters} of {row.source}"


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_work(name: str, row: Published) -> None:
    if not row.work:
        pytest.skip("the source prints no MACs or FLOPs")
    ours = counted(graph_of(name, row), row.convention)
    assert agrees(ours, row.work), f"{ours} and {row.work} of {row.source}"


def test_every_model_has_published_figures_or_is_known_to_have_none() -> None:
    whisper = {name for name in MODELS if name.startswith("whisper")}
    decoders = {name for name in MODELS if MODELS[name].family == "llama:decoder"}
    assert {name for name, entry in MODELS.items() if not any(row.parameters for row in entry.published)} - whisper == NO_PUBLISHED_PARAMETERS
    assert {name for name, entry in MODELS.items() if not any(row.work for row in entry.published)} == NO_PUBLISHED_WORK | whisper | decoders


FROM_TORCHVISION = [name for name, entry in MODELS.items() if any(row.source.startswith("torchvision") and not row.options for row in entry.published)]


@pytest.mark.parametrize("name", FROM_TORCHVISION)
def test_figures_said_to_be_torchvisions_are_torchvisions(name: str, shared: Path) -> None:
    """The table's numbers against the list read from torchvision's own files."""
    with open(shared / "facts" / "torchvision_models.csv") as file:
        rows = list(csv.reader(file))[1:]
    entry = MODELS[name]
    row = next(row for row in entry.published if row.source.startswith("torchvision"))
    assert entry.accuracy
    figures = (pytest.approx(float(row.work) / 1e9), pytest.approx(entry.accuracy.value))
    same = [known for known in rows if (float(known[3]), float(known[4])) == figures]
    assert same, f"no torchvision model has {row.work} MACs and {entry.accuracy}"
    if row.parameters and same[0][2]:
        assert int(same[0][2]) == int(row.parameters)


def test_conventions_differ_by_what_they_count() -> None:
    """One 3x3 convolution of 2 to 4 channels on 5 x 6 positions, batch norm, ReLU; a product to 3 classes over 7 layer-normalised rows."""
    net = Net("small")
    x = net.conv_bn(net.input("image", (1, 2, 5, 6)), 4, 3)
    y = net.dense(net.layer_norm(net.input("rows", (1, 7, 8))), 3)
    graph = net.finish(x, y)
    macs, places = 5 * 6 * 4 * 2 * 9 + 7 * 8 * 3, 5 * 6 * 4
    assert counted(graph, "macs") == macs
    assert counted(graph, "flops") == 2 * macs
    assert counted(graph, "fvcore") == macs + 2 * places + 5 * 56
    assert counted(graph, "elementwise") == 2 * macs + places + 7 * 3 + places
    assert counted(graph, "unfused") == macs + 3 * places


@pytest.mark.parametrize(("text", "value", "half_digit"), [("4.24e6", 4.24e6, 5e3), ("569e6", 569e6, 5e5), ("3504872", 3504872, 0.5), ("0.40e9", 0.4e9, 5e6)])
def test_printed_figures_carry_their_precision(text: str, value: float, half_digit: float) -> None:
    assert printed(text) == (pytest.approx(value), pytest.approx(half_digit))
