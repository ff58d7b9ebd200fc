"""A unit that leaves out products with zeros, described in a device file of one's own: pruned weights are faster there, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim import simulate
from sim.experiment.names import known_names
from sim.scenario.loading import load_scenario

DEVICE = """\
base: cortex_m55_ethos_u55
name: my_npu
units:
  npu:
    sparsity: {KIND: {value: 4, source: none, kind: estimated, note: "at most so many times as fast"}}
"""


def _run(folder: Path, kind: str, *pruned: dict[str, Any]) -> Any:
    """Of a device whose unit gains by zeros of that kind; ``weight_decoder`` is that of the base."""
    (folder / "mine.yaml").write_text(DEVICE.replace("KIND", kind))
    scenario = {
        "name": "own_unit", "device": "mine.yaml", "duration": "2 s",
        "models": {"net": {"source": "resnet8", "runtime": "ethos_u", "compress": [*pruned, {"quantize": {"to": "int8"}}]}},
        "workloads": {"camera": {"arrival": {"kind": "periodic", "rate": "2 Hz"}, "pipeline": [{"model": "net"}]}},
    }  # fmt: skip
    return simulate(load_scenario(scenario, directory=folder, known=known_names()))


def test_a_device_file_says_that_zeros_are_left_out(tmp_path: Path) -> None:
    times = [_run(tmp_path, "zero_skipping", *steps).metrics.workloads["camera"].latency.p50_s for steps in ((), ({"prune": {"sparsity": "75 %"}},))]
    assert 1.3 < times[0] / times[1] < 4


def test_the_run_says_where_pruned_weights_bring_no_speed(tmp_path: Path) -> None:
    scenario = {
        "name": "pi", "device": "raspberry_pi_4", "duration": "1 s",
        "models": {"net": {"source": "resnet8", "compress": [{"prune": {"sparsity": "75 %"}}]}, "dense": {"source": "resnet8"}},
        "workloads": {name: {"arrival": {"kind": "periodic", "rate": "2 Hz"}, "pipeline": [{"model": name}]} for name in ("net", "dense")},
    }  # fmt: skip
    models = simulate(load_scenario(scenario, directory=tmp_path, known=known_names())).metrics.models
    assert models["net"].alone_s == pytest.approx(models["dense"].alone_s)
    assert any(note.startswith("pruned weights make no kernel faster on cpu") for note in models["net"].notes)
    assert not any("pruned weights" in note for note in models["dense"].notes)
