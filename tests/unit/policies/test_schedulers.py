"""Every registered scheduling policy: a pure function of what it sees."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from sim.policies.scheduling import SCHEDULERS


def _segment(**more: object) -> SimpleNamespace:
    return SimpleNamespace(**({"arrival_s": 1.0, "deadline_s": math.inf, "period_s": math.inf, "priority": 0, "upward_rank_s": 0.5} | more))


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_keys_are_comparable_and_repeatable(name: str) -> None:
    policy = SCHEDULERS[name]()
    first, second = _segment(), _segment(deadline_s=2.0, period_s=0.1, priority=3, upward_rank_s=0.1)
    assert policy.key(first) == policy.key(first)
    assert (policy.key(first) < policy.key(second)) or (policy.key(first) >= policy.key(second))
    assert policy.quantum_s is None or policy.quantum_s > 0


@pytest.mark.parametrize(
    ("name", "urgent"), [("priority", {"priority": 1}), ("edf", {"deadline_s": 2.0}), ("rate_monotonic", {"period_s": 0.1}), ("heft", {"upward_rank_s": 0.6})]
)
def test_what_is_urgent(name: str, urgent: dict[str, float]) -> None:
    policy = SCHEDULERS[name]()
    assert policy.key(_segment(**urgent)) < policy.key(_segment())
