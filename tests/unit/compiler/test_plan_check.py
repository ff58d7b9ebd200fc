"""The verifier of memory plans finds every kind of mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.compiler import compile_model
from sim.compiler.plan_check import check_plan, plan_problems, replay_problems
from sim.compiler.program import Buffer, MemoryPlan

ONE = Buffer("a", 100, 0, 1, 0)
TWO = Buffer("b", 50, 1, 2, 100)


def test_a_right_plan_has_no_problems():
    assert plan_problems(MemoryPlan((ONE, TWO), 150, 150)) == []
    assert plan_problems(MemoryPlan((), 0, 0)) == []


@pytest.mark.parametrize(
    ("plan", "what"),
    [
        (MemoryPlan((ONE, replace(TWO, offset_bytes=99)), 150, 150), "overlap"),
        (MemoryPlan((ONE, replace(TWO, offset_bytes=120)), 150, 150), "outside the arena"),
        (MemoryPlan((ONE, replace(TWO, offset_bytes=-1)), 150, 150), "outside the arena"),
        (MemoryPlan((ONE, TWO), 150, 100), "150 bytes are alive at once"),
        (MemoryPlan((ONE, TWO), 140, 150), "smaller than"),
    ],
)
def test_a_wrong_plan_is_found(plan, what):
    assert any(what in problem for problem in plan_problems(plan))


@pytest.fixture
def compiled(phone, chain):
    program = compile_model(chain("Sigmoid", "Tanh", blocks=3), phone, runtime="tflite")
    by_name = {op.name: op for op in program.graph.ops}
    return program, [by_name[name] for name in program.kernels.names]


def test_a_compiled_plan_replays(compiled):
    program, ops = compiled
    assert replay_problems(program.plan, program.graph, ops) == []
    assert check_plan(program.plan, program.graph, ops) is program.plan


def test_a_lifetime_that_ends_early_is_found(compiled):
    program, ops = compiled
    for position, buffer in enumerate(program.plan.buffers):
        if buffer.last > buffer.first:
            shorter = (*program.plan.buffers[:position], replace(buffer, last=buffer.last - 1), *program.plan.buffers[position + 1 :])
            assert replay_problems(replace(program.plan, buffers=shorter), program.graph, ops) != []


def test_writing_over_a_value_somebody_reads_is_found(compiled):
    program, ops = compiled
    image = program.graph.inputs[0]
    stolen = replace(program.plan, shares=((ops[0].outputs[0], image), *program.plan.shares))
    with pytest.raises(RuntimeError, match="memory plan"):
        check_plan(replace(stolen, buffers=tuple(b for b in stolen.buffers if b.tensor != ops[0].outputs[0])), program.graph, ops)
