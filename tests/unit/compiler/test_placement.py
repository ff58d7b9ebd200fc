"""What holds for every registered placement policy, and that compiling does not depend on the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model, lower
from sim.compiler.cost import longest_path
from sim.compiler.dataflow import dataflow_of
from sim.compiler.pipeline import resolve_runtime
from sim.compiler.placement import PLACEMENTS, Request, place
from sim.compiler.support import support_of, targets_of
from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.graph.work import graph_work
from sim.scenario.model import Placement


@pytest.mark.parametrize("policy", PLACEMENTS)
@pytest.mark.parametrize("prefer", [(), ("npu", "gpu"), ("cpu",)])
@pytest.mark.parametrize("model", ["ssd_mobilenet_v1", "yolov5n"])
def test_a_policy_puts_every_kernel_where_it_runs_and_says_why(policy, prefer, model):
    device, engine = load_device("snapdragon_8_gen_2_phone"), resolve_runtime("tflite")
    graph = lower(build(model), engine)
    ops, work = graph_work(graph)
    support = support_of(graph, ops, work, targets_of(device, engine))
    request = Request(device, engine, Placement(policy=policy, prefer=prefer), dataflow_of(graph, ops), work, support, None, "as_stored")
    placed = place(request)
    assert len(placed.units) == len(placed.why) == len(ops) == len(longest_path(request.flow))
    assert all(placed.why)
    assert set(placed.units) <= set(request.allowed)
    assert all(support.runs(unit, kernel) for kernel, unit in enumerate(placed.units))
    again = place(request)
    assert again == placed


def test_an_unknown_policy_names_the_known_ones():
    with pytest.raises(EdgesimError, match="heft"):
        PLACEMENTS["hef"]


_PROGRAM = """
from sim.compiler import compile_model
from sim.frontends.zoo import build
from sim.scenario.model import Placement
from device_models.catalog.catalog import load_device
p = compile_model(build("mobilenet_v3_small"), load_device("pixel_6"), runtime="tflite", precision="int8", placement=Placement(policy="heft"))
print(p.plan, p.notes, p.kernels.labels, [(s.unit, s.after, s.entry_s, s.why, s.costs.compute_cycles.tolist(), s.costs.memory_s.tolist()) for s in p.segments])
"""


def test_processes_agree_to_the_last_digit():
    outputs = set()
    for seed in ("1", "2"):
        run = subprocess.run([sys.executable, "-c", _PROGRAM], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True)
        outputs.add(run.stdout)
    assert len(outputs) == 1


def test_precision_of_a_stored_model_is_kept():
    program = compile_model(build("mobilenet_v2"), load_device("pixel_6"), runtime="tflite")
    assert program.precision == "as_stored"
    assert not any(step.startswith("precision") for step in program.pipeline)
