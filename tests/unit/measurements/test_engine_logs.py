"""What benchmark_model, benchncnn, trtexec, benchmark_app and LoadGen print; the texts here are made up in their formats."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.measurements import Readings

Read = Callable[..., Readings]

TFLITE = """\
STARTING!
Log parameter values verbosely: [0]
Num threads: [4]
Graph: [/data/local/tmp/net_a.tflite]
Enable op profiling: [1]
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
count=50 first=9001 curr=9002 min=8990 max=9100 avg=9010 std=5

Inference timings in us: Init: 2000, First inference: 20000, Warmup (avg): 1.2e+04, Inference (avg): 9012.5
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t         AllocateTensors\t    1.000\t    1.000\t100.000%\t100.000%\t     0.000\t        1\tAllocateTensors/0

Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 CONV_2D\t    6.100\t    6.000\t 66.000%\t 66.000%\t     0.000\t        1\t[net/conv, first]:0
\t                 SOFTMAX\t    3.100\t    3.000\t 34.000%\t100.000%\t     0.000\t        1\t[net/softmax]:1

============================== Top by Computation Time ==============================
"""
PROFILE_CSV = """\
Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
CONV_2D, 0, 0.11, 0.5, 44.9%, 44.9%, 0, 1, [net/conv]:0
SOFTMAX, 0.5, 0.03, 0.25, 14.5%, 59.4%, 0, 1, [net/softmax]:1

"""
NCNN = """\
loop_count = 8
num_threads = 2
powersave = 0
gpu_device = -1
cooling_down = 1
          squeezenet  min =   11.66  max =   12.00  avg =   11.74
     squeezenet_int8  min =    9.50  max =    9.90  avg =    9.60
loop_count = 8
num_threads = 1
powersave = 2
gpu_device = 0
          squeezenet  min =    3.25  max =    4.00  avg =    3.50
"""
TRTEXEC = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # /usr/src/tensorrt/bin/trtexec --onnx=/models/net_b.onnx --fp16
[01/02/2025-10:00:00] [I] === Model Options ===
[01/02/2025-10:00:00] [I] === Performance summary ===
[01/02/2025-10:00:00] [I] Throughput: 400.5 qps
[01/02/2025-10:00:00] [I] Latency: min = 2.40 ms, max = 2.90 ms, mean = 2.52 ms, median = 2.50 ms, percentile(90%) = 2.60 ms
[01/02/2025-10:00:00] [I] Enqueue Time: min = 0.5 ms, max = 0.9 ms, mean = 0.52 ms, median = 0.51 ms
[01/02/2025-10:00:00] [I] GPU Compute Time: min = 2.30 ms, max = 2.80 ms, mean = 2.42 ms, median = 2.41 ms
"""
OPENVINO_CSV = """\
Command line parameters
m;/models/net_c.xml
d;CPU
api;async

Configuration setup
topology;net_c
target device;CPU
number of parallel infer requests;1

Execution results
read model time (ms);10.5
first inference time (ms);30
latency (ms);12.25
throughput;81.6
"""
OPENVINO_CONSOLE = """\
benchmark_app -m /models/net_d.onnx -d GPU -api sync
[Step 2/11] Loading OpenVINO Runtime
[ INFO ] OpenVINO:
[Step 10/11] Measuring performance (Start inference asynchronously, 4 inference requests, limits: 10000 ms duration)
[ INFO ] First inference took 14.61 ms
[Step 11/11] Dumping statistics report
[ INFO ] Execution Devices:['GPU.0']
[ INFO ] Latency:
[ INFO ]    Median:        20.76 ms
[ INFO ]    Average:       23.91 ms
"""
COUNTERS = """\
layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)
conv;EXECUTED;Convolution;jit_avx512;1.250;1.250
relu;OPTIMIZED_OUT;ReLU;none;0.000;0.000
softmax;Status.EXECUTED;SoftMax;ref;0.250;0.250
Total;;;;1.500;1.500

"""
LOADGEN = """\
================================================
MLPerf Results Summary
================================================
SUT name : PySUT
Scenario : SingleStream
Mode     : PerformanceOnly
90th percentile latency (ns) : 12000000
Result is : INVALID
  Min duration satisfied : NO
================================================
Additional Stats
================================================
Mean latency (ns)               : 11500000
50.00 percentile latency (ns)   : 11000000
"""


