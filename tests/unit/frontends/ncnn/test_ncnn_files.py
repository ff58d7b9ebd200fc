"""ncnn's own benchmark networks: published figures, recorded shapes, and a count made from the raw text without the graph."""

from __future__ import annotations

from functools import partial
from math import prod
from pathlib import Path

import pytest

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.ncnn import import_ncnn
from sim.frontends.ncnn.context import Context, attempt
from sim.frontends.ncnn.importer import HANDLERS, hinted_shapes
from sim.frontends.ncnn.inputs import Inputs
from sim.frontends.ncnn.param import read_param
from sim.graph.work import total_macs

BINDINGS = {"FastestDet": {"height": 352, "width": 352}, "vision_transformer": {"height": 384, "width": 384}}
# (MACs, parameters) in the papers or model cards, in millions, and how exactly they are printed there.
PUBLISHED = {
    "mobilenet": (569, 4.2, 0.01),  # Howard et al. 2017, table 8
    "mobilenet_v2": (300 + 12.8, 3.4, 0.01),  # Sandler et al. 2018, table 4; this file expands 32 to 32 channels in the first block too
    "resnet18": (1814, 11.69, 0.01),  # He et al. 2015; torchvision
    "resnet50": (3858, 25.5, 0.01),  # He et al. 2015, table 1: 3.8e9 with the stride in the first 1x1
    "vgg16": (15470, 138.36, 0.001),  # Simonyan and Zisserman 2014
    "alexnet": (724, 60.97, 0.001),  # Caffe's two-group network
    "googlenet": (1583, 7.0, 0.01),  # Szegedy et al. 2014, Caffe
    "shufflenet_v2": (146, 2.3, 0.02),  # Ma et al. 2018, 1x
    "mnasnet": (315, 4.38, 0.01),  # Tan et al. 2019, A1 without squeeze and excitation: B1
    "efficientnet_b0": (390, 5.3, 0.02),  # Tan and Le 2019, table 2
    "regnety_400m": (400, 4.3, 0.01),  # Radosavovic et al. 2020
}
# Language models: millions of parameters without embeddings, of model cards and reports.
DECODERS = {"llama3.2_1b": 973.1, "qwen2.5_0.5b": 357.9, "qwen3_0.6b": 440.5, "tinyllama_1.1b": 969.0}
TOKENS = {"sequence": 1}


def bindings(path: Path) -> dict[str, int]:
    if "decoder" in path.name or "proj_out" in path.name:
        return TOKENS
    return BINDINGS.get(path.stem, {})


def files(shared: Path) -> list[Path]:
    return sorted((shared / "models" / "ncnn").glob("*.param"))


def raw_counts(path: Path) -> tuple[int, int]:
    """(multiply-accumulates of convolutions and inner products, their parameters) from the numbers of the text and its recorded shapes."""
    sizes: dict[str, list[int]] = {}
    macs = weights = 0
    for line in path.read_text().splitlines()[2:]:
        words = line.split()
        inputs, outputs = int(words[2]), int(words[3])
        blobs = words[4 : 4 + inputs + outputs]
        numbers = dict(word.split("=", 1) for word in words[4 + inputs + outputs :])
        hints = [int(n) for n in numbers.get("-23330", "").split(",")[1:]]
        for i, blob in enumerate(blobs[inputs:]):
            sizes[blob] = [extent for extent in hints[4 * i + 1 : 4 * i + 4] if extent]
        if words[0].startswith("Convolution"):
            count, made = int(numbers["6"]), sizes[blobs[-1]]
            macs += count // int(numbers["0"]) * prod(made)
            weights += count + int(numbers["0"]) * int(numbers.get("5", 0))
        if words[0] == "InnerProduct":
            macs += int(numbers["2"])
            weights += int(numbers["2"]) + int(numbers["0"]) * int(numbers.get("1", 0))
    return macs, weights


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(shared: Path, name: str) -> None:
    path = shared / "models" / "ncnn" / f"{name}.param"
    macs, parameters, within = PUBLISHED[name]
    graph = import_ncnn(path, shapes=bindings(path))
    assert total_macs(graph) / 1e6 == pytest.approx(macs, rel=within)
    assert graph.parameters() / 1e6 == pytest.approx(parameters, rel=max(within, 0.01) if name != "mobilenet_v2" else 0.03)


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_have_the_published_number_of_parameters(shared: Path, name: str) -> None:
    """Totals of 1 235.8, 494.0, 596.0 and 1 100.0 million less their embeddings (vocabulary x width, TinyLlama's twice)."""
    graph = import_ncnn(shared / "models" / "ncnn" / f"{name}_decoder.ncnn.param", shapes=TOKENS)
    assert graph.parameters() / 1e6 == pytest.approx(DECODERS[name], abs=0.1)


def test_every_file_is_imported(shared: Path) -> None:
    assert len(files(shared)) >= 49
    for path in files(shared):
        graph = import_ncnn(path, shapes=bindings(path))
        assert graph.ops and graph.parameters() and graph.inputs, path.name


