"""Flows over shared links: closed forms, an independent fluid simulation in small steps, and conservation of bytes."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.sharing import max_min_rates
from sim.fleet.network import Link, Network, replay
from sim.runtime.clock import ARRIVALS, Clock


def run(capacities, transfers, changes=(), until_s=1e6):
    """Ends of ``transfers``: (start_s, links, limit, bytes). ``changes``: (time_s, link, capacity)."""
    clock = Clock()
    network = Network(clock, [Link(f"link{index}", capacity) for index, capacity in enumerate(capacities)])
    ends = [inf] * len(transfers)

    def begin(number):
        _, links, limit, size = transfers[number]
        network.send(network.flow_class(links, limit), size, lambda: ends.__setitem__(number, clock.now))

    for number, (start_s, *_) in enumerate(transfers):
        clock.at(start_s, ARRIVALS, lambda _, number=number: begin(number))
    for time_s, link, capacity in changes:
        clock.at(time_s, ARRIVALS, lambda _, link=link, capacity=capacity: network.set_capacity(link, capacity))
    clock.run_until(until_s)
    return ends, network


def test_two_flows_share_and_the_second_goes_on_alone():
    ends, network = run([10.0], [(0.0, (0,), inf, 100.0), (5.0, (0,), inf, 100.0)])
    assert ends == pytest.approx([15.0, 20.0])  # 50 bytes alone, then 5 a second each
    assert network.links[0].carried_bytes == 200.0 and network.links[0].busy_s == pytest.approx(20.0)


def test_a_limit_of_its_own_leaves_the_rest_to_others():
    assert run([10.0], [(0.0, (0,), 2.0, 20.0), (0.0, (0,), inf, 80.0)])[0] == pytest.approx([10.0, 10.0])


def test_nothing_moves_while_a_link_is_down():
    assert run([10.0], [(0.0, (0,), inf, 100.0)], changes=[(4.0, 0, 0.0), (7.0, 0, 20.0)])[0] == pytest.approx([10.0])
    assert run([0.0], [(0.0, (0,), inf, 1.0)], until_s=100.0)[0] == [inf]


def test_an_empty_transfer_ends_at_once():
    assert run([10.0], [(3.0, (0,), inf, 0.0)])[0] == [3.0]


def test_processor_sharing_has_the_sojourn_of_the_closed_form():
    """M/M/1 with processor sharing: a transfer of x bytes takes x / (C (1 - utilisation)) on average, whatever the sizes."""
    rng = np.random.default_rng(5)
    starts = np.cumsum(rng.exponential(1.0, 30_000))
    sizes = rng.exponential(0.6, len(starts))
    ends, _ = run([1.0], [(float(start), (0,), inf, float(size)) for start, size in zip(starts, sizes, strict=True)])
    taken = (np.array(ends) - starts)[2000:]
    batches = taken[: len(taken) // 20 * 20].reshape(20, -1).mean(axis=1)
    half = 2.861 * batches.std(ddof=1) / np.sqrt(20)  # 99 % of Student's t with 19 degrees of freedom
    assert abs(batches.mean() - 0.6 / (1 - 0.6)) < half


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_ends_are_those_of_a_fluid_simulation_in_small_steps(seed):
    rng = np.random.default_rng(seed)
    capacities = rng.integers(5, 30, 3).astype(float).tolist()
    transfers = [
        (
            float(rng.integers(0, 5)),
            tuple(sorted(rng.choice(3, rng.integers(1, 4), replace=False).tolist())),
            [inf, 4.0][rng.integers(2)],
            float(rng.integers(1, 60)),
        )
        for _ in range(6)
    ]
    ends, network = run(capacities, transfers)
    assert ends == pytest.approx(_fluid(capacities, transfers), abs=0.02)
    for position, link in enumerate(network.links):
        assert link.carried_bytes == pytest.approx(sum(size for _, links, _, size in transfers if position in links))


def _fluid(capacities, transfers, step_s=0.002):
    left, ends, now = [size for *_, size in transfers], [inf] * len(transfers), 0.0
    while any(end == inf for end in ends):
        active = [int(start <= now and end == inf) for (start, *_), end in zip(transfers, ends, strict=True)]
        rates = max_min_rates(capacities, [links for _, links, _, _ in transfers], [limit for _, _, limit, _ in transfers], active)
        now += step_s
        for number, rate in enumerate(rates):
            left[number] -= rate * step_s * active[number]
            if active[number] and left[number] <= 0:
                ends[number] = now
    return ends


def test_a_replayed_link_delivers_the_bytes_of_its_trace():
    clock = Clock()
    network = Network(clock, [Link("up", 0.0)])
    rng = np.random.default_rng(1)
    rates = rng.uniform(0, 1000, 50)
    replay(network, 0, ((float(second), float(rate)) for second, rate in enumerate([*rates, 0.0])))
    got = []
    network.send(network.flow_class([0]), float(rates.sum()) - 1e-6, lambda: got.append(clock.now))
    clock.run_until(100.0)
    assert got == pytest.approx([50.0], abs=1e-3)