def test_a_benchmark_model_log_with_its_operators(read: Read) -> None:
    (row,) = read(TFLITE, "log.txt").measurements
    assert (row.model, row.threads, row.unit, row.runtime) == ("net_a", 4, "cpu", "tflite")
    assert row.seconds == pytest.approx(9012.5e-6) and row.line == 9
    assert [(op.name, op.type, op.seconds) for op in row.operators] == [("[net/conv, first]:0", "CONV_2D", 6e-3), ("[net/softmax]:1", "SOFTMAX", 3e-3)]


def test_several_runs_in_one_log_and_the_prefix_of_logcat(read: Read) -> None:
    other = TFLITE.replace("net_a", "net_b").replace("Enable op profiling: [1]", "Use gpu: [1]").replace("9012.5", "1000")
    text = "".join(f"I tflite  : {line}\n" for line in (TFLITE.split("Profiling Info")[0] + other.split("Profiling Info")[0]).splitlines())
    rows = read(text).measurements
    assert [(row.model, row.unit, row.threads) for row in rows] == [("net_a", "cpu", 4), ("net_b", "gpu", None)]
    assert rows[1].seconds == pytest.approx(1e-3)


def test_a_delegate_that_took_nothing_is_the_cpu(read: Read) -> None:
    text = TFLITE.replace("Enable op profiling: [1]", "Use gpu: [1]\nThe graph will not be executed by the delegate.")
    assert read(text).measurements[0].unit == "cpu"


def test_a_log_that_ends_before_its_timings_or_lacks_the_average(read: Read) -> None:
    assert "did not come to its timings" in read(TFLITE.split("Inference timings")[0]).problems[0].what
    found = read(TFLITE.replace(", Inference (avg): 9012.5", ""))
    assert found.problems[0].line == 9 and "another version" in found.problems[0].what
    assert "not a positive" in read(TFLITE.replace("9012.5", "-1")).problems[0].what


def test_an_operator_profile_alone(read: Read) -> None:
    found = read(PROFILE_CSV, "net_a.csv")
    assert found.measurements[0].seconds == pytest.approx(0.75e-3) and len(found.measurements[0].operators) == 2
    assert "summed" in found.warnings[0].what


def test_an_operator_profile_of_another_version(read: Read) -> None:
    found = read(PROFILE_CSV.replace("avg_ms", "mean"))
    assert not found.measurements
    assert found.problems[0].line == 3 and "no column 'avg ms'" in found.problems[0].what


def test_benchncnn(read: Read) -> None:
    rows = read(NCNN).measurements
    assert [(row.model, row.precision, row.threads, row.unit) for row in rows] == [
        ("squeezenet", "", 2, "cpu"),
        ("squeezenet", "int8", 2, "cpu"),
        ("squeezenet", "", None, "gpu"),
    ]
    assert [row.seconds for row in rows] == pytest.approx([11.66e-3, 9.5e-3, 3.25e-3])
    assert {row.runtime for row in rows} == {"ncnn"} and (rows[0].line, rows[0].column) == (6, 31)


def test_benchncnn_on_the_small_cores_and_a_line_cut_off(read: Read) -> None:
    assert read(NCNN.replace("powersave = 0", "powersave = 1")).measurements[0].unit == "little"
    found = read("num_threads = 1\n squeezenet  min =   11.66  max =   12.00  avg")
    assert found.problems[0].line == 2 and "cut off" in found.problems[0].what


