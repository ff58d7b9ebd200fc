"""Compiling: segments, their order and reasons, weights, notes, errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device_models.compute import kernel_seconds
from device_models.work import DType
from sim.compiler import compile_code, compile_model
from sim.errors import EdgesimError, ModelError
from sim.graph.builder import GraphBuilder
from sim.graph.work import total_macs
from sim.scenario.model import Placement
from sim.scenario.stages import CodeWork

NPU = Placement(prefer=("npu",))


def seconds(program, device):
    """Kernels and entries of a program, one after the other."""
    hz = {name: float(device.domains[unit.domain].operating_points[-1].frequency_hz) for name, unit in device.units.items()}
    return sum(segment.entry_s + float(kernel_seconds(segment.costs, hz[segment.unit]).sum()) for segment in program.segments)


def test_a_supported_network_is_one_segment(phone, chain):
    graph = chain()
    program = compile_model(graph, phone, runtime="tflite", placement=NPU)
    assert [(segment.unit, segment.first, segment.stop, segment.after, segment.why) for segment in program.segments] == [("npu", 0, 6, (), "first choice")]
    assert program.kernels.labels == ("Conv+Relu",) * 6
    assert program.macs == total_macs(graph)
    assert program.parameters == graph.parameters()
    assert program.weights_bytes == graph.stored_bytes()
    assert program.model == "chain"
    assert program.runtime == "tflite"


def test_the_runtime_prefers_when_the_scenario_does_not(phone, chain):
    assert compile_model(chain(), phone, runtime="tflite").segments[0].unit == "cpu_big"  # the stronger cluster, not the first
    assert compile_model(chain(), phone, runtime="qnn").segments[0].unit == "npu"
    assert compile_model(chain(), phone).runtime == "tflite"  # the device's first


def test_an_unsupported_operator_falls_back_with_its_reason(phone, chain):
    program = compile_model(chain("", "CumSum"), phone, runtime="tflite", placement=NPU)
    assert [segment.unit for segment in program.segments] == ["npu", "cpu_big", "npu"]
    assert [segment.after for segment in program.segments] == [(), (0,), (1,)]
    assert program.segments[1].why == "fallback: CumSum is not supported by vendor delegate"
    assert "1 of 7 kernels in 1 segments fall back: CumSum" in program.notes[0]


def test_a_number_format_can_be_the_reason(phone, chain):
    program = compile_model(chain(), phone, runtime="qnn", precision="w8a16")
    assert {segment.unit for segment in program.segments} == {"cpu_big"}
    assert "i16 is not supported by the hardware of npu" in program.segments[0].why


def test_a_partition_below_the_minimum_stays_on_the_cpu(phone, chain):
    program = compile_model(chain("CumSum", "CumSum", blocks=2), phone, runtime="tflite", placement=NPU)
    assert {segment.unit for segment in program.segments} == {"cpu_big"}
    assert "takes partitions of at least 2 operators, this one has 1" in program.segments[0].why


def test_a_delegate_with_one_partition_takes_the_largest(phone, chain):
    program = compile_model(chain("", "", "CumSum", blocks=8), phone, runtime="tflite", placement=Placement(prefer=("gpu",)))
    assert [(segment.unit, len(segment)) for segment in program.segments] == [("cpu_big", 4), ("gpu", 5)]
    assert "takes at most 1 partitions" in program.segments[0].why


def test_the_edge_tpu_takes_the_first_part_only(phone, chain):
    program = compile_model(chain("", "", "CumSum"), phone, runtime="edgetpu", precision="int8")
    assert [(segment.unit, len(segment)) for segment in program.segments] == [("npu", 3), ("cpu_big", 4)]
    assert "ends the mapped part" in program.segments[1].why


def test_every_kernel_runs_once_and_after_its_inputs(phone, chain):
    program = compile_model(chain("CumSum", "", "Softmax", "CumSum"), phone, runtime="qnn")
    assert sum(len(segment) for segment in program.segments) == len(program.kernels.names) == len(set(program.kernels.names))
    assert [segment.first for segment in program.segments] == [0, *(segment.stop for segment in program.segments[:-1])]
    made = {name: position for position, op_name in enumerate(program.kernels.names) for op in program.graph.ops if op.name == op_name for name in op.outputs}
    for op in program.graph.ops:
        for name in op.all_inputs:
            if name in made and op.name in program.kernels.names:
                assert made[name] < program.kernels.names.index(op.name)


def test_independent_branches_on_two_units_wait_for_what_they_need(phone):
    b = GraphBuilder("branches")
    x = b.input("x", (1, 16, 32, 32))
    left = b.add("Conv", [x, b.weight("w", (16, 16, 3, 3))], {"pads": 1}, name="left")
    right = b.add("Conv", [x, b.weight("v", (16, 16, 3, 3))], {"pads": 1}, name="right")
    graph = b.finish(b.add("Concat", [left, right], {"axis": 1}, name="join"))
    program = compile_model(graph, phone, runtime="qnn", placement=Placement(prefer=("npu",), fixed={"right": "cpu"}))
    assert [(segment.unit, segment.after) for segment in program.segments] == [("npu", ()), ("cpu_big", ()), ("npu", (0, 1))]
    assert program.segments[1].why == "fixed by 'right'"


def test_views_have_no_kernel_and_no_buffer(phone):
    b = GraphBuilder("views")
    y = b.add("Relu", [b.input("x", (1, 4, 4))])
    graph = b.finish(b.add("Dense", [b.add("Reshape", [y], {"shape": (1, 16)}), b.weight("w", (3, 16))]))
    program = compile_model(graph, phone, runtime="tflite")
    assert program.kernels.labels == ("Relu", "Dense")
    assert {buffer.tensor for buffer in program.plan.buffers} == {"x", "relu", "dense"}
    assert ("reshape", "relu") in program.plan.shares


def test_threads_and_cores(phone, chain):
    one, two, many = (compile_model(chain(), phone, runtime="tflite", threads=threads) for threads in (1, 2, 64))
    assert [program.segments[0].cores for program in (one, two, many)] == [1, 2, 4]
    assert seconds(one, phone) > seconds(two, phone) > seconds(many, phone)


def test_more_work_takes_longer(phone, chain):
    for runtime in ("tflite", "qnn", "ncnn"):
        times = [seconds(compile_model(chain(channels=channels), phone, runtime=runtime), phone) for channels in (16, 64, 256)]
        assert times == sorted(times)
        times = [seconds(compile_model(chain(blocks=blocks), phone, runtime=runtime), phone) for blocks in (2, 4, 8)]
        assert times == sorted(times)


def test_lower_precision_stores_less(phone, chain):
    precisions = ("float32", "float16", "int8", "int4")
    sizes = [compile_model(chain(channels=64), phone, runtime="tflite", precision=precision).weights_bytes for precision in precisions]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] == sizes[0] / 2


def test_loading_reads_the_file_and_prepares_the_units(phone, chain):
    program = compile_model(chain(), phone, runtime="tflite", placement=NPU)
    assert program.storage_bytes == pytest.approx(program.weights_bytes * 1.02)
    assert program.load_s == pytest.approx(program.storage_bytes / 1e9 + 0.005 + 0.5 + 6 * 0.005)
    on_cpu = compile_model(chain(), phone, runtime="tflite")
    assert on_cpu.first_inference_s == pytest.approx(0.5 * seconds(on_cpu, phone))


def test_storage_is_the_size_of_the_file_until_the_runtime_converts_it(phone, chain):
    graph = chain()
    graph.notes["structure_bytes"] = 12_345
    assert compile_model(graph, phone, runtime="tflite").storage_bytes == graph.stored_bytes() + 12_345
    converted = compile_model(graph, phone, runtime="tflite", precision="float16")
    assert converted.storage_bytes == pytest.approx(converted.weights_bytes * 1.02)


def test_what_does_not_fit_is_noted(phone, chain):
    graph = chain()
    assert not any("does not fit" in note for note in compile_model(graph, phone, runtime="tflite").notes)
    graph.notes["structure_bytes"] = 2 * float(phone.storage.capacity_bytes)
    assert compile_model(graph, phone, runtime="tflite").notes[0].startswith("does not fit into the storage of test_phone: ")


def test_live_bytes_never_exceed_the_arena(phone, chain):
    program = compile_model(chain(), phone, runtime="tflite")
    work = program.kernels.work
    assert work.live_bytes.max() == program.plan.lower_bound_bytes <= program.plan.arena_bytes
    assert np.all(work.live_bytes[1:] >= work.in_bytes[1:])


def test_the_longest_chain_is_marked(phone):
    b = GraphBuilder("paths")
    x = b.input("x", (1, 8, 8, 8))
    long = b.add("Tanh", [b.add("Sigmoid", [b.add("Exp", [x])])])
    short = b.add("Sin", [x])
    program = compile_model(b.finish(b.add("Concat", [long, short], {"axis": 1})), phone, runtime="tflite")
    on_path = dict(zip(program.kernels.names, program.kernels.work.on_longest_path.tolist(), strict=True))
    assert on_path == {"exp": True, "sigmoid": True, "tanh": True, "sin": False, "concat": True}


def test_a_kv_cache_is_state_and_not_activation(phone):
    b = GraphBuilder("cache")
    cache = b.tensor("cache", (1, 2, 64, 16), role="state")
    keys = b.add("CacheAppend", [cache, b.input("new", (1, 2, 1, 16))], {"length": 32})
    graph = b.finish(b.add("MatMul", [b.input("q", (1, 2, 1, 16)), keys], {"transpose_b": True}))
    program = compile_model(graph, phone, runtime="tflite")
    assert program.state_bytes == 2 * 64 * 16 * 4
    assert program.kernels.labels == ("CacheAppend", "MatMul")
    assert keys not in {buffer.tensor for buffer in program.plan.buffers}


def test_notes_name_the_calibration_and_uncovered_kinds(phone):
    b = GraphBuilder("odd")
    y = b.add("Generic", [b.input("x", (1, 8))], {"original": "Odd"}, shapes=[((1, 8), b.dtype)])
    program = compile_model(b.finish(y), phone, runtime="tflite")
    assert "kernels of kinds outside the calibration: 1 data" in program.notes
    assert "cpu_big: zero-shot" in program.notes


def test_an_operator_that_runs_nowhere_is_an_error_that_names_it(phone):
    b = GraphBuilder("net")
    graph = b.finish(b.add("Add", [b.input("x", (4,), b.dtype.F64), b.input("y", (4,), b.dtype.F64)], name="sum"))
    with pytest.raises(ModelError, match=r"operator sum \(Add\) runs on no unit of test_phone under tensorrt: gpu: Add in f64"):
        compile_model(graph, phone, runtime="tensorrt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tflit"}, "did you mean 'tflite'"),
        ({"runtime": "llama_cpp"}, "does not exist for test_phone; its runtimes: tflite"),
        ({"runtime": "qnn", "precision": "w4g128"}, "qnn makes no w4g128 models"),
        ({"placement": Placement(prefer=("npu0",))}, "no unit 'npu0'; did you mean 'npu'"),
        ({"placement": Placement(fixed={"nothing*": "cpu"})}, "no operator is named like 'nothing"),
        ({"placement": Placement(fixed={"cumsum": "npu"})}, "placement fixes cumsum on npu: CumSum is not supported"),
        ({"placement": Placement(fixed={"cumsum": "dsp"})}, "placement fixes cumsum on dsp, which test_phone does not have"),
    ],
)
def test_mistakes_are_explained(phone, chain, options, message):
    with pytest.raises(EdgesimError, match=message):
        compile_model(chain("CumSum"), phone, **options)


def test_a_graph_of_views_alone_is_refused(phone):
    b = GraphBuilder("views")
    with pytest.raises(ModelError, match="nothing to run"):
        compile_model(b.finish(b.add("Reshape", [b.input("x", (4,))], {"shape": (2, 2)})), phone)


def test_compiling_twice_gives_the_same(phone, chain):
    graph = chain("CumSum", "", "Softmax")
    one, two = (compile_model(graph, phone, runtime="qnn", placement=Placement(policy="heft")) for _ in range(2))
    assert one.plan == two.plan
    assert [str(replace(segment, costs=None)) for segment in one.segments] == [str(replace(segment, costs=None)) for segment in two.segments]


def test_user_code_is_one_kernel(phone):
    program = compile_code(CodeWork(operations=2e6, bytes="1 MB"), "cpu", phone, "pre")
    assert program.kernels.labels == ("Code",)
    work = program.kernels.work
    assert work.macs[0] == 2e6
    assert work.in_bytes[0] + work.out_bytes[0] == 1e6
    assert program.segments[0].unit == "cpu_big"  # the strongest of its kind
    assert compile_code(CodeWork(operations=1), "cpu_little", phone, "pre").segments[0].unit == "cpu_little"
    with pytest.raises(EdgesimError, match="has no unit 'dsp'"):
        compile_code(CodeWork(), "dsp", phone, "pre")


def test_a_unit_without_float32_computes_float32_networks_in_float16(phone, chain):
    graph = chain()
    on_npu = compile_model(graph, phone, runtime="qnn")
    on_cpu = compile_model(graph, phone, runtime="tflite")
    np.testing.assert_allclose(on_npu.kernels.work.weight_bytes, on_cpu.kernels.work.weight_bytes / 2)
    np.testing.assert_allclose(on_npu.kernels.work.in_bytes, on_cpu.kernels.work.in_bytes / 2)
    assert set(on_npu.kernels.work.dtype.tolist()) == {DType.F16}
    assert set(on_cpu.kernels.work.dtype.tolist()) == {DType.F32}
    assert on_npu.weights_bytes == on_cpu.weights_bytes  # the file is what it is


def test_a_kind_that_is_preferred_but_absent_is_noted(phone, chain):
    program = compile_model(chain(), phone, runtime="ncnn", placement=Placement(prefer=("npu", "gpu")))
    assert program.segments[0].unit == "gpu"
    assert any("no npu that ncnn uses" in note for note in program.notes)
