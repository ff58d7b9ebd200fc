"""What serving policies decide at a border between steps, and that each is described and reachable by its name."""

from __future__ import annotations

import pytest

from sim.policies.serving import SERVING, BatchView, StepKind

PROMPTS, ANSWERS, BOTH = BatchView(2, 0, False), BatchView(0, 3, True), BatchView(1, 3, True)


@pytest.mark.parametrize("name", list(SERVING))
def test_every_policy_does_the_only_thing_there_is(name: str) -> None:
    policy = SERVING[name]()
    assert policy.next_step(PROMPTS) is StepKind.PREFILL and policy.next_step(ANSWERS) is StepKind.DECODE
    assert SERVING[name].__doc__


@pytest.mark.parametrize("name, begun, expected", [
    ("prefill_first", True, StepKind.PREFILL),
    ("decode_first", True, StepKind.DECODE),
    ("decode_first", False, StepKind.PREFILL),
    ("mixed", True, StepKind.MIXED),
])  # fmt: skip
def test_what_goes_first_where_both_wait(name: str, begun: bool, expected: StepKind) -> None:
    assert SERVING[name]().next_step(BatchView(BOTH.prompts, BOTH.decoding, begun)) is expected
