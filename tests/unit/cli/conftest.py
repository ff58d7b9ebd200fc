"""A small scenario file, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.cli.main import main

SCENARIO = """\
name: small
device: raspberry_pi_4
duration: 2 s
models:
  keyword: {source: ds_cnn, runtime: tflite, precision: int8}
workloads:
  microphone:
    arrival: {kind: periodic, rate: 20 Hz, jitter: 2 ms}
    deadline: 50 ms
    pipeline:
      - {name: mfcc, unit: cpu, work: {operations: 1 M, bytes: 64 kB}}
      - {name: spot, model: keyword}
budgets: {latency_p99: 40 ms, power: 20 W}
"""


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both outputs."""

    code: int
    out: str
    err: str


@pytest.fixture
def edgesim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run a command line; argparse's exits become exit codes."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> Done:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SCENARIO)
    return path
