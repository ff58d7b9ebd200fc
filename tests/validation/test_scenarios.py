"""Closed forms, through what a user has: a YAML scenario, a device file from scratch, the public Python API, the command line."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim import load_scenario, simulate
from sim.api import Result
from sim.report.metrics_json import result_data
from sim.trace import Status

BOARD = """
name: my_board
title: Two cores, one memory
category: board
units:
  left: &core
    kind: cpu
    cost_class: cpu_armv80_outoforder
    cores: 1
    macs_per_cycle: {float32: 4, int8: 8}
    domain: cpu
    on_chip: 1 MiB
    power: {dynamic_capacitance: 0.5 nF, leakage: 10 mW, idle: 5 mW}
  right: *core
domains:
  cpu: {operating_points: [{frequency: 1 GHz, voltage: 1 V}]}
memory: {type: LPDDR4, bandwidth: 4 GB/s, capacity: 1 GiB, reserved: 0 B, energy: 40 pJ/B, idle: 10 mW}
storage: {type: eMMC, read_bandwidth: 200 MB/s, capacity: 8 GB}
base_power: 0.5 W
thermal:
  nodes: {die: {heat_capacity: 5 J/K, heated_by: [left, right, memory, base]}}
  links: [{between: [die, ambient], resistance: 10 K/W}]
runtimes: [tflite, ncnn]
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A folder with a device file from scratch: ``board.yaml``."""
    (tmp_path / "board.yaml").write_text(BOARD, encoding="utf-8")
    return tmp_path


def ran(folder: Path, text: str, *overrides: str) -> Result:
    file = folder / "scenario.yaml"
    file.write_text("name: closed_form\ndevice: board.yaml\n" + text, encoding="utf-8")
    return simulate(load_scenario(file, overrides=overrides))


def service_s(folder: Path, operations: float) -> float:
    """Time of one run of user code on the idle board."""
    pipeline = f"[{{unit: left, work: {{operations: {operations:.0f}}}}}]"
    text = f"duration: 1000 s\nworkloads: {{w: {{arrival: {{kind: periodic, rate: 1 mHz}}, pipeline: {pipeline}}}}}"
    (latency,) = _latencies(ran(folder, text), "w")
    return float(latency)


def _latencies(result: Result, workload: str) -> np.ndarray:
    requests = result.trace.requests.columns()
    rows = (requests["workload"] == result.trace.workloads.index(workload)) & (requests["status"] <= Status.LATE)
    return (requests["end_s"] - requests["arrival_s"])[rows]


def test_one_unit_without_contention_takes_the_sum_of_its_operators(board: Path) -> None:
    layers = "[{op: conv, out: 16, kernel: 3}, {op: relu}, {op: conv, out: 32, kernel: 3, stride: 2}, {op: global_average_pool}, {op: dense, out: 10}]"
    result = ran(
        board,
        f"""duration: 10 s
models: {{net: {{layers: {layers}, input: {{shape: [1, 3, 32, 32]}}, runtime: tflite, placement: {{prefer: [left]}}}}}}
workloads: {{w: {{arrival: {{kind: periodic, rate: 1 Hz}}, pipeline: [{{model: net}}]}}}}
""",
    )
    (segment,) = result.programs["net"].segments
    kernels = result.kernel_spans()
    assert len(kernels["kernel"]) == 10 * len(segment)
    total = (kernels["end_s"] - kernels["start_s"]).sum() / 10
    latencies = _latencies(result, "w")
    assert latencies[1:] == pytest.approx(total, rel=1e-9)
    assert latencies[1:] == pytest.approx(result.metrics.models["net"].alone_s, rel=1e-9)


def test_two_memory_bound_programs_on_two_units_take_twice_as_long(board: Path) -> None:
    stream = "pipeline: [{unit: %s, work: {bytes: 50 MB}}]"
    result = ran(
        board,
        f"""duration: 10 s
