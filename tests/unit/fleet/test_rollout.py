"""Roll-outs: closed forms for always-reachable fleets, stages, taking back, conservation of bytes, fair rates against progressive filling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.sharing import max_min_rates
from sim.fleet.federated.population import ClientRadio
from sim.fleet.rollout.level import fair_rates
from sim.fleet.rollout.plan import RolloutPlan, UpdatedFleet
from sim.fleet.rollout.simulate import roll_out

PLAN = RolloutPlan(duration_s=1000.0, step_s=1.0, update_bytes=100.0, stages=((1.0, 0.0),))


def fleet(count: int, rate: float = 10.0, **changes) -> UpdatedFleet:
    ones = np.ones(count)
    return replace(UpdatedFleet(rate * ones, ones, ones, 0 * ones), **changes)


def run(plan: RolloutPlan, devices: UpdatedFleet, seed: int = 1):
    return roll_out(plan, devices, np.random.default_rng(seed))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(0.1, 500))
def test_the_level_is_that_of_progressive_filling(limits, capacity):
    expected = max_min_rates([capacity], [(0,)] * len(limits), limits, [1] * len(limits))
    assert fair_rates(np.array(limits), capacity) == pytest.approx(expected)


def test_without_a_bottleneck_each_has_the_time_of_its_link():
    result = run(PLAN, fleet(3, down_bytes_per_s=np.array([10.0, 4.0, 7.0])))
    assert result.done_s == pytest.approx([10.0, 25.0, 100 / 7])
    assert result.received_bytes == pytest.approx([100.0] * 3)


def test_a_server_at_its_limit_sends_just_that():
    result = run(replace(PLAN, server_bytes_per_s=50.0), fleet(100))
    assert result.done_s == pytest.approx([200.0] * 100)  # all share evenly: 100 devices of 100 bytes at 50 bytes a second
    assert result.sent_bytes_per_s[:200] == pytest.approx([50.0] * 200)


def test_stages_are_held_and_have_their_share():
    result = run(replace(PLAN, stages=((0.1, 100.0), (0.5, 200.0), (1.0, 0.0))), fleet(1000))
    assert result.began_s == (0.0, 100.0, 300.0)
    counts = [int((result.done_s <= until).sum()) for until in (99.0, 299.0, 400.0)]
    assert counts == [100, 500, 1000]


def test_too_much_trouble_takes_the_update_back():
    result = run(replace(PLAN, stages=((0.1, 100.0), (1.0, 0.0)), crash=0.2, tolerated=0.05), fleet(1000))
    assert result.taken_back_s is not None and result.taken_back_s < 100
    assert not np.isfinite(result.done_s).any() and (result.received_bytes > 0).sum() == 100
    assert run(replace(PLAN, crash=0.02, tolerated=0.05), fleet(1000)).taken_back_s is None


def test_sessions_interrupt_and_resuming_wastes_nothing():
    half = fleet(200, period_s=np.full(200, 10.0), session_s=np.full(200, 5.0), phase_s=np.linspace(0, 10, 200, endpoint=False))
    resumed = run(replace(PLAN, step_s=0.5), half)
    assert resumed.cut_off_count > 0 and resumed.wasted_bytes == 0
    assert resumed.received_bytes == pytest.approx([100.0] * 200)
    assert resumed.done_s.max() <= 28.0  # ten seconds of download in sessions of five every ten, each noticed a step late at most
    never = run(replace(PLAN, step_s=0.5, resume=False), half)
    assert not np.isfinite(never.done_s).any()  # no session is long enough
    assert 0 <= never.received_bytes.sum() - never.wasted_bytes <= 200 * 50.0  # what is under way at the end is not lost yet


def test_damaged_and_failed_tries_are_counted_and_given_up():
    result = run(replace(PLAN, corrupt=0.3, install_fails=0.2, attempts=2, install_s=3.0), fleet(5000))
    good = 0.7 * 0.8
    assert np.isfinite(result.done_s).mean() == pytest.approx(good + (1 - good) * good, abs=0.02)
    assert result.gave_up_count == (~np.isfinite(result.done_s)).sum()
    assert result.received_bytes.sum() == pytest.approx(100.0 * (5000 + result.corrupt_count - _corrupt_last(result)), rel=0.02)
    assert result.wasted_bytes == pytest.approx(100.0 * result.corrupt_count)


def _corrupt_last(result) -> float:
    """Damaged at the last try: nothing more is received; of all tries 0.3 are damaged, the second of them with chance 0.44."""
    return 5000 * (1 - 0.56) * 0.3


def test_wifi_only_waits_for_the_sessions_that_have_it():
    sessions = fleet(4000, period_s=np.full(4000, 100.0), session_s=np.full(4000, 50.0), wifi=0.25)
    result = run(replace(PLAN, wifi_only=True, step_s=10.0), sessions)
    first = (result.done_s < 50).mean()
    second = (result.done_s < 150).mean()
    assert first == pytest.approx(0.25, abs=0.03) and second == pytest.approx(1 - 0.75**2, abs=0.03)


def test_energy_is_that_of_receiving_and_installing():
    radio = ClientRadio(receive_w=0.5, receive_j_per_byte=0.01, promotion_j=0.2, tail_j=0.3)
    result = run(replace(PLAN, radio=radio, install_s=4.0, install_w=2.0), fleet(3))
    assert result.energy_j == pytest.approx([10 * 0.5 + 100 * 0.01 + 0.5 + 8.0] * 3)


def test_the_same_seed_gives_the_same_roll_out():
    plan = replace(PLAN, corrupt=0.1, crash=0.1, stages=((0.2, 50.0), (1.0, 0.0)))
    first, again, other = run(plan, fleet(300)), run(plan, fleet(300)), run(plan, fleet(300), seed=2)
    assert np.array_equal(first.done_s, again.done_s) and not np.array_equal(first.done_s, other.done_s)
