"""A profile that ONNX Runtime really writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim.measurements import read_measurements

ort = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
RUNS = 6


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product"), helper.make_node("Softmax", ["y"], ["z"], name="shares")],
        "small",
        [helper.make_tensor_value_info("x", kind, [64, 64])],
        [helper.make_tensor_value_info("z", kind, [64, 64])],
        [onnx.numpy_helper.from_array(np.ones((64, 64), dtype=np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "small")
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for _ in range(RUNS):
        session.run(None, {"x": np.zeros((64, 64), dtype=np.float32)})
    return Path(session.end_profiling())


def test_its_own_profile_is_read(profile: Path) -> None:
    found = read_measurements([profile])
    assert not found.problems
    (row,) = found.measurements
    assert (row.model, row.unit, row.runtime) == ("small", "cpu", "onnxruntime")
    events = json.loads(profile.read_text(encoding="utf-8"))
    runs = [event["dur"] for event in events if event["name"] == "model_run"]
    assert len(runs) == RUNS and row.seconds == pytest.approx(np.median(runs[1:]) * 1e-6)
    assert {operator.type for operator in row.operators} == {"MatMul", "Softmax"} and {operator.unit for operator in row.operators} == {"cpu"}
    assert sum(operator.seconds for operator in row.operators) < row.seconds
