"""The networks that published tables name: kernel for kernel those of the files that were measured, where such files exist."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from device_models.work import Kind, Work
from sim.compiler.pipeline import lower
from sim.frontends.ncnn import import_ncnn
from sim.frontends.zoo import build
from sim.frontends.zoo.published_names import AIHUB, CORAL, DATASETS, MLPERF, NCNN, TF_MOBILE, TINY, published_network
from sim.graph.ir import Graph
from sim.graph.work import graph_work, total_macs

NCNN_SIZES = {"vision_transformer": 384, "FastestDet": 352}  # image sizes that the files leave to the benchmark
TINY_FILES = {"kws": "kws_ref_model", "vww": "vww_96_int8", "ic": "pretrainedResnet_quant", "ad": "ad01_int8"}


def kernels(graph: Graph) -> Counter[tuple[float, ...]]:
    """How many kernels there are of each row of Work.

    A pool over a whole extent has one window: its stride, which files write as they like, does not count.
    """
    work = graph_work(graph)[1]
    stride = work.stride.copy()
    stride[(work.kind == Kind.POOL) & (work.h_out * work.w_out == 1)] = 1
    columns = [stride if field.name == "stride" else getattr(work, field.name) for field in fields(Work)]
    return Counter(tuple(float(value) for value in row) for row in zip(*columns, strict=True))


@cache
def network(dataset: str, name: str) -> Graph:
    found = published_network(dataset, name)
    assert found is not None
    return build(found[0], **found[1])


@pytest.mark.parametrize("precision", ["as_stored", "int8"])
@pytest.mark.parametrize("name", NCNN)
def test_ncnn_benchmark_kernel_for_kernel(shared: Path, name: str, precision: str) -> None:
    shapes = {"height": NCNN_SIZES[name], "width": NCNN_SIZES[name]} if name in NCNN_SIZES else {}
    theirs = import_ncnn(shared / "models" / "ncnn" / f"{name}.param", shapes=shapes)
    ours = network("ncnn", name)
    assert kernels(lower(ours, "ncnn", precision)) == kernels(lower(theirs, "ncnn", precision))


# Where ncnn's stored int8 files are not what its converter makes of the float file: kernels that only they, and only we, have.
STORED_OTHERWISE = {
    "resnet18": (1, 2),  # the classifier stays float
    "resnet50": (1, 2),
    "googlenet": (1, 2),
    "mobilenet_ssd": (23, 6),  # anchors are made from six maps there, which are float for that; here anchors depend on no map
    "squeezenet_ssd": (7, 2),
}


@pytest.mark.parametrize("name", ["squeezenet", "mobilenet", "resnet18", "resnet50", "vgg16", "googlenet", "mobilenet_ssd", "squeezenet_ssd"])
def test_ncnn_stored_int8_networks(shared: Path, name: str) -> None:
    theirs = kernels(lower(import_ncnn(shared / "models" / "ncnn" / f"{name}_int8.param"), "ncnn"))
    ours = kernels(lower(network("ncnn", f"{name}_int8"), "ncnn", "int8"))
    assert ((theirs - ours).total(), (ours - theirs).total()) == STORED_OTHERWISE.get(name, (0, 0))


@pytest.mark.parametrize("benchmark", TINY)
def test_mlperf_tiny_kernel_for_kernel(shared: Path, benchmark: str) -> None:
    pytest.importorskip("tflite")
    from sim.frontends.tflite import import_tflite

    theirs = import_tflite(shared / "models" / "tflite" / f"mlcommons_tiny_{TINY_FILES[benchmark]}.tflite")
    ours = network("mlperf_tiny", benchmark)
    assert kernels(lower(ours, "tflite_micro", "int8")) == kernels(lower(theirs, "tflite_micro"))


def rows(shared: Path, table: str) -> list[dict[str, str]]:
    with (shared / "measurements" / table).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_network_of_the_ncnn_table_is_known(shared: Path) -> None:
    """But MobileNet YOLOv3, which the benchmark held for a short while only and no file describes."""
    names = {row["model"] for row in rows(shared, "ncnn_cpu_gpu.csv")}
    assert {name for name in names if published_network("ncnn", name) is None} == {"mobilenet_yolov3"}


def test_int8_names_are_the_same_network() -> None:
    assert published_network("ncnn", "squeezenet_int8") == published_network("ncnn", "squeezenet")


@pytest.mark.parametrize(
    ("dataset", "name", "zoo", "options"),
    [
        ("tf_mobile", "mobilenet_v1_0.25_128_quant", "mobilenet_v1", {"width": 0.25, "resolution": 128}),
        ("tf_mobile", "mnasnet_1.3_224", "mnasnet", {"width": 1.3, "resolution": 224}),
        ("mlperf_inference", "mobilenet-v2-0.35-96-non-quantized", "mobilenet_v2", {"width": 0.35, "resolution": 96}),
        ("mlperf_inference", "mobilenet-v2-precision_uint8-1.0-224", "mobilenet_v2", {"width": 1.0, "resolution": 224}),
        ("mlperf_inference", "efficientnet-fp32-lite3", "efficientnet_lite3", {}),
        ("mlperf_inference", "quantized-efficientnet-lite0", "efficientnet_lite0", {}),
    ],
)
def test_systematic_names(dataset: str, name: str, zoo: str, options: dict[str, Any]) -> None:
    assert published_network(dataset, name) == (zoo, options)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", ["", "no_such_network", "mobilenet-v9-1.0-224", "efficientnet-1.0-224", "mobilenet_v1_lite0", "|"])
def test_unknown_names_are_answered_with_none(dataset: str, name: str) -> None:
    assert published_network(dataset, name) is None


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        published_network("no_such_table", "resnet18")


def test_the_caller_may_change_what_it_is_given() -> None:
    first = published_network("ncnn", "squeezenet")
    assert first is not None
    first[1]["resolution"] = 1
    assert published_network("ncnn", "squeezenet") != first


# Parameters that AI Hub prints of another network than the one its exporting code loads.
OTHER_PARAMETERS = {
    "albert_base_v2_hf": "of the encoder with its pooler; the exported one predicts masked words",
    "distil_bert_base_uncased_hf": "ALBERT's",
    "mobile_bert_uncased_google": "the paper's, of the encoder; the exported one predicts masked words",
    "yolov3": "of an earlier form of the detector",
    "yolov5": "of YOLOv5m with anchors; the exported one is YOLOv5mu",
}


def aihub_name(row: dict[str, str]) -> str:
    return f"{row['model_id']}/{row['component']}" if "|" in row["params"] else row["model_id"]


def test_aihub_networks_have_the_printed_parameters(shared: Path) -> None:
    """A model of several components prints them as ``HfWhisperEncoder:23.7M | HfWhisperDecoder:48.9M``."""
    table = rows(shared, "aihub_npu.csv")
    printed = {aihub_name(row): row["params"].rpartition(f"{row['component']}:")[2].split(" |")[0] for row in table}
    assert {name for name in printed if published_network("aihub", name) is None} == set()
    units = {"K": 1e3, "M": 1e6}
    ratios = {name: network("aihub", name).parameters() / (float(text[:-1]) * units[text[-1]]) for name, text in printed.items()}
    assert {name for name, ratio in ratios.items() if abs(ratio - 1) > 0.01} == set(OTHER_PARAMETERS)


def test_aihub_inputs_are_those_of_its_specifications(shared: Path) -> None:
    """Such as ``image_tensor:1x3x224x224:float32; ...``; the first input is compared, and Whisper's are not stated."""
    stated = {aihub_name(row): row["input_spec_code"].split(":")[1] for row in rows(shared, "aihub_npu.csv") if row["input_spec_code"]}
    assert len(stated) > 30
    for name, shape in stated.items():
        graph = network("aihub", name)
        assert "x".join(str(extent) for extent in graph.tensors[graph.inputs[0]].shape) == shape, name


