"""Written models run in ONNX Runtime and give what the graph means: the original file's outputs, or those of rounded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device_models.work import DTYPE_BITS, DType
from sim.errors import EdgesimError, ModelError
from sim.frontends.load import load_model
from sim.frontends.onnx import export_writer
from sim.frontends.onnx.export import export_onnx, random_fill, write_onnx
from sim.frontends.onnx.export_writer import held_wider
from sim.frontends.onnx.observe import observed_ranges
from sim.frontends.zoo import build
from sim.graph.builder import GraphBuilder
from sim.graph.work import total_macs
from sim.passes.compression import Means, compress

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def outputs(model, feeds):
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model if isinstance(model, str) else model.SerializeToString(), options)
    return session.run(None, {value.name: feeds[value.name] for value in session.get_inputs()})


def random_feeds(graph, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=graph.tensors[name].shape).astype(np.float32) for name in graph.inputs}


@pytest.mark.parametrize("name", ["dscnn", "fc_ae", "resnet8", "shufflev2_05", "unet16_128", "yolov5n_320", "dscnn.int8", "resnet8.int8", "mbv3_small.int8"])
def test_a_file_that_was_read_and_written_gives_the_same_numbers(shared, name):
    path = shared / "models" / "onnx" / f"{name}.onnx"
    graph = load_model(str(path), directory=Path())
    feeds = random_feeds(graph)
    for ours, theirs in zip(outputs(export_onnx(graph), feeds), outputs(str(path), feeds), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["shufflenet_v2", "mobilevit_xxs", "levit_128s", "whisper_tiny_encoder", "mobilenet_v3_small"])
def test_networks_of_the_zoo_are_written_and_read_back(tmp_path, name):
    graph = build(name)
    size = write_onnx(graph, tmp_path / "net.onnx", fill=random_fill())
    back = load_model(str(tmp_path / "net.onnx"), directory=Path())
    assert (tmp_path / "net.onnx").stat().st_size == size and list(tmp_path.iterdir()) == [tmp_path / "net.onnx"]
    assert total_macs(back) == total_macs(graph)
    assert [back.tensors[n].shape for n in back.outputs] == [graph.tensors[n].shape for n in graph.outputs]


STEPS = {
    "int8": ({"quantize": {"to": "int8"}}, 0.1),
    "int8 weights": ({"quantize": {"weights": "int8", "activations": "none"}}, 0.03),
    "groups": ({"quantize": {"weights": "int4", "activations": "none", "granularity": "per_group", "group_size": 16}}, 0.3),
    "odd groups": ({"quantize": {"weights": "int4", "activations": "none", "granularity": "per_group", "group_size": 3, "symmetric": False}}, 0.3),
    "dynamic": ({"quantize": {"mode": "dynamic"}}, 0.05),
    "fp16 weights": ({"quantize": {"weights": "fp16", "activations": "none"}}, 0.003),
    "fp16": ({"quantize": {"to": "fp16"}}, 0.01),
    "int4 weights, fp16": ({"quantize": {"to": "w4f16"}}, 0.3),
    "int4 groups, fp16": ({"quantize": {"to": "w4f16", "granularity": "per_group", "group_size": 16}}, 0.3),
    "int4 odd groups, fp16": ({"quantize": {"to": "w4f16", "granularity": "per_group", "group_size": 3}}, 0.3),
    "int8 weights, fp16": ({"quantize": {"weights": "int8", "activations": "fp16"}}, 0.03),
    "int4 weights, int16": ({"quantize": {"to": "w4a16"}}, 0.3),
}


def _net():
    builder = GraphBuilder("net")
    x = builder.input("image", (1, 3, 8, 8))
    x = builder.add("Relu", [builder.add("Conv", [x, builder.weight("c.weight", (8, 3, 3, 3)), builder.weight("c.bias", (8,))], {"pads": 1}, name="c")])
    x = builder.add("Flatten", [builder.add("GlobalAveragePool", [x])], {"axis": 1})
    x = builder.add("Dense", [x, builder.weight("d.weight", (12, 8)), builder.weight("d.bias", (12,))], name="d")
    graph = builder.finish(builder.add("Dense", [x, builder.weight("e.weight", (6, 12))], name="e"))
    fill = random_fill()
    for tensor in graph.tensors.values():
        if tensor.is_stored:
            tensor.load = lambda tensor=tensor: fill(tensor)
    return graph


@pytest.mark.parametrize("how", STEPS)
def test_quantized_graphs_run_and_are_near_the_float_one(how):
    graph, (step, tolerance) = _net(), STEPS[how]
    random = np.random.default_rng(0)
    samples = {"image": random.normal(size=(16, 3, 8, 8)).astype(np.float32)}
    feeds = {"image": samples["image"][:1]}
    made = compress(graph, [step], means=Means(calibration=samples if how in ("int8", "int4 weights, int16") else None, observe=observed_ranges)).graph
    wanted, found = outputs(export_onnx(graph), feeds)[0], outputs(export_onnx(made), feeds)[0]
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert 0 < error < tolerance


def test_ranges_are_those_of_the_runs():
    graph = _net()
    samples = {"image": np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32)}
    ranges = observed_ranges(graph, samples)
    made = np.concatenate([outputs(export_onnx(graph), {"image": samples["image"][i : i + 1]})[0] for i in range(5)])
    assert ranges["e"] == pytest.approx((made.min(), made.max()), rel=1e-5)
    assert ranges["image"] == pytest.approx((samples["image"].min(), samples["image"].max()))


def test_what_cannot_be_written_is_said_and_nothing_is_left(tmp_path):
    with pytest.raises(ModelError, match="no values are stored"):
        write_onnx(build("ds_cnn"), tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="without a scale"):
        export_onnx(compress(_net(), [{"quantize": {"to": "int8"}}]).graph)
    with pytest.raises(ModelError, match="DetectionOutput has no ONNX form"):
        export_onnx(build("mobilenet_v1_ssd_voc"), fill=random_fill())
    with pytest.raises(EdgesimError, match="cannot be written"):
        write_onnx(_net(), tmp_path / "missing" / "x.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["dscnn", "mbv1_025_96", "mbv2_050", "resnet8", "squeeze_11"])
def test_predicted_sizes_are_those_of_files_that_onnx_runtime_quantized(shared, name):
    folder = shared / "models" / "onnx"
    made = compress(load_model(str(folder / f"{name}.onnx"), directory=Path()), [{"quantize": {"to": "int8"}}]).graph
    assert made.stored_bytes() + made.notes["structure_bytes"] == pytest.approx((folder / f"{name}.int8.onnx").stat().st_size, rel=0.03)


@pytest.mark.parametrize(("plain", "quantized"), [("vww_96_float", "vww_96_int8"), ("pretrainedResnet", "pretrainedResnet_quant"), ("ad01_fp32", "ad01_int8")])
def test_predicted_sizes_are_those_of_the_mlperf_tiny_files(shared, plain, quantized):
    folder = shared / "models" / "tflite"
    made = compress(load_model(str(folder / f"mlcommons_tiny_{plain}.tflite"), directory=Path()), [{"quantize": {"to": "int8"}}]).graph
    assert made.stored_bytes() + made.notes["structure_bytes"] == pytest.approx((folder / f"mlcommons_tiny_{quantized}.tflite").stat().st_size, rel=0.03)


def test_the_numbers_of_the_published_keyword_model_take_what_was_predicted(shared):
    """Its float file is hybrid already, so the built-in network is quantized: stored integers are counted, without scales and file structure."""
    published = load_model(str(shared / "models" / "tflite" / "mlcommons_tiny_kws_ref_model.tflite"), directory=Path())
    made = compress(build("ds_cnn"), [{"quantize": {"to": "int8"}}]).graph
    counted = sum(tensor.elements * float(DTYPE_BITS[tensor.dtype]) / 8 for tensor in made.tensors.values() if tensor.role == "weight")
    assert counted == pytest.approx(published.stored_bytes(), rel=0.03)


def test_integers_of_two_bits_are_stored_in_two_bits_where_onnx_has_them(tmp_path):
    graph = compress(_net(), [{"quantize": {"weights": "int2", "activations": "none", "only": ["Dense"]}}]).graph
    weight = next(tensor for tensor in graph.tensors.values() if tensor.dtype == DType.I2)
    model = export_onnx(graph)
    held = next(
        tensor
        for tensor in model.graph.initializer
        if tensor.name.startswith(weight.name) and list(tensor.dims)[::-1] in ([*weight.shape], [*weight.shape][::-1])
    )
    native = hasattr(onnx.TensorProto, "INT2")
    assert held.data_type == (onnx.TensorProto.INT2 if native else onnx.TensorProto.INT4)
    assert len(held.raw_data) == -(-weight.elements // (4 if native else 2))
    assert bool(held_wider(graph)) != native
    write_onnx(graph, tmp_path / "two.onnx")
    again = load_model(str(tmp_path / "two.onnx"), directory=Path())
    assert {tensor.dtype for tensor in again.tensors.values() if tensor.role == "weight" and tensor.shape == weight.shape} == {DType.I2 if native else DType.I4}
    image = {"image": np.random.default_rng(0).normal(size=(1, *_net().tensors["image"].shape[1:])).astype(np.float32)}
    np.testing.assert_allclose(outputs(model, image)[0], outputs(export_onnx(again), image)[0], rtol=1e-5, atol=1e-6)


def test_beside_integer_activations_two_bits_take_four_and_are_said():
    samples = {"image": np.random.default_rng(0).normal(size=(16, 3, 8, 8)).astype(np.float32)}
    graph = compress(_net(), [{"quantize": {"weights": "int2"}}], means=Means(samples, observed_ranges)).graph
    model = export_onnx(graph)
    runtime.InferenceSession(model.SerializeToString()).run(None, {"image": samples["image"][:1]})  # as users run it, with every optimization
    assert {held.data_type for held in model.graph.initializer} & {onnx.TensorProto.INT4, getattr(onnx.TensorProto, "INT2", -1)} == {onnx.TensorProto.INT4}
    assert "stored as INT4" in held_wider(graph)


def test_without_two_bit_integers_four_are_written_and_said(monkeypatch):
    graph = compress(_net(), [{"quantize": {"weights": "int2", "activations": "none", "only": ["Dense"]}}]).graph
    monkeypatch.setattr(export_writer, "has_two_bits", lambda: False)
    kinds = {tensor.data_type for tensor in export_onnx(graph).graph.initializer}
    assert onnx.TensorProto.INT4 in kinds and "stored as INT4" in held_wider(graph)
    assert held_wider(_net()) == ""


def test_the_size_of_groups_of_four_bits_is_that_of_onnx_runtimes_own_quantizer(tmp_path):
    quantizer = pytest.importorskip("onnxruntime.quantization.matmul_nbits_quantizer")
    builder = GraphBuilder("two")
    x = builder.add("Dense", [builder.input("x", (4, 512)), builder.weight("a.weight", (1024, 512))], name="a")
    graph = builder.finish(builder.add("Dense", [builder.add("Relu", [x]), builder.weight("b.weight", (256, 1024))], name="b"))
    write_onnx(graph, tmp_path / "float.onnx", fill=random_fill())
    model = quantizer.MatMulNBitsQuantizer(export_onnx(graph, fill=random_fill()), block_size=32, is_symmetric=True)
    model.process()
    theirs = model.model.model.ByteSize()
    loaded = load_model(str(tmp_path / "float.onnx"), directory=Path())
    made = compress(loaded, [{"quantize": {"weights": "int4", "activations": "none", "granularity": "per_group", "group_size": 32}}]).graph
    assert made.stored_bytes() + made.notes["structure_bytes"] == pytest.approx(theirs, rel=0.03)
    assert export_onnx(made).ByteSize() == pytest.approx(theirs, rel=0.03)
    assert {t.dtype for t in made.tensors.values() if t.role == "weight"} == {DType.I4}
