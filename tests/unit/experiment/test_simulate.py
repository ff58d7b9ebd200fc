"""A scenario end to end: models compiled once, run, measured."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from sim import EdgesimError, load_scenario, simulate
from sim.experiment.simulate import prepare
from sim.trace import Status

SCENARIO: dict[str, Any] = {
    "name": "small",
    "device": "raspberry_pi_4",
    "models": {"net": {"source": "ds_cnn"}},
    "workloads": {
        "w": {
            "arrival": {"kind": "poisson", "rate": "5 Hz"},
            "pipeline": [{"name": "pre", "unit": "cpu", "work": {"operations": "100 k", "bytes": "20 kB"}}, {"model": "net"}],
            "deadline": "1 s",
        }
    },
    "duration": "2 s",
}


def test_end_to_end() -> None:
    result = simulate(SCENARIO)
    assert list(result.programs) == ["w/pre", "net"] == result.trace.programs
    assert (result.trace.requests["status"] <= Status.LATE).sum() > 3
    assert result.energy_j == pytest.approx(sum(result.trace.energy_j.values()))
    assert result.metrics.simulated_s == 2.0
    kernels = result.kernel_spans()
    assert len(kernels["kernel"]) >= result.trace.totals["operators"] > 0


def test_seed_and_reference() -> None:
    experiment = prepare(load_scenario(SCENARIO))
    first, again, other, reference = experiment.run(), experiment.run(), experiment.run(seed=1), experiment.run(reference=True)
    assert np.array_equal(first.trace.requests["end_s"], again.trace.requests["end_s"])
    assert not np.array_equal(first.trace.requests["arrival_s"], other.trace.requests["arrival_s"])
    assert np.allclose(first.trace.requests["end_s"], reference.trace.requests["end_s"], rtol=0, atol=1e-9)
    assert (first.seed, other.seed) == (0, 1)


def test_equal_models_are_compiled_once() -> None:
    scenario = SCENARIO | {"models": {"net": {"source": "ds_cnn"}, "same": {"source": "ds_cnn"}}}
    scenario["workloads"] = {"w": SCENARIO["workloads"]["w"] | {"pipeline": [{"model": "net"}, {"model": "same"}]}}
    programs = prepare(load_scenario(scenario)).programs
    assert programs["net"] is programs["same"]


def test_unknown_names_are_reported_before_anything_runs() -> None:
    with pytest.raises(EdgesimError, match="unknown scheduling policy 'edff'; did you mean 'edf'"):
        simulate(SCENARIO | {"scheduler": "edff"})


def test_a_model_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(EdgesimError, match="the device has"):
        simulate(SCENARIO | {"device": {"base": "raspberry_pi_4", "memory": {"capacity": "1100 kB", "reserved": "1 MB"}}})


def test_import_sim_is_cheap() -> None:
    code = "import sys, sim; print(sorted(name for name in ('numpy', 'pydantic', 'simpy', 'yaml') if name in sys.modules)); print(sim.simulate)"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}).stdout.splitlines()
    assert lines[0] == "[]" and "function simulate" in lines[1]
