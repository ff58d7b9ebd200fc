"""The verifier of memory plans finds every kind of mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.compiler import compile_model
from sim.compiler.liveness import Requirement
from sim.compiler.memory_plan import plan_memory
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


# Two layers of a transformer: (first kernel, last kernel, units of 64 bytes). Every fixed order leaves a gap of 14 % in it.
TRANSFORMER = (
    (0, 0, 8), (0, 2, 8), (0, 26, 512), (2, 3, 1), (3, 37, 4), (4, 5, 512), (5, 6, 512), (6, 7, 1536), (7, 10, 1536), (8, 11, 512), (9, 12, 512),
    (10, 13, 512), (11, 19, 512), (12, 15, 512), (13, 19, 512), (14, 19, 16), (15, 18, 512), (18, 19, 512), (19, 20, 512), (20, 21, 512), (21, 22, 512),
    (22, 23, 512), (24, 25, 512), (25, 26, 2048), (26, 49, 512), (27, 28, 512), (28, 29, 512), (29, 30, 1536), (30, 33, 1536), (31, 34, 512), (32, 35, 512),
    (33, 36, 512), (34, 42, 512), (35, 38, 512), (36, 42, 512), (37, 42, 16), (38, 41, 512), (41, 42, 512), (42, 43, 512), (43, 44, 512), (44, 45, 512),
    (45, 46, 512), (47, 48, 512), (48, 49, 2048), (49, 50, 512), (50, 50, 2000),
)  # fmt: skip


def test_the_longer_search_closes_the_gap_that_fixed_orders_leave():
    found = [Requirement(str(i), units * 64, first, last) for i, (first, last, units) in enumerate(TRANSFORMER)]
    plan = plan_memory(found)
    assert plan_problems(plan) == []
    assert plan.arena_bytes == plan.lower_bound_bytes
    assert plan == plan_memory(found)
