"""Runtimes: every file is valid, cited, and compiles networks on the devices that name it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from device_models.catalog.catalog import device_names, load_device
from device_models.work import DType
from sim.compiler import compile_model, lower, pipeline_for
from sim.compiler.runtimes import Runtime, describe, runtime, runtime_names
from sim.compiler.runtimes.spec import _figures
from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.graph.builder import GraphBuilder
from sim.passes import Pass

USED = sorted({(device, name) for device in device_names() for name in load_device(device).runtimes})


@pytest.mark.parametrize("name", runtime_names())
def test_a_runtime_is_complete_and_cited(name):
    engine = runtime(name)
    assert engine.name == name
    assert engine.sources
    assert any(delegate.operators == "all" for delegate in engine.delegates), "some unit must run every operator"
    for figure in _figures(engine):
        assert figure.kind in ("datasheet", "measured", "derived", "estimated")
        assert figure.note
        assert figure.kind == "estimated" or figure.source in engine.sources
    told = describe(name)
    assert told["name"] == name
    assert set(told["prefers"]) <= {kind for delegate in engine.delegates for kind in delegate.units}


@pytest.mark.parametrize("name", runtime_names())
def test_a_pipeline_is_a_visible_list(name):
    engine = runtime(name)
    stored = pipeline_for(name)
    assert all(isinstance(step, Pass) for step in stored)
    assert "precision" not in [step.name for step in stored]
    for precision in engine.precisions:
        assert [step.name for step in pipeline_for(name, precision)].count("precision") == 1


@pytest.mark.parametrize(("device", "name"), USED)
def test_every_device_runs_a_network_under_each_of_its_runtimes(device, name):
    spec, engine = load_device(device), runtime(name)
    for precision in ("as_stored", *engine.precisions):
        quantized_only = precision == "as_stored" or not engine.delegates[0].formats[0].startswith("float")
        model = build("ds_cnn") if quantized_only or spec.category == "microcontroller" else build("mobilenet_v2")
        program = compile_model(model, spec, runtime=name, precision=precision)
        assert sum(len(segment) for segment in program.segments) == len(program.kernels.names)
        assert program.load_s > 0
        assert {segment.unit for segment in program.segments} <= set(spec.units)


def test_lowering_stops_where_it_is_told_and_shows_every_step():
    graph = build("mobilenet_v2")
    seen: list[str] = []
    lower(graph, "tflite", "int8", after_each=lambda step, after: seen.append(step.name))
    assert seen == [step.name for step in pipeline_for("tflite", "int8")]
    folded = lower(graph, "tflite", stop_after="fold_batch_norm")
    assert "BatchNorm" not in {op.type for op in folded.ops}
    assert not any(op.fused for op in folded.ops)
    with pytest.raises(EdgesimError, match="did you mean 'fold_batch_norm'"):
        lower(graph, "tflite", stop_after="fold_batchnorm")
    with pytest.raises(EdgesimError, match="no pass 'precision'"):
        lower(graph, "tflite", stop_after="precision")


def test_runtimes_differ_as_their_documentation_says():
    resnet = build("resnet18")
    labels = {name: {op.label for op in lower(resnet, name).ops} for name in ("tflite", "onnxruntime", "ncnn")}
    assert "Conv+Add+Relu" in labels["onnxruntime"]
    assert "Add+Relu" in labels["tflite"]
    assert {"Add", "Relu"} <= labels["ncnn"]


def test_an_unknown_runtime_names_the_near_ones():
    with pytest.raises(EdgesimError, match="onnxruntime"):
        runtime("onnx_runtime")


def _raw(**changes):
    cost = {"value": "1 us", "kind": "estimated", "note": "a guess"}
    costs = dict.fromkeys(("entry", "switch", "prepare", "prepare_per_operator"), cost)
    delegate = {"name": "d", "units": ["cpu"], "operators": "all", "formats": ["float32"], "copies": False, **costs}
    plain = {"name": "r", "title": "R", "delegates": [delegate], "prefer": ["cpu"], "pipeline": ["dead_code"], "precisions": {}, "start": cost, "sources": {}}
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pipeline": ["dead_cod"]}, "dead_code"),
        ({"pipeline": [{"fuse_epilogue": {"resid": True}}]}, "residual"),
        ({"start": {"value": "1 s", "source": "nowhere", "kind": "measured"}}, "cites 'nowhere'"),
        ({"start": "1 s"}, "must be of kind estimated"),
        ({"start": "1 GB"}, "time"),
        ({"precisions": {"int8": {"keep_float": ["Sotfmax"]}}}, "no operators Sotfmax"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_file_is_refused(changes, message):
    Runtime.model_validate(_raw())
    with pytest.raises((ValidationError, EdgesimError), match=message):
        Runtime.model_validate(_raw(**changes))


def test_indices_of_64_bits_run_on_a_gpu_under_tensorrt():
    """Token positions and masks are computed in int64; the engine has no CPU to fall back to."""
    b = GraphBuilder("indices")
    ids = b.input("ids", (1, 8), DType.I64)
    program = compile_model(b.finish(b.add("Add", [ids, b.input("offset", (1,), DType.I64)])), load_device("jetson_orin_nano"), runtime="tensorrt")
    assert [segment.unit for segment in program.segments] == ["gpu"]