def test_every_nasbench201_cell_of_the_table_builds_with_its_closed_form_parameters(shared: Path) -> None:
    cells = sorted({row["arch_str"] for row in rows(shared, "nasbench201_latency.csv")})
    for cell in cells[::50]:
        assert network("nasbench201", cell).parameters() == cell_parameters(cell)
    assert all(published_network("nasbench201", cell) for cell in cells)


def cell_parameters(arch: str) -> int:
    """Of the network of a cell: weights and norms of each edge that something reaches, in five cells of 16, 32 and 64 channels, and of what is around."""
    edges = [[edge.split("~")[0] for edge in node.strip("|").split("|")] for node in arch.split("+")]
    reached, areas = [True], []
    for node in edges:
        live = [edge for edge, source in zip(node, reached, strict=True) if source and edge != "none"]
        areas += [{"nor_conv_1x1": 1, "nor_conv_3x3": 9}[edge] for edge in live if edge.startswith("nor")]
        reached.append(bool(live))
    cells = sum(5 * (area * width * width + 2 * width) for area in areas for width in (16, 32, 64))
    reductions = sum(9 * width * width // 2 + 9 * width * width + 4 * width + width * width // 2 for width in (32, 64))
    return 3 * 9 * 16 + 32 + cells + reductions + 128 + 64 * 10 + 10


@pytest.mark.parametrize(
    "arch",
    [
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
        "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|",
    ],
)
def test_odd_cells_build(arch: str) -> None:
    assert network("nasbench201", arch).parameters() >= cell_parameters("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mnasnet"])
def test_tensorflows_networks_have_the_printed_work(shared: Path, name: str) -> None:
    """To 1 %, or a million where the table cuts the fraction off."""
    found = 0
    for row in rows(shared, "tf_mobile.csv"):
        if row["macs_million"] and row["model"].startswith(name):
            ours, printed = total_macs(network("tf_mobile", row["model"])) / 1e6, float(row["macs_million"])
            assert abs(ours - printed) <= max(0.01 * printed, 1), row["model"]
            found += 1
    assert found or name in ("mobilenet_v1", "mnasnet")


def test_every_named_network_builds() -> None:
    for dataset, table in (("ncnn", NCNN), ("aihub", AIHUB), ("mlperf_tiny", TINY), ("tf_mobile", TF_MOBILE), ("coral", CORAL), ("mlperf_inference", MLPERF)):
        for name in table:
            assert network(dataset, name).ops


def test_normalisation_is_two_operators_at_the_image() -> None:
    plain, normalised = build("resnet18"), build("resnet18", normalise=True)
    assert [op.type for op in normalised.ops[:3]] == ["Sub", "Div", "Conv"]
    assert len(normalised.ops) == len(plain.ops) + 2
    assert normalised.parameters() == plain.parameters()
