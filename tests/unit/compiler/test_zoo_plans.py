"""Every network of the zoo compiles, and its arena is within 5 % of the most bytes ever alive at once."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.frontends.zoo import MODELS, build
from sim.scenario.model import Placement


@pytest.mark.parametrize("name", MODELS)
def test_the_arena_is_close_to_the_lower_bound(name):
    program = compile_model(build(name), load_device("snapdragon_8_gen_2_phone"), runtime="tflite", placement=Placement(prefer=("npu",)))
    assert program.plan.lower_bound_bytes <= program.plan.arena_bytes <= 1.05 * program.plan.lower_bound_bytes
    assert sum(len(segment) for segment in program.segments) == len(program.kernels.names)
