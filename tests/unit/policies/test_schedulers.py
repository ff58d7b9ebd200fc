"""Every registered scheduling and throttling policy: a pure function of what it sees."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from sim.policies.scheduling import SCHEDULERS
from sim.policies.throttling import THROTTLING, TripView


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


def _trip(temperature_c: float, last_c: float, state: int) -> TripView:
    return TripView(temperature_c, last_c, trip_c=40.0, hysteresis_k=2.0, state=state, deepest=3)


@pytest.mark.parametrize(
    ("view", "state"),
    [
        (_trip(41.0, 40.0, 0), 1),
        (_trip(41.0, 40.0, 3), 3),
        (_trip(41.0, 41.5, 2), 2),
        (_trip(39.0, 39.5, 2), 2),
        (_trip(37.0, 37.5, 2), 1),
        (_trip(37.0, 37.5, 0), 0),
        (_trip(37.0, 36.5, 2), 2),
    ],
)
def test_step_wise(view: TripView, state: int) -> None:
    assert THROTTLING["step_wise"]().decide(view) == state
