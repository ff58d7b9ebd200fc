"""A small board and a small scenario, so that these tests depend on no shipped file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.scenario.checks import Known
from sim.scenario.loading import LoadedScenario, load_scenario

BOARD = """\
name: tiny_board
title: A tiny board
category: board
units:
  cpu:
    kind: cpu
    cost_class: cpu_armv82_outoforder
    macs_per_cycle: {float32: 8, int8: 32}
    domain: cpu_clock
    on_chip: 1 MiB
    power: {dynamic_capacitance: 0.5 nF}
  tpu:
    kind: npu
    cost_class: npu_hexagon
    macs_per_cycle: {source: maker, kind: datasheet, values: {int8: 1024}}
    domain: tpu_clock
    on_chip: 4 MiB
    power: {dynamic_capacitance: 0.2 nF}
domains:
  cpu_clock:
    operating_points:
      - {frequency: 1 GHz}
      - {frequency: 2 GHz}
  tpu_clock:
    operating_points: {source: maker, kind: datasheet, table: [[500 MHz, 0.7 V], [800 MHz, 0.8 V]]}
memory: {type: LPDDR4, bandwidth: {value: 10 GB/s, source: maker, kind: datasheet}, capacity: 4 GiB, energy: 30 pJ/B}
storage: {type: SD, read_bandwidth: 40 MB/s, capacity: 32 GB}
base_power: 1 W
thermal:
  nodes: {die: {heat_capacity: 5 J/K, heated_by: [cpu, tpu]}}
  links: [{between: [die, ambient], resistance: 10 K/W}]
runtimes: [tflite, ncnn]
"""

SCENARIO = """\
name: doorbell
device: ./board.yaml
duration: 10 s
warmup: 1 s
models:
  detector: {source: mobilenet_v2, precision: int8, runtime: tflite}
  face: {source: ./face.onnx}
workloads:
  camera:
    arrival: {kind: periodic, rate: 30 Hz}
    deadline: 33 ms
    pipeline:
      - {name: pre, work: {operations: 1 M, bytes: 2 MB}}
      - {name: detect, model: detector}
      - {name: post, unit: cpu, work: {operations: 1 M}}
  visitors:
    arrival: {kind: trace, file: visitors.csv}
    pipeline:
      - {model: face}
scheduler: fifo
governors: {cpu_clock: schedutil}
budgets:
  power: 3 W
  per: {camera: {latency_p99: 33 ms}}
"""

KNOWN = Known(
    models=frozenset({"mobilenet_v1", "mobilenet_v2", "ds_cnn"}),
    runtimes=frozenset({"tflite", "ncnn", "qnn"}),
    schedulers=frozenset({"fifo", "edf", "priority"}),
    governors=frozenset({"performance", "schedutil"}),
)


@pytest.fixture
def scenario_text() -> str:
    return SCENARIO


@pytest.fixture
def board_text() -> str:
    return BOARD


@pytest.fixture
def known() -> Known:
    return KNOWN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the board, the scenario, a model file and a trace."""
    (tmp_path / "board.yaml").write_text(BOARD)
    (tmp_path / "doorbell.yaml").write_text(SCENARIO)
    (tmp_path / "face.onnx").write_bytes(b"not looked into here")
    (tmp_path / "visitors.csv").write_text("time_s,door\n0.5,front\n2.25,back\n")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Callable[..., LoadedScenario]:
    """Load a scenario text as if it stood in ``folder``."""

    def load(text: str = SCENARIO, **options: object) -> LoadedScenario:
        path = folder / "doorbell.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path, **{"known": KNOWN, **options})  # type: ignore[arg-type]

    return load


@pytest.fixture
def mistakes(load: Callable[..., LoadedScenario], folder: Path) -> Callable[..., list[str]]:
    """What is wrong with a scenario text, one line per problem, files without their folder."""

    def mistakes(text: str = SCENARIO, **options: object) -> list[str]:
        with pytest.raises(EdgesimError) as caught:
            load(text, **options)
        return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]

    return mistakes
