"""JSON of ONNX Runtime, trtexec, AI Hub and benchmark_app; made up in their formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sim.measurements import Readings

Read = Callable[..., Readings]


def run(microseconds: float) -> dict[str, Any]:
    return {"cat": "Session", "pid": 1, "tid": 1, "dur": microseconds, "ts": 0, "ph": "X", "name": "model_run", "args": {}}


def node(name: str, microseconds: float, kind: str = "Conv", provider: str = "CPUExecutionProvider", **args: Any) -> dict[str, Any]:
    event = {"cat": "Node", "pid": 1, "tid": 1, "dur": microseconds, "ts": 0, "ph": "X", "name": f"{name}_kernel_time"}
    return {**event, "args": {"op_name": kind, "provider": provider, "node_index": "0", **args}}


LOADING = {"cat": "Session", "dur": 90000, "ts": 0, "ph": "X", "name": "model_loading_uri", "args": {}}
PROFILE = [LOADING, *(event for time in (9000, 4000, 4200, 4100) for event in (node("conv1", time - 500), node("relu1", 400, "Relu"), run(time)))]
AIHUB = {
    "execution_summary": {"estimated_inference_time": 2250, "all_inference_times": [2250, 2300], "estimated_inference_peak_memory": 10},
    "execution_detail": [
        {"name": "conv", "type": "Conv2d", "compute_unit": "NPU", "execution_time": 2000, "execution_cycles": 10},
        {"name": "add", "type": "Add", "compute_unit": "NPU", "execution_time": 0},
        {"name": "topk", "type": "TopK", "compute_unit": "CPU", "execution_time": 100},
    ],
}
TIMES = [{"startEnqMs": 0, "startComputeMs": 1, "endComputeMs": 3, "h2dMs": 0.1, "computeMs": 2.0, "latencyMs": value} for value in (2.5, 2.3, 2.4)]
LAYERS = [{"count": 100}, {"name": "conv", "timeMs": 120, "averageMs": 1.2, "percentage": 60}, {"name": "fc", "timeMs": 80, "averageMs": 0.8}]
REPORT = {
    "cmd_options": {"m": "/models/net.xml", "d": "CPU", "nireq": "1"},
    "configuration_setup": {"topology": "net", "target_device": "CPU"},
    "execution_results": {"latency_median": 7.5, "throughput": 130},
}


def test_onnxruntime_takes_the_median_of_the_warm_runs(read: Read) -> None:
    found = read(json.dumps(PROFILE), "runs/net_2025-01-02_10-20-30.json")
    (row,) = found.measurements
    assert (row.model, row.unit, row.runtime) == ("net", "cpu", "onnxruntime")
    assert row.seconds == pytest.approx(4.1e-3)
    assert [(op.name, op.type, op.unit) for op in row.operators] == [("conv1", "Conv", "cpu"), ("relu1", "Relu", "cpu")]
    assert [op.seconds for op in row.operators] == pytest.approx([3.6e-3, 0.4e-3])


def test_onnxruntime_profiler_s_own_time_is_said_where_it_matters(read: Read) -> None:
    events = [event for time in (900, 800) for event in (*(node(f"n{i}", 5) for i in range(100)), run(time))]
    assert "3 to 4 us a node" in read(json.dumps(events)).warnings[0].what
    assert not read(json.dumps(PROFILE)).warnings


def test_onnxruntime_threads_and_accelerators(read: Read) -> None:
    stats = {"main_thread": {"thread_pool_name": "intra-op"}, "sub_threads": {"1": {}, "2": {}, "3": {}}}
    assert read(json.dumps([run(900), node("a", 500, thread_scheduling_stats=stats), run(800)])).measurements[0].threads == 4
    row = read(json.dumps([run(900), node("a", 500, provider="QNNExecutionProvider"), run(800)])).measurements[0]
    assert (row.unit, row.threads) == ("npu", None)


def test_onnxruntime_without_an_inference_or_with_one(read: Read) -> None:
    assert "no event 'model_run'" in read(json.dumps([LOADING])).problems[0].what
    assert "one inference only" in read(json.dumps([node("a", 1), run(900)])).warnings[0].what
    bad = read(json.dumps([run(-5), run(100)]))
    assert bad.problems[0].path.startswith("[0].dur") and "not a positive" in bad.problems[0].what


def test_a_profile_cut_off_is_damaged_json_with_its_place(read: Read) -> None:
    text = json.dumps(PROFILE, indent=1)
    found = read(text[: len(text) // 2])
    assert not found.measurements and "damaged JSON" in found.problems[0].what and found.problems[0].line > 1


def test_aihub_job(read: Read) -> None:
    found = read(json.dumps(AIHUB), "mobilenet_v2.json")
    (row,) = found.measurements
    assert (row.model, row.unit, row.seconds) == ("mobilenet_v2", "npu", pytest.approx(2.25e-3))
    assert [(op.name, op.unit) for op in row.operators] == [("conv", "npu"), ("add", "npu"), ("topk", "cpu")]
    assert "split between units (2 on npu, 1 on cpu)" in found.warnings[0].what


def test_aihub_jobs_in_a_list_with_names(read: Read) -> None:
    jobs = [{**AIHUB, "model_name": name, "target_runtime": "qnn_dlc", "precision": "w8a8"} for name in ("a", "b")]
    rows = read(json.dumps(jobs)).measurements
    assert [(row.model, row.runtime, row.precision) for row in rows] == [("a", "qnn", "int8"), ("b", "qnn", "int8")]
    assert read(json.dumps({**AIHUB, "precision": "float"})).measurements[0].precision == "float16"


def test_aihub_results_of_another_version_or_of_a_failure(read: Read) -> None:
    found = read(json.dumps({"execution_summary": {"inference_time_ms": 2.25}}))
    assert found.problems[0].path == "execution_summary" and "estimated_inference_time" in found.problems[0].what
    assert "not a positive" in read(json.dumps({"execution_summary": {"estimated_inference_time": 0}})).problems[0].what
    assert "not a finite" in read('{"execution_summary": {"estimated_inference_time": NaN}}').problems[0].what


def test_trtexec_times_and_layers(read: Read) -> None:
    assert read(json.dumps(TIMES), "net.json").measurements[0].seconds == pytest.approx(2.4e-3)
    found = read(json.dumps(LAYERS), "net.json")
    assert found.measurements[0].seconds == pytest.approx(2e-3) and [op.name for op in found.measurements[0].operators] == ["conv", "fc"]
    older = [{key: value for key, value in layer.items() if key != "averageMs"} for layer in LAYERS]
    assert read(json.dumps(older)).measurements[0].seconds == pytest.approx(2e-3)
    assert "holds no times" in read(json.dumps({"Layers": [{"Name": "conv"}], "Bindings": []})).problems[0].what


def test_openvino_json(read: Read) -> None:
    (row,) = read(json.dumps(REPORT)).measurements
    assert (row.model, row.unit, row.runtime, row.seconds) == ("net", "cpu", "openvino", pytest.approx(7.5e-3))
    assert "waiting" in read(json.dumps({**REPORT, "cmd_options": {"nireq": "8"}})).warnings[0].what
    assert read(json.dumps({"execution_results": {"throughput": 3}})).problems[0].path == "execution_results"


@pytest.mark.parametrize("text", ["[]", "{}", "[1, 2]", '{"a": {"b": []}}', "[[[[]]]]", "null", "[" * 100_000, '{"dur": 1' + "0" * 5000 + "}"])
def test_json_of_something_else_is_one_mistake(read: Read, text: str) -> None:
    found = read(text)
    assert not found.measurements and len(found.problems) == 1


@pytest.mark.parametrize(
    ("data", "name"),
    [(PROFILE, "onnxruntime"), (AIHUB, "ai_hub"), ([AIHUB], "ai_hub"), (TIMES, "trtexec_json"), (LAYERS, "trtexec_json"), (REPORT, "openvino_report")],
)
def test_formats_are_told_by_content(format_of: Callable[[str], str | None], data: Any, name: str) -> None:
    assert format_of(json.dumps(data)) == name
