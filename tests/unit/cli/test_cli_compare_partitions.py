"""The table of partitions of ``edgesim compare``."""

from __future__ import annotations

from typing import Any

from sim.cli.compare_partitions import partition_rows


def _result(runtime: str, units: dict[str, int], fallbacks: dict[str, int], entries_s: float = 0.0) -> dict[str, Any]:
    model = {
        "runtime": runtime,
        "units_kernels": {unit: {"value": count, "unit": "1"} for unit, count in units.items()},
        "segments": {"value": len(units), "unit": "1"},
        "fallbacks": {why: {"value": count, "unit": "1"} for why, count in fallbacks.items()},
        "fallback_units": {why: ["cpu"] for why in fallbacks},
        "entries": {"value": entries_s, "unit": "s"},
    }
    return {"metrics": {"models": {"m": model}}}


def test_nothing_is_said_of_models_placed_alike() -> None:
    same = _result("tflite", {"cpu": 4}, {})
    assert partition_rows({"A": same, "B": same}) == []


def test_units_crossings_and_reasons_of_each() -> None:
    one, other = _result("tflite", {"cpu": 4}, {}), _result("qnn", {"npu": 3, "cpu": 1}, {"Softmax is not supported": 1}, 2e-3)
    assert partition_rows({"A": one, "B": other}) == [
        ["m", "A", "tflite", "cpu 4", "1", "first choice"],
        ["m", "B", "qnn", "npu 3, cpu 1", "2, entered in 2 ms", "1 to cpu: Softmax is not supported"],
    ]


def test_results_of_older_versions_are_read() -> None:
    old, new = _result("qnn", {"npu": 3}, {"Softmax": 1}), _result("tflite", {"cpu": 4}, {})
    del old["metrics"]["models"]["m"]["entries"], old["metrics"]["models"]["m"]["fallback_units"]
    assert partition_rows({"A": old, "B": new})[0][-2:] == ["1", "Softmax"]
