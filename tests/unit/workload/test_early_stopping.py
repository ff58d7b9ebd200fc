"""Early stopping against sums of exact fractions, scipy, and what published LoadGen logs say."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.workload.early_stopping import CONFIDENCE, binomial_tail, most_over, proves, queries_needed


def exact_tail(most: int, trials: int, probability: Fraction) -> Fraction:
    return sum((math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k) for k in range(most + 1)), Fraction(0))


@given(st.integers(1, 120), st.integers(1, 99), st.data())
def test_the_tail_is_the_sum_of_exact_fractions(trials: int, percent: int, data: st.DataObject) -> None:
    most = data.draw(st.integers(0, trials))
    exact = exact_tail(most, trials, Fraction(percent, 100))
    assert binomial_tail(most, trials, percent / 100) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize(("most", "trials", "probability"), [(2500, 270_336, 0.01), (7797, 79_944, 0.1), (3, 1_000_000, 1e-5), (500_000, 1_000_000, 0.5)])
def test_the_tail_of_long_runs(most: int, trials: int, probability: float) -> None:
    from scipy import stats

    assert binomial_tail(most, trials, probability) == pytest.approx(stats.binom.cdf(most, trials, probability), rel=1e-6)


def test_tails_outside_the_range() -> None:
    assert binomial_tail(-1, 10, 0.1) == 0.0
    assert binomial_tail(10, 10, 0.1) == 1.0 == binomial_tail(11, 10, 0.1)


@pytest.mark.parametrize(
    ("over", "percentile", "needed"),
    [
        (1, 0.90, 64),  # "Need to process at least 64 queries": SingleStream
        (1, 0.99, 662),  # min_query_count of MultiStream in mlperf.conf, and the 99th of SingleStream
        (0, 0.99, 459),
    ],
)
def test_published_numbers_of_queries(over: int, percentile: float, needed: int) -> None:
    assert queries_needed(over, percentile) == needed


@pytest.mark.parametrize(("queries", "left_out"), [(79_944, 7796), (659, 47)])
def test_published_logs_of_single_stream(queries: int, left_out: int) -> None:
    """Queries and "Would discard ... highest latency queries" of summaries that were published (90th percentile)."""
    over = most_over(queries, 0.9)
    assert over is not None and over - 1 == left_out


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.97])
def test_against_brute_force(percentile: float) -> None:
    """Every number of queries up to 150, every number of slow ones: the definition itself, in fractions."""
    allowed, share = 1 - Fraction(CONFIDENCE).limit_denominator(1000), Fraction(percentile).limit_denominator(1000)
    proved = {(n, t): exact_tail(t, n, 1 - share) < allowed for n in range(1, 151) for t in range(4)}
    for over in range(4):
        first = next((n for n in range(over + 1, 151) if proved[n, over]), None)
        if first is not None:
            assert queries_needed(over, percentile) == first
    for queries in (1, 7, 20, 64, 100, 150):
        slow = [t for t in range(1, queries + 1) if exact_tail(t, queries, 1 - share) < allowed]
        assert most_over(queries, percentile) == max(slow, default=None)


@given(st.integers(0, 300), st.sampled_from([0.9, 0.95, 0.99]))
def test_fewest_means_that_one_less_is_not_enough(over: int, percentile: float) -> None:
    needed = queries_needed(over, percentile)
    assert proves(needed, over, percentile) and not proves(needed - 1, over, percentile)
    if over:
        assert most_over(needed, percentile) == over
