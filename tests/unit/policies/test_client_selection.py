"""Selection of clients: who is asked, by hand-made data."""

from __future__ import annotations

import numpy as np
import pytest

from sim.policies.client_selection import CLIENT_SELECTION
from sim.policies.client_selection.oort import utilities


class View:
    """A population of which everything is known; ``away``: who cannot take part."""

    def __init__(self, count: int, away=(), **values) -> None:
        self.population, self.now_s, self.round = count, 0.0, 0
        self._there = np.ones(count, dtype=bool)
        self._there[list(away)] = False
        self._values = {name: np.asarray(value, dtype=float) for name, value in values.items()}
        self._rng = np.random.default_rng(0)

    def draw(self, number):
        return self._rng.permutation(np.flatnonzero(self._there))[:number]

    def can_take_part(self, clients):
        return self._there[clients]

    def _of(self, name, clients, default):
        return self._values[name][clients] if name in self._values else np.full(len(clients), default)

    def expected_s(self, clients):
        return self._of("expected_s", clients, 1.0)

    def remaining_s(self, clients):
        return self._of("remaining_s", clients, np.inf)

    def charge(self, clients):
        return self._of("charge", clients, 1.0)

    def samples(self, clients):
        return self._of("samples", clients, 100.0)


def started(name: str, view: View, **tunables):
    policy = CLIENT_SELECTION[name].tuned(tunables)
    policy.start(view.population, np.random.default_rng(1))
    return policy


@pytest.mark.parametrize("name", CLIENT_SELECTION)
def test_whoever_selects_gets_different_clients_that_can_take_part(name):
    view = View(200, away=range(0, 200, 3))
    policy = started(name, view)
    for number in (1, 10, 60, 133, 200):
        for _ in range(3):
            clients = policy.select(view, number)
            assert len(clients) == len(set(clients.tolist())) == min(number, 133)
            assert view.can_take_part(clients).all()
            policy.learn(view, clients, np.linspace(1, 2, len(clients)), np.linspace(1, 3, len(clients)))
            view.round += 1


def test_power_of_choice_takes_the_highest_known_losses_of_all_candidates():
    view = View(20)
    policy = started("power_of_choice", view, candidates=100)
    everybody = np.arange(20)
    policy.learn(view, everybody, np.ones(20), np.arange(20.0))
    assert sorted(policy.select(view, 5).tolist()) == [15, 16, 17, 18, 19]


def test_power_of_choice_asks_those_first_that_never_answered():
    view = View(20)
    policy = started("power_of_choice", view, candidates=100)
    policy.learn(view, np.arange(15), np.ones(15), np.full(15, 100.0))
    assert sorted(policy.select(view, 5).tolist()) == [15, 16, 17, 18, 19]


def test_candidates_are_drawn_by_their_samples():
    view = View(40, samples=np.where(np.arange(40) < 20, 1.0, 9.0))
    policy = started("power_of_choice", view, candidates=1)
    drawn = np.zeros(40)
    for _ in range(4000):
        drawn[policy.select(view, 1)] += 1
    # two are drawn, and the one with the smaller of two exponential times is taken: 9 to 1 when they differ
    assert drawn[20:].sum() / 4000 == pytest.approx(20 / 40 * 19 / 39 + 2 * 0.9 * 20 / 40 * 20 / 39, abs=0.03)


def test_availability_prefers_those_that_stay_long_enough():
    view = View(30, remaining_s=np.where(np.arange(30) < 10, 100.0, 5.0), expected_s=np.full(30, 10.0))
    policy = started("availability", view, candidates=30)
    assert set(policy.select(view, 10).tolist()) == set(range(10))


def test_battery_prefers_the_full_ones():
    view = View(30, charge=np.linspace(0, 1, 30))
    assert sorted(started("battery", view, candidates=30, enough=1.0).select(view, 3).tolist()) == [27, 28, 29]


def test_utility_of_oort_on_hand_made_data():
    found = utilities(np.array([10.0, 10.0, 10.0]), np.array([5.0, 10.0, 20.0]), 10.0, 2.0)
    assert found == pytest.approx([10.0, 10.0, 10.0 / 4])


def test_oort_adds_what_it_does_not_know_any_more():
    view = View(4, samples=[10, 10, 10, 10])
    policy = started("oort", view, clip=1.0, pacer_start=1.0)
    policy.learn(view, np.array([0, 1]), np.array([1.0, 1.0]), np.array([1.0, 2.0]))
    view.round = 9
    policy.learn(view, np.array([2, 3]), np.array([1.0, 1.0]), np.array([1.0, 2.0]))
    spread = 20.0 - 10.0
    old, new = np.sqrt(0.1 * np.log(10) / 1), np.sqrt(0.1 * np.log(10) / 10)
    assert policy.utility(10) == pytest.approx([10 + old * spread, 20 + old * spread, 10 + new * spread, 20 + new * spread])


def test_oort_discounts_the_slow_and_asks_for_the_useful():
    view = View(100)
    policy = started("oort", view, exploration=0.0, exploration_least=0.0, cutoff=1.0, pacer_start=0.5)
    seconds = np.where(np.arange(100) < 50, 1.0, 100.0)
    policy.learn(view, np.arange(100), seconds, np.ones(100))
    view.round = 1
    assert (policy.select(view, 40) < 50).all()


def test_oort_explores_its_share_and_the_fast_ones_first():
    view = View(1000, expected_s=np.where(np.arange(1000) % 2, 1.0, 1000.0))
    policy = started("oort", view, exploration=0.5, exploration_decay=1.0)
    known = np.arange(0, 1000, 10)
    policy.learn(view, known, np.ones(100), np.ones(100))
    view.round = 1
    clients = policy.select(view, 40)
    new = clients[~np.isin(clients, known)]
    assert len(new) == 20
    assert (new % 2 == 1).sum() > 15


def test_the_pacer_gives_more_time_when_rounds_bring_less():
    view = View(1000)
    policy = started("oort", view, window=2, pacer_start=0.2, pacer_step=0.1)
    quantiles = []
    for losses in (5.0, 5.0, 4.0, 4.0, 6.0, 6.0):
        policy.learn(view, np.arange(10), np.linspace(1, 10, 10), np.full(10, losses))
        quantiles.append(policy._quantile)
    assert quantiles == pytest.approx([0.2, 0.2, 0.2, 0.3, 0.3, 0.3])


def test_oort_leaves_out_those_that_have_done_enough():
    view = View(20)
    policy = started("oort", view, blacklist=2, exploration=0.0, exploration_least=0.0)
    for _ in range(2):
        policy.learn(view, np.arange(10), np.ones(10), np.full(10, 5.0))
    policy.learn(view, np.arange(10, 20), np.ones(10), np.ones(10))
    view.round = 3
    assert sorted(policy.select(view, 10).tolist()) == list(range(10, 20))