def test_trtexec_log(read: Read) -> None:
    (row,) = read(TRTEXEC).measurements
    assert (row.model, row.precision, row.unit, row.runtime, row.line) == ("net_b", "float16", "gpu", "tensorrt", 5)
    assert row.seconds == pytest.approx(2.5e-3)
    older = "\n".join(line for line in TRTEXEC.splitlines() if "Latency: " not in line)
    assert read(older).measurements[0].seconds == pytest.approx(2.41e-3)


def test_trtexec_without_its_summary_or_its_median(read: Read) -> None:
    assert "did not come to" in read(TRTEXEC.split("[01/02/2025-10:00:00] [I] === Perf")[0]).problems[0].what
    assert "no median" in read(TRTEXEC.replace("median = 2.50 ms, ", "")).problems[0].what


def test_openvino_report(read: Read) -> None:
    (row,) = read(OPENVINO_CSV).measurements
    assert (row.model, row.unit, row.runtime, row.line, row.column) == ("net_c", "cpu", "openvino", 14, 14)
    assert row.seconds == pytest.approx(12.25e-3)


def test_openvino_latency_of_many_requests_contains_waiting(read: Read) -> None:
    assert "waiting" in read(OPENVINO_CSV.replace("requests;1", "requests;4")).warnings[0].what
    found = read(OPENVINO_CONSOLE)
    assert (found.measurements[0].model, found.measurements[0].unit) == ("net_d", "gpu")
    assert found.measurements[0].seconds == pytest.approx(20.76e-3) and len(found.measurements) == 1
    assert "4 requests" in found.warnings[0].what


def test_openvino_report_of_another_version(read: Read) -> None:
    found = read(OPENVINO_CSV.replace("latency (ms)", "latency, milliseconds"))
    assert "no 'latency (ms)'" in found.problems[0].what and "throughput" in found.problems[0].what


def test_openvino_counters(read: Read) -> None:
    (row,) = read(COUNTERS, "net.csv").measurements
    assert row.seconds == pytest.approx(1.5e-3)
    assert [(op.name, op.type) for op in row.operators] == [("conv", "Convolution"), ("softmax", "SoftMax")]
    assert "no column 'realtime (ms)'" in read(COUNTERS.replace("realTime (ms)", "time")).problems[0].what
    assert read(COUNTERS.replace("1.250;1.250", "-1;1")).problems[0].column == 38


def test_loadgen_takes_the_median_and_says_that_the_run_is_not_valid(read: Read) -> None:
    found = read(LOADGEN, "runs/net_e.txt")
    assert found.measurements[0].seconds == pytest.approx(11e-3) and found.measurements[0].model == "net_e"
    assert "INVALID" in found.warnings[0].what and found.warnings[0].line == 8


def test_loadgen_of_other_scenarios_and_versions(read: Read) -> None:
    found = read(LOADGEN.replace("SingleStream", "Offline"))
    assert not found.measurements and found.problems[0].line == 5 and "SingleStream" in found.problems[0].what
    assert "no latency" in read(LOADGEN.replace("latency (ns)", "time")).problems[0].what
    tail = read("\n".join(line for line in LOADGEN.splitlines() if "Mean" not in line and "50.00" not in line))
    assert tail.measurements[0].seconds == pytest.approx(12e-3) and "above a typical run" in tail.warnings[-1].what


@pytest.mark.parametrize(
    ("text", "name"),
    [(TFLITE, "tflite"), (PROFILE_CSV, "tflite_profile"), (NCNN, "ncnn"), (TRTEXEC, "trtexec"), (OPENVINO_CSV, "openvino_report"),
     (OPENVINO_CONSOLE, "openvino_report"), (COUNTERS, "openvino_counters"), (LOADGEN, "loadgen"), ("model,ms\na,1\n", "table"), ("hello\n", None)],
)  # fmt: skip
def test_formats_are_told_by_content(format_of: Callable[[str], str | None], text: str, name: str | None) -> None:
    assert format_of(text) == name