# Convolutions and inner products are all the work of these, and every blob's shape is recorded.
RAW = [
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet18",
    "resnet50",
    "squeezenet",
    "shufflenet",
    "googlenet",
    "vgg16",
    "mnasnet",
    "efficientnet_b0",
    "regnety_400m",
]


@pytest.mark.parametrize("name", RAW)
def test_the_raw_text_gives_the_same_count(shared: Path, name: str) -> None:
    path = shared / "models" / "ncnn" / f"{name}.param"
    graph = import_ncnn(path)
    macs, weights = raw_counts(path)
    others = sum(
        tensor.elements
        for op in graph.ops
        if op.type in ("BatchNorm", "Mul", "Add", "PRelu")
        for tensor in map(graph.tensors.get, op.inputs)
        if tensor and tensor.role == "weight"
    )
    assert (total_macs(graph), graph.parameters() - others) == (macs, weights)


def test_inferred_shapes_are_the_recorded_ones(shared: Path) -> None:
    """Key -23330 of every blob of every file; only how many boxes a detector finds is not a matter of shapes."""
    compared = 0
    for path in files(shared):
        layers = read_param(path)
        if not any(hinted_shapes(layer) for layer in layers):
            continue
        ctx = Context(path.stem)
        inputs = Inputs(ctx, layers, bindings(path))
        for layer in layers:
            attempt(layer, partial(inputs.declare, layer) if layer.type == "Input" else partial(HANDLERS[layer.type], ctx, layer))
            if layer.type.endswith("DetectionOutput"):
                continue
            for blob, shape in zip(layer.outputs, hinted_shapes(layer), strict=False):
                assert ctx.shape(ctx.blobs[blob]) == shape, (path.name, layer.name, blob)
                compared += 1
    assert compared > 3000


@pytest.mark.parametrize("name", ["mobilenet", "resnet18", "resnet50", "googlenet", "vgg16", "squeezenet", "mobilenet_ssd", "squeezenet_ssd"])
def test_int8_twins_have_the_same_work_and_quarter_the_weights(shared: Path, name: str) -> None:
    folder = shared / "models" / "ncnn"
    plain, quantized = import_ncnn(folder / f"{name}.param"), import_ncnn(folder / f"{name}_int8.param")
    assert total_macs(plain) == total_macs(quantized) and plain.parameters() == quantized.parameters()
    convolutions = [op for op in quantized.ops if op.type == "Conv" and quantized.tensors[op.inputs[1]].dtype is DType.I8]
    assert convolutions and all(quantized.tensors[op.inputs[0]].dtype is DType.I8 for op in convolutions)
    assert quantized.stored_bytes() < 0.5 * plain.stored_bytes()


def test_a_decoder_attends_to_its_context(shared: Path) -> None:
    """32 heads of 64 in 16 layers; the file repeats keys and values to all heads before it caches them."""
    path = shared / "models" / "ncnn" / "llama3.2_1b_decoder.ncnn.param"
    if not path.exists():
        pytest.skip("no decoder file")
    empty, full = import_ncnn(path, shapes={"sequence": 1}), import_ncnn(path, shapes={"sequence": 1, "context": 1000})
    assert total_macs(full) - total_macs(empty) == 16 * 1000 * 2 * 2048
    caches = [tensor for tensor in full.tensors.values() if tensor.role == "state"]
    assert len(caches) == 32 and {tensor.shape for tensor in caches} == {(1, 32, 1001, 64)}
    prefill = import_ncnn(path, shapes={"sequence": 128})
    assert total_macs(prefill) == 128 * (total_macs(empty) - 16 * 2 * 2048) + 16 * 128 * 128 * 2 * 2048


def test_what_must_be_bound_is_said(shared: Path) -> None:
    folder = shared / "models" / "ncnn"
    with pytest.raises(
        ModelError, match=r"FastestDet.param:3: in0: Input: input 'in0' has no size in the file; bind shapes: \{height: \.\.\., width: \.\.\.\}"
    ):
        import_ncnn(folder / "FastestDet.param")
    with pytest.raises(ModelError, match=r"input 'in0' has no size in the file; bind shapes: \{sequence: \.\.\.\}"):
        import_ncnn(folder / "llama3.2_1b_proj_out.ncnn.param")
    with pytest.raises(ModelError, match=r"shapes.sequence.*no such open size"):
        import_ncnn(folder / "mobilenet.param", shapes={"sequence": 3})


def test_an_image_size_of_the_file_can_be_replaced(shared: Path) -> None:
    path = shared / "models" / "ncnn" / "mobilenet.param"
    plain, doubled = (total_macs(import_ncnn(path, shapes=shapes)) for shapes in ({}, {"height": 448, "width": 448}))
    classifier = 1024 * 1000
    assert doubled - classifier == 4 * (plain - classifier)


def test_a_quoted_formula_may_hold_commas_and_is_refused_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "net.param"
    path.write_text('7767517\n2 2\nInput in 0 1 in 0=8 1=8 2=4\nReshape r 1 1 in out 6="1,1,//(320,0c)"\n')
    with pytest.raises(ModelError, match="a shape computed from other blobs"):
        import_ncnn(path)
