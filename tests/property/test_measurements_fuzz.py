"""Damaged and hostile measurement files end in readings with mistakes: never another exception, a hang or an unusable number."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.measurements import Readings, read_measurements
from sim.measurements.formats import read_text_source
from sim.measurements.source import text_source

SEEDS = [
    "model,precision,threads,unit,runtime,ms\nnet,fp16,4,cpu,ncnn,12.5\nnet,int8,1,cpu,ncnn,7\n",
    "model;latency (ms)\nnet;12,5\n",
    "STARTING!\nNum threads: [4]\nGraph: [/d/net.tflite]\nInference timings in us: Init: 1, First inference: 2, Warmup (avg): 3, Inference (avg): 4\n"
    "Operator-wise Profiling Info for Regular Benchmark Runs:\n===== Run Order =====\n"
    "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n\tCONV_2D\t1.0\t1.0\t66%\t66%\t0\t1\t[a]:0\n\n",
    "===== Run Order =====\nnode type, start, first, avg_ms, %, cdf%, mem KB, times called, name\nCONV_2D, 0, 0.1, 0.5, 44%, 44%, 0, 1, [a]:0\n",
    "loop_count = 8\nnum_threads = 2\npowersave = 0\ngpu_device = -1\n squeezenet  min =   11.66  max =   12.00  avg =   11.74\n",
    "&&&& RUNNING TensorRT.trtexec # trtexec --onnx=/m/net.onnx\n"
    "[I] Latency: min = 2 ms, max = 3 ms, mean = 2 ms, median = 2 ms\n[I] GPU Compute Time: min = 2 ms, median = 2 ms",
    "topology;net\nnumber of parallel infer requests;4\nExecution results\nlatency (ms);12.25\n",
    "[Step 2/11] OpenVINO\n[ INFO ] Latency:\n[ INFO ]    Median:        20.76 ms\n",
    "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)\nconv;EXECUTED;Convolution;jit;1.2;1.2\nTotal;;;;1;1\n",
    "MLPerf Results Summary\nScenario : SingleStream\nResult is : VALID\n50.00 percentile latency (ns)   : 11000000\n",
    '[{"cat":"Session","dur":10,"name":"model_run"},{"cat":"Node","dur":5,"name":"a_kernel_time","args":{"op_name":"Conv","provider":"CPUExecutionProvider"}}]',
    '{"execution_summary":{"estimated_inference_time":2250},"execution_detail":[{"name":"c","type":"C","compute_unit":"NPU","execution_time":5}]}',
    '[{"startComputeMs":1,"computeMs":2.0,"latencyMs":2.5}]',
    '[{"count":10},{"name":"conv","timeMs":12,"averageMs":1.2}]',
    '{"execution_results":{"latency_median":7.5},"configuration_setup":{"topology":"net"}}',
]
ODD = [
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "NaN",
    "9" * 400,
    "null",
    "true",
    "[]",
    "{}",
    '"',
    "\x00",
    "\ud7ff",
    "\t",
    ";",
    ",",
    "=",
    "é",
    "\u2028",
    "{",
    "[",
    "0x10",
    "1_000",
]


def check(found: Readings) -> None:
    """A file gives a latency or a mistake, and every latency is a usable number."""
    assert found.measurements or found.problems
    for row in found.measurements:
        assert math.isfinite(row.seconds) and row.seconds > 0 and isinstance(row.model, str)
        assert row.threads is None or row.threads >= 1
        assert all(math.isfinite(op.seconds) and op.seconds >= 0 for op in row.operators)
    for problem in (*found.problems, *found.warnings):
        assert problem.what and problem.line >= 0 and len(str(problem)) < 5000


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    check(read_text_source(text_source("any", text)))


@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_damaged_files(text: str, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(text) + 1)
        stop = min(len(text), start + dice.randint(0, 12))
        text = text[:start] + dice.choice(ODD) + text[stop:]
    check(read_text_source(text_source("damaged", text)))


@given(st.sampled_from(SEEDS), st.sampled_from(SEEDS))
def test_files_of_two_formats_put_together(first: str, second: str) -> None:
    check(read_text_source(text_source("both", first + second)))


KEYS = [
    *("name", "cat", "dur", "args", "provider", "thread_scheduling_stats", "sub_threads", "computeMs", "averageMs", "count", "Layers"),
    *("execution_summary", "execution_detail", "estimated_inference_time", "compute_unit", "execution_results", "cmd_options", "latency_median"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)


@given(json_values)
def test_any_json(data: object) -> None:
    import json

    check(read_text_source(text_source("any.json", json.dumps(data))))


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"\x00\x01\x02\x80", b"\x89PNG\r\n", b"", "modèle,ms\nnet,3\n".encode("latin-1")])
def test_files_that_are_no_text(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(raw)
    found = read_measurements([path, tmp_path, tmp_path / "absent"])
    assert not found.measurements and len({problem.file for problem in found.problems}) == 3


def test_what_powershell_writes_is_text(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes("model,ms\nnet,3\n".encode("utf-16"))
    assert read_measurements([path]).measurements[0].seconds == pytest.approx(3e-3)
