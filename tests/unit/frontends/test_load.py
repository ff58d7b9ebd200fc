"""From what a scenario says of a model to its graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.frontends.load import load_model

PARAM = "7767517\n2 2\nInput in 0 1 in 0=4\nReLU r 1 1 in out\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.param").write_text(PARAM)
    return tmp_path


def test_a_file_is_read_by_its_suffix_relative_to_the_folder(folder: Path) -> None:
    graph = load_model("net.param", directory=folder, name="mine")
    assert graph.name == "mine" and [op.type for op in graph.ops] == ["Relu"]
    assert load_model(str(folder / "net.param"), directory=Path("/")).name == "net"


def test_a_zoo_model_takes_shapes_as_options(folder: Path) -> None:
    graph = load_model("mobilenet_v2", directory=folder, options={"width": 0.5}, shapes={"batch": 3})
    assert graph.tensors[graph.inputs[0]].shape[0] == 3
    with pytest.raises(EdgesimError, match="did you mean 'mobilenet_v2'"):
        load_model("mobilenetv2", directory=folder)


def test_layers(folder: Path) -> None:
    graph = load_model(None, directory=folder, layers=[{"op": "relu"}], input={"shape": [1, 4]}, name="tiny")
    assert graph.name == "tiny" and len(graph.ops) == 1
    with pytest.raises(EdgesimError, match=r"shapes\.batch: a model of layers"):
        load_model(None, directory=folder, layers=[{"op": "relu"}], input={"shape": [1, 4]}, shapes={"batch": 2})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("model.pt", r"known: .onnx \(ONNX\), .tflite \(TensorFlow Lite\), .param \(ncnn\), .xml \(OpenVINO\); export it with torch.onnx.export"),
        ("models/net", "cannot read models of this format"),
        ("absent.tflite", "no such model file"),
    ],
)
def test_other_sources_are_refused_with_what_is_known(folder: Path, source: str, message: str) -> None:
    with pytest.raises(EdgesimError, match=message):
        load_model(source, directory=folder)


def test_options_are_not_for_files(folder: Path) -> None:
    with pytest.raises(EdgesimError, match=r"options\.width: a model file has none"):
        load_model("net.param", directory=folder, options={"width": 1})


def test_nothing_to_load(folder: Path) -> None:
    with pytest.raises(EdgesimError, match="a model needs a source"):
        load_model(None, directory=folder)
