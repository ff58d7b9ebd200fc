"""Zeros in weights gain time only where the unit and the engine make use of them, and files only in forms they have."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device as device
from device_models.figure import Figure
from sim.compiler import compile_model
from sim.compiler.warm_run import run_cost
from sim.frontends.zoo import build
from sim.graph.builder import GraphBuilder
from sim.passes.compression import compress

DENSE, FOURS, ALONE = ([{"quantize": {"to": "int8"}}], [{"prune": {"granularity": "2:4"}}, {"quantize": {"to": "int8"}}],
                       [{"prune": {"sparsity": 0.9}}, {"quantize": {"to": "int8"}}])  # fmt: skip


@pytest.fixture(scope="module")
def programs():
    jetson, graph = device("jetson_orin_nano"), build("resnet18")
    kinds = {"dense": DENSE, "fours": FOURS, "alone": ALONE}
    made = {name: compress(graph, steps).graph for name, steps in kinds.items()}
    return {(name, engine): compile_model(found, jetson, runtime=engine) for name, found in made.items() for engine in ("tensorrt", "onnxruntime", "tflite")}


def test_sparse_tensor_cores_are_faster_on_two_of_four_alone(programs):
    jetson = device("jetson_orin_nano")
    seconds = {key: run_cost(program, jetson)[0] for key, program in programs.items()}
    assert seconds["fours", "tensorrt"] < seconds["dense", "tensorrt"] == seconds["alone", "tensorrt"]
    assert seconds["fours", "tensorrt"] > seconds["dense", "tensorrt"] / 2
    assert seconds["fours", "onnxruntime"] == seconds["dense", "onnxruntime"] == seconds["alone", "onnxruntime"]


def test_work_is_counted_dense_and_what_gains_nothing_is_said(programs):
    assert len({program.macs for program in programs.values()}) == 1
    said = {key: any("make no kernel faster" in note for note in program.notes) for key, program in programs.items()}
    assert said["alone", "tensorrt"] and said["fours", "onnxruntime"] and not said["fours", "tensorrt"] and not said["dense", "tflite"]


def test_files_are_smaller_where_the_format_has_sparse_tensors(programs):
    size = {key: program.storage_bytes for key, program in programs.items()}
    assert size["alone", "tflite"] < size["dense", "tflite"] / 3
    assert size["alone", "onnxruntime"] == size["dense", "onnxruntime"]


# ------------------------------------------------------------------ units that read fewer weights, or leave out products with zeros
def _mlp():
    """The network of Arm's example of pruning for Ethos-U: 784-512-256-10."""
    builder = GraphBuilder("mlp")
    value = builder.input("pixels", (1, 784))
    for name, (out, wide) in {"fc1": (512, 784), "fc2": (256, 512), "fc3": (10, 256)}.items():
        value = builder.add("Dense", [value, builder.weight(f"{name}.weight", (out, wide)), builder.weight(f"{name}.bias", (out,))], name=name)
        value = builder.add("Relu", [value]) if name != "fc3" else value
    return builder.finish(value)


def _run(graph, spec, engine, share):
    steps = [{"prune": {"sparsity": share}}] if share else []
    program = compile_model(compress(graph, [*steps, {"quantize": {"to": "int8"}}]).graph, spec, runtime=engine)
    return run_cost(program, spec), program


def _bytes(program):
    return sum(float(segment.costs.dram_bytes.sum()) for segment in program.segments)


def test_a_decoder_of_weights_reads_what_arm_published():
    """522.50 KiB of int8 weights, 95 % of them zero, are encoded in 46.12 KiB: pytorch/executorch, examples/arm/pruning_minimal_example.ipynb."""
    ethos = device("cortex_m55_ethos_u55")
    (dense_s, _), dense = _run(_mlp(), ethos, "ethos_u", 0)
    (pruned_s, _), pruned = _run(_mlp(), ethos, "ethos_u", 0.95)
    read = _bytes(pruned) / _bytes(dense)
    assert read == pytest.approx(46.12 / 522.50, rel=0.1)
    assert dense_s / pruned_s > 3  # "over 3x" on an Ethos-U85 of the same array
    assert not any("make no kernel faster" in note for note in pruned.notes)


def test_a_decoder_gains_nothing_where_the_array_is_the_limit():
    """The array multiplies zeros: convolutions that use each weight often stay as slow."""
    ethos = device("cortex_m55_ethos_u55")
    builder = GraphBuilder("wide")
    x = builder.input("image", (1, 64, 48, 48))
    graph = builder.finish(builder.add("Conv", [x, builder.weight("c.weight", (64, 64, 3, 3))], {"pads": 1}, name="c"))
    (dense_s, dense_j), dense = _run(graph, ethos, "ethos_u", 0)
    (pruned_s, pruned_j), pruned = _run(graph, ethos, "ethos_u", 0.9)
    assert pruned_s == pytest.approx(dense_s, rel=0.02) and pruned_j <= dense_j
    assert pruned.macs == dense.macs


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.9])
def test_a_unit_of_ones_own_that_leaves_out_zeros_is_faster_by_them_up_to_its_limit(share):
    """``sparsity: {zero_skipping: 3}`` in a device file: at most three times as fast."""
    plain = device("cortex_m55_ethos_u55")
    npu = plain.units["npu"].model_copy(update={"sparsity": {"zero_skipping": Figure(3.0, source="none", kind="estimated", note="a test")}})
    skipping = plain.model_copy(update={"units": {**plain.units, "npu": npu}})
    none = plain.model_copy(update={"units": {**plain.units, "npu": npu.model_copy(update={"sparsity": {}})}})
    builder = GraphBuilder("wide")
    x = builder.input("image", (1, 64, 48, 48))
    graph = builder.finish(builder.add("Conv", [x, builder.weight("c.weight", (64, 64, 3, 3))], {"pads": 1}, name="c"))
    (slow_s, _), said = _run(graph, none, "ethos_u", share)
    (fast_s, _), silent = _run(graph, skipping, "ethos_u", share)
    cycles = [max(float(segment.costs.compute_cycles.max()) for segment in program.segments) for program in (said, silent)]
    assert cycles[0] / cycles[1] == pytest.approx(min(1 / (1 - share), 3), rel=0.01)
    assert 1.2 < slow_s / fast_s < min(1 / (1 - share), 3)  # what surrounds the products stays
    assert "pruned weights make no kernel faster on npu: it multiplies zeros too" in said.notes
    assert not any("make no kernel faster" in note for note in silent.notes)