workloads:
  a: {{arrival: {{kind: periodic, rate: 0.1 Hz}}, {stream % "left"}}}
  b: {{arrival: {{kind: periodic, rate: 0.1 Hz}}, {stream % "right"}}}
  alone: {{arrival: {{kind: periodic, rate: 0.1 Hz}}, start: 5 s, {stream % "left"}}}
""",
        "device={base: board.yaml, memory: {bandwidth: 100 MB/s}}",  # so little that one core could take all of it
    )
    both, other, alone = (float(_latencies(result, name)[0]) for name in ("a", "b", "alone"))
    assert both == other == pytest.approx(2 * alone, rel=1e-12)


def test_mean_wait_of_two_poisson_streams_is_that_of_their_mixture(board: Path) -> None:
    """M/G/1 with two service times (M/D/1 if they were equal): W = lambda E[s^2] / 2 (1 - rho) (Pollaczek-Khinchine)."""
    from scipy import stats

    short, long = service_s(board, 2e6), service_s(board, 10e6)
    rates = {short: 0.3 / short, long: 0.3 / long}
    work = "pipeline: [{unit: left, work: {operations: %s}}]"
    text = f"""duration: {2000 * long / 0.3:.0f} s
seed: 5
workloads:
  short: {{arrival: {{kind: poisson, rate: {rates[short]:.9f} Hz}}, {work % "2000000"}}}
  long: {{arrival: {{kind: poisson, rate: {rates[long]:.9f} Hz}}, {work % "10000000"}}}
"""
    requests = ran(board, text).trace.requests.columns()
    order = np.argsort(requests["arrival_s"])
    waits = (requests["start_s"] - requests["arrival_s"])[order]
    waits = waits[np.isfinite(waits)][200:]
    means = np.array([batch.mean() for batch in np.array_split(waits, 25)])
    half = float(stats.t.ppf(0.995, 24)) * means.std(ddof=1) / math.sqrt(25)
    expected = sum(rate * service**2 for service, rate in rates.items()) / (2 * (1 - 0.6))
    assert len(waits) > 8000 and abs(means.mean() - expected) <= half


def test_deadlines_of_an_overloaded_queue(board: Path) -> None:
    """Service s, a request every s / 2: the n-th waits n s / 2, so exactly those with n s / 2 + s > deadline are late."""
    one = service_s(board, 1e8)
    text = f"""duration: {100 * one:.9f} s
workloads:
  w: {{arrival: {{kind: periodic, rate: {2 / one:.9f} Hz}}, count: 20, deadline: {5.25 * one:.9f} s, pipeline: [{{unit: left, work: {{operations: 100 M}}}}]}}
"""
    result = ran(board, text)
    assert np.sort(_latencies(result, "w")) == pytest.approx([one + n * one / 2 for n in range(20)], rel=1e-6)
    metrics = result.metrics.workloads["w"]
    assert (metrics.done_count, metrics.late_count, metrics.arrived_count) == (9, 11, 20)
    assert metrics.miss_ratio == pytest.approx(11 / 20)
    # room for one: every second request is dropped; a little slower than two in a service time, so that no two events fall together
    slower = text.replace(f"{2 / one:.9f}", f"{1.98 / one:.9f}").replace("deadline", "queue: {limit: 1}, deadline")
    limited = ran(board, slower).metrics.workloads["w"]
    assert (limited.done_count, limited.dropped_count) == (10, 10)


BUSY = """duration: 20 s
warmup: 1 s
scheduler: {left: edf, right: rate_monotonic, default: fifo}
preemption: true
memory: {when_full: evict}
models:
  net: {source: ds_cnn, precision: int8, runtime: tflite, placement: {prefer: [left]}}
  other: {source: squeezenet1_1, runtime: ncnn, placement: {prefer: [right]}, load: on_demand}
