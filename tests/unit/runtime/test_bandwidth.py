"""Max-min fair sharing of the memory."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st

from device_models.kernel_costs import kernel_seconds
from sim.runtime.bandwidth import max_min_grants, share_for

demands = st.lists(st.floats(0.0, 1e3), min_size=1, max_size=6)


@given(demands, st.floats(1.0, 2e3))
def test_grants_are_max_min_fair(wanted: list[float], capacity: float) -> None:
    grants = max_min_grants(wanted, capacity)
    assert sum(grants) == pytest.approx(min(sum(wanted), capacity))
    for grant, demand in zip(grants, wanted, strict=True):
        assert grant <= demand
        if grant < demand * (1 - 1e-12):  # not satisfied: nobody has more
            assert grant == pytest.approx(max(grants), rel=1e-9)


def test_grants_by_hand() -> None:
    assert max_min_grants([2.0, 8.0, 8.0], 10.0) == [2.0, 4.0, 4.0]
    assert max_min_grants([1.0, 2.0], 10.0) == [1.0, 2.0]


@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 3.0, np.inf]), st.floats(1.01, 50.0))
def test_share_gives_the_time(seed: int, exponent: float, slowdown: float) -> None:
    rng = np.random.default_rng(seed)
    costs = synthetic.costs(rng.uniform(0, 1e-3, 12), rng.uniform(0, 1e-3, 12), fixed_s=1e-5, exponent=exponent)
    total_s = float(kernel_seconds(costs, 0.7e9).sum()) * slowdown
    share = share_for(costs, 0.7e9, total_s)
    assert 0 < share <= 1
    assert kernel_seconds(costs, 0.7e9, share).sum() == pytest.approx(total_s, rel=1e-9)
