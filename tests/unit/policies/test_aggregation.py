"""Rules of aggregation against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim.policies.aggregation import AGGREGATION

RNG = np.random.default_rng(1)
UPDATES, SAMPLES, STALENESS = RNG.normal(size=(11, 7)), RNG.integers(1, 100, 11).astype(float), RNG.integers(0, 5, 11).astype(float)


def combined(rule: str, **tunables):
    return AGGREGATION[rule].tuned(tunables).combine(UPDATES, SAMPLES, STALENESS)


def test_the_mean_by_samples():
    assert combined("fedavg") == pytest.approx(np.average(UPDATES, axis=0, weights=SAMPLES))
    assert combined("fedprox") == pytest.approx(combined("fedavg"))
    assert combined("weighted", staleness_power=0) == pytest.approx(combined("fedavg"))


def test_old_answers_count_less():
    assert combined("weighted") == pytest.approx(np.average(UPDATES, axis=0, weights=SAMPLES / np.sqrt(1 + STALENESS)))
    assert combined("weighted", samples_power=0, staleness_power=0) == pytest.approx(UPDATES.mean(axis=0))


def test_the_trimmed_mean_is_scipys():
    assert combined("trimmed_mean", trim=0.2) == pytest.approx(stats.trim_mean(UPDATES, 0.2, axis=0))
    assert combined("trimmed_mean", trim=0.0) == pytest.approx(UPDATES.mean(axis=0))


@pytest.mark.parametrize("rule", AGGREGATION)
def test_nothing_cannot_be_aggregated(rule):
    with pytest.raises(ValueError, match="nothing to aggregate"):
        AGGREGATION[rule]().combine(np.empty((0, 3)), np.empty(0), np.empty(0))


@pytest.mark.parametrize("rule", AGGREGATION)
def test_equal_answers_are_their_own_mean_and_work_grows_with_answers_and_elements(rule):
    policy = AGGREGATION[rule]()
    assert policy.combine(np.ones((5, 3)), np.arange(1.0, 6.0), np.zeros(5)) == pytest.approx(np.ones(3))
    few, many, wide = policy.server_work(10, 1000), policy.server_work(100, 1000), policy.server_work(10, 3000)
    assert many.operations >= 10 * few.operations > 0 and wide.operations == pytest.approx(3 * few.operations)
    assert many.moved_bytes > few.moved_bytes


def test_only_the_proximal_term_costs_clients():
    costs = {rule: AGGREGATION[rule]().step_work(1000).operations for rule in AGGREGATION}
    assert costs.pop("fedprox") == 3000
    assert not any(costs.values())