workloads:
  camera:
    arrival: {kind: periodic, rate: 8 Hz, jitter: 20 ms}
    deadline: 120 ms
    queue: {limit: 2, when_full: drop_oldest}
    pipeline:
      - {name: a, unit: left, work: {operations: 20 M, bytes: 2 MB}}
      - {name: b, model: net, after: [a]}
      - {name: c, unit: right, after: [a], work: {operations: 10 M}}
      - {name: d, unit: left, after: [b, c], work: {operations: 5 M}, probability: 50 %}
  events: {arrival: {kind: poisson, rate: 5 Hz}, deadline: 300 ms, drop_late: true, priority: 3, pipeline: [{model: other}]}
  loop: {arrival: {kind: closed, clients: 2, think: 100 ms}, pipeline: [{unit: right, work: {operations: 50 M}, repeat: 2}]}
  replay: {arrival: {kind: trace, file: times.csv, loop: true}, pipeline: [{unit: left, work: {operations: 10 M}}]}
"""


@pytest.fixture
def busy(board: Path) -> Result:
    (board / "times.csv").write_text("time_s\n0\n0.4\n0.5\n2\n", encoding="utf-8")
    return ran(board, BUSY)


def test_requests_and_energy_are_conserved(busy: Result) -> None:
    requests = busy.trace.requests.columns()
    assert len(np.unique(requests["request"])) == len(requests["request"])
    for workload in busy.metrics.workloads.values():
        ended = workload.done_count + workload.late_count + workload.dropped_count + workload.expired_count + workload.unfinished_count
        assert ended == workload.arrived_count > 0
    integral_j = 0.0
    for name in busy.trace.counters:
        if name.startswith("power_w"):
            times, values = busy.trace.counter(name)
            integral_j += float((np.diff([*times, busy.trace.end_s]) * values).sum())
    assert integral_j == pytest.approx(busy.energy_j, rel=1e-9)
    assert busy.metrics.energy.total_j == pytest.approx(sum(busy.trace.energy_j.values()), rel=1e-12)


def test_a_result_is_columns_frames_graphs_and_the_same_numbers_as_json(busy: Result) -> None:
    import pandas

    for table in busy.trace.tables().values():
        columns = table.columns()
        assert all(isinstance(column, np.ndarray) and len(column) == len(table) for column in columns.values())
        frame = table.frame()
        assert isinstance(frame, pandas.DataFrame) and list(frame) == list(columns) and len(frame) == len(table)
    assert repr(busy) == f"<Result of closed_form on my_board, seed 0: 20 s simulated, {len(busy.trace.requests)} requests>"
    assert set(busy.graphs) == {"net", "other"}
    view = busy.graphs["net"].to_networkx()
    assert len(view) == len(busy.graphs["net"].ops) and view.number_of_edges() >= len(view) - 1
    written: dict[str, Any] = json.loads(json.dumps(result_data(busy, busy.metrics, ())))
    camera = written["metrics"]["workloads"]["camera"]
    assert camera["latency"]["p99"] == {"value": busy.metrics.workloads["camera"].latency.p99_s, "unit": "s"}
    assert written["metrics"]["energy"]["total"] == {"value": busy.metrics.energy.total_j, "unit": "J"}


def test_every_file_is_the_same_whatever_python_hashes_to(board: Path) -> None:
    (board / "times.csv").write_text("time_s\n0\n0.4\n0.5\n2\n", encoding="utf-8")
    (board / "my scenario.yaml").write_text("name: same\ndevice: board.yaml\n" + BUSY, encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    written = []
    for seed in ("1", "77"):
        outputs = ["--json", f"r{seed}.json", "--trace", f"t{seed}.json", "--out", f"out{seed}"]
        command = [sys.executable, "-m", "sim.cli.main", "run", "my scenario.yaml", *outputs]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        subprocess.run(command, cwd=board, env=environment, check=True, capture_output=True)
        files = [board / f"r{seed}.json", board / f"t{seed}.json", *sorted((board / f"out{seed}").rglob("*"))]
        written.append([file.read_bytes() for file in files if file.is_file()])
    assert len(written[0]) > 5 and written[0] == written[1]
