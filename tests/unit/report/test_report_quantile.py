"""Quantiles and histograms of latencies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.quantile import histogram, quantile

samples = st.lists(st.floats(0, 1e3, allow_nan=False), min_size=1, max_size=300)


@given(samples, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantile_is_numpys_inverted_cdf(values: list[float], share: float) -> None:
    ordered = np.sort(values)
    assert quantile(ordered, share) == np.quantile(ordered, share, method="inverted_cdf")


def test_quantile_of_a_hundred_is_the_ninety_ninth() -> None:
    assert quantile(np.arange(1, 101), 0.99) == 99
    assert quantile(np.arange(1, 11), 0.9) == 9


def test_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        quantile(np.array([]), 0.5)


@given(samples)
def test_histogram_counts_every_sample(values: list[float]) -> None:
    found = histogram(np.sort(values))
    assert sum(found.counts_count) == len(values)
    assert len(found.edges_s) == len(found.counts_count) + 1
    assert found.edges_s[0] == min(values) and found.edges_s[-1] == max(values)
