"""From what a scenario says of a model to its graph: a file by its suffix, a list of layers, or a name of the zoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sim.errors import EdgesimError, Problem
from sim.frontends.recognition import measure_weights
from sim.graph.ir import Graph

Unknown = Literal["error", "warn"]
FORMATS = {".onnx": "ONNX", ".tflite": "TensorFlow Lite", ".param": "ncnn", ".xml": "OpenVINO"}
# Suffixes people try, and what to do about them.
_OTHER_FORMATS = {
    ".pt": "export it with torch.onnx.export", ".pth": "export it with torch.onnx.export", ".h5": "convert it with tf.lite.TFLiteConverter",
    ".keras": "convert it with tf.lite.TFLiteConverter", ".pb": "convert it with tf.lite.TFLiteConverter",
    ".bin": "give the .param (ncnn) or .xml (OpenVINO) file beside it",
    ".mlmodel": "export the network to ONNX", ".safetensors": "it holds weights only; name a zoo model or export to ONNX",
    ".gguf": "it holds weights only; name a zoo model or export to ONNX",
}  # fmt: skip


def load_model(
    source: str | None,
    *,
    directory: Path,
    layers: Sequence[Mapping[str, Any]] | None = None,
    input: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] = {},
    shapes: Mapping[str, int] = {},
    unknown_operators: Unknown = "error",
    name: str = "",
) -> Graph:
    """The verified graph of a model.

    ``source``: a path with a known suffix, relative to ``directory``, or a zoo name; None: ``layers`` and ``input`` describe the model.
    ``options`` are of zoo models; ``shapes`` bind open extents of files and join the options of zoo models (batch, sequence, ...).
    ``name``: of the graph, if given. Raises EdgesimError or ModelError.
    """
    if source is None:
        if layers is None:
            raise EdgesimError("a model needs a source (a zoo name or a file) or layers")
        _refuse(options, "options", "a model of layers has none; write them in the layers")
        _refuse(shapes, "shapes", "a model of layers states its input's shape itself")
        return _import_layers(name or "model", input, layers)
    suffix = _suffix(source)
    if suffix:
        _refuse(options, "options", "a model file has none; they are for zoo models")
        path = _file(source, directory)
        graph = measure_weights(_importer(suffix)(path, shapes=shapes, unknown_operators=unknown_operators))
        graph.notes["structure_bytes"] = _structure_bytes(graph, path)
    else:
        graph = _from_zoo(source, {**shapes, **options}, directory)
    graph.name = name or graph.name
    return graph


def _structure_bytes(graph: Graph, path: Path) -> float:
    """What the file holds beside the stored tensors: graph, names, scales. 0 if not known, because the weights stand in another file.

    Less than nothing for a file with sparse tensors, which are dense once loaded.
    """
    size = graph.notes.get("file_bytes", path.stat().st_size)  # of all its files
    if path.suffix.lower() == ".param":
        return float(size)
    rest = size - graph.stored_bytes()
    return rest if graph.notes.get("sparse_weights") else max(rest, 0.0)


def _import_layers(name: str, input: Mapping[str, Any] | None, layers: Sequence[Mapping[str, Any]]) -> Graph:
    from sim.frontends.layers import import_layers

    return import_layers(name, input, layers)


def _refuse(given: Mapping[str, Any], path: str, why: str) -> None:
    if given:
        raise EdgesimError([Problem(path=f"{path}.{key}", what=why) for key in given])


def _suffix(source: str) -> str:
    """The suffix of a model file, empty for a zoo name. Zoo names may hold dots, so only what looks like a file counts."""
    suffix = Path(source).suffix.lower()
    if suffix in FORMATS:
        return suffix
    if suffix in _OTHER_FORMATS or "/" in source or "\\" in source:
        known = ", ".join(f"{ending} ({title})" for ending, title in FORMATS.items())
        hint = f"; {_OTHER_FORMATS[suffix]}" if suffix in _OTHER_FORMATS else ""
        raise EdgesimError(f"{source}: cannot read models of this format; known: {known}{hint}")
    return ""


def _file(source: str, directory: Path) -> Path:
    path = directory / source
    if not path.is_file():
        raise EdgesimError(f"{path}: no such model file")
    return path


def _importer(suffix: str) -> Callable[..., Graph]:
    if suffix == ".onnx":
        from sim.frontends.onnx import import_onnx

        return import_onnx
    if suffix == ".tflite":
        from sim.frontends.tflite import import_tflite

        return import_tflite
    if suffix == ".xml":
        from sim.frontends.openvino import import_openvino

        return import_openvino
    from sim.frontends.ncnn import import_ncnn

    return import_ncnn


def _from_zoo(name: str, options: Mapping[str, Any], directory: Path) -> Graph:
    from sim.frontends.zoo import MODELS, build

    if name not in MODELS and (directory / name).is_file():
        raise EdgesimError(f"{directory / name}: a model file needs one of the suffixes {', '.join(FORMATS)}")
    return build(name, **options)
