"""Runtimes: every file is valid, cited, and compiles networks on the devices that name it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from device_models.catalog.catalog import device_names, load_device
from device_models.work import DType, Kind
from sim.compiler import compile_model, lower, pipeline_for
from sim.compiler.runtimes import Runtime, describe, runtime, runtime_names
from sim.compiler.runtimes.spec import _figures
from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.graph.builder import GraphBuilder
from sim.graph.text import to_text
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


def test_lowering_is_its_passes_in_turn_and_stops_where_it_is_told():
    graph = build("mobilenet_v2")
    in_turn = graph
    for step in pipeline_for("tflite", "int8"):
        in_turn = step(in_turn)
    assert to_text(lower(graph, "tflite", "int8")) == to_text(in_turn)
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


def test_every_engine_of_the_field_is_there():
    wanted = {
        "tflite",
        "tflite_nnapi",
        "tflite_hexagon",
        "edgetpu",
        "tflite_micro",
        "onnxruntime",
        "pytorch_mobile",
        "executorch",
        "tvm",
        "openvino",
        "ncnn",
        "tensorrt",
        "qnn",
    }
    assert wanted <= set(runtime_names())
    assert wanted <= {name for _, name in USED}, "some device of the catalogue has each"


def test_float_3x3_convolutions_cost_what_the_engine_has_kernels_for():
    """ncnn transforms tiles (Winograd), TensorFlow Lite multiplies windows: the same board takes longer under it. Integers do not differ."""
    device, graph = load_device("raspberry_pi_4"), build("resnet18")

    def arithmetic(name, precision):
        program = compile_model(graph, device, runtime=name, precision=precision, threads=1)
        rows = [
            index
            for index, (kind, height) in enumerate(zip(program.kernels.work.kind, program.kernels.work.kernel_h, strict=True))
            if kind == Kind.C3 and height == 3
        ]
        assert rows
        return sum(float(program.segments[0].costs.compute_cycles[index]) for index in rows)

    assert arithmetic("tflite", "float32") > 2 * arithmetic("ncnn", "float32")
    assert arithmetic("tflite", "float32") == pytest.approx(arithmetic("executorch", "float32"), rel=0.05)


def test_quantized_networks_only_go_to_the_hexagon_delegate():
    phone, graph = load_device("snapdragon_855_phone"), build("mobilenet_v2")
    used = {
        precision: {segment.unit for segment in compile_model(graph, phone, runtime="tflite_hexagon", precision=precision).segments}
        for precision in ("float32", "int8")
    }
    assert used["float32"] == {"cpu_gold"} and "npu" in used["int8"]


def test_an_operator_that_no_unit_runs_names_runtimes_that_could():
    b = GraphBuilder("boxes")
    boxes, scores = b.input("boxes", (1, 8, 4)), b.input("scores", (1, 1, 8))
    graph = b.finish(b.add("NonMaxSuppression", [boxes, scores], {"max_outputs": 4}, shapes=[((4, 3), DType.I64)]))
    with pytest.raises(
        EdgesimError, match=r"NonMaxSuppression.*runs on no unit of stm32h7a3 under tflite_micro[\s\S]*runtimes of stm32h7a3 that have NonMaxSuppression: .*tvm"
    ):
        compile_model(graph, load_device("stm32h7a3"), runtime="tflite_micro")
    with pytest.raises(EdgesimError, match=r"no runtime of stm32h7a3 has NonMaxSuppression in f32"):
        compile_model(graph, load_device("stm32h7a3").model_copy(update={"runtimes": ("tflite_micro", "x_cube_ai")}), runtime="tflite_micro")
