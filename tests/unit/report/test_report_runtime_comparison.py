"""One model under several runtimes: where the partitions differ and why."""

from __future__ import annotations

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.frontends.zoo import build
from sim.report.quantities import described
from sim.report.runtime_comparison import compare_runtimes


def test_the_edge_tpu_takes_the_first_part_only() -> None:
    """HardSwish is not among its operators: everything behind the first one runs on the CPU, for one stated reason."""
    graph, device = build("mobilenet_v3_large"), load_device("coral_dev_board")
    programs = {name: compile_model(graph, device, runtime=name, precision="int8") for name in ("edgetpu", "tflite")}
    found = compare_runtimes(graph, programs, device, {})
    assert [segment.unit for segment in programs["edgetpu"].segments] == ["npu", "cpu"]
    assert [(row.units["edgetpu"], row.units["tflite"], row.differs) for row in found.partitions] == [("npu", "cpu", True), ("cpu", "cpu", False)]
    assert "HardSwish is not supported by Edge TPU" in found.partitions[1].reasons["edgetpu"]
    assert found.partitions[1].reasons["edgetpu"].count("comes after") == 1
    assert sum(row.operators_count for row in found.partitions) == len(graph.ops)
    (fallback,) = found.fallbacks
    assert fallback.runtime == "edgetpu" and fallback.kernels_count == found.rows[0].fallbacks_count == found.rows[0].units_kernels_count["cpu"]
    described(found)


def test_fusion_differs_as_the_runtimes_do() -> None:
    graph, device = build("resnet18"), load_device("raspberry_pi_5")
    programs = {name: compile_model(graph, device, runtime=name, precision="float32") for name in ("tflite", "onnxruntime", "ncnn")}
    rows = {row.operator: row for row in compare_runtimes(graph, programs, device, {}).fusions}
    assert rows["Add"].kernels_count == {"tflite": 8, "onnxruntime": 0, "ncnn": 8}
    assert rows["Add"].inside_count == {"tflite": 0, "onnxruntime": 8, "ncnn": 0}


def test_the_same_runtime_twice_differs_nowhere() -> None:
    graph, device = build("mobilenet_v2"), load_device("raspberry_pi_5")
    program = compile_model(graph, device, runtime="tflite", precision="float32")
    found = compare_runtimes(graph, {"a": program, "b": program}, device, {"c": "why"})
    assert not found.fusions and not any(row.differs for row in found.partitions) and found.refused == {"c": "why"}
