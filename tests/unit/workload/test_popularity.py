"""Zipf's law: exact shares for small collections, integrals behind the first million of large ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import zeta

from sim.workload.popularity import ZipfRanks, zipf_shares


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.5, 20.0])
def test_small_collections_are_as_their_shares_say(exponent: float) -> None:
    ranks, shares = ZipfRanks(50, exponent), zipf_shares(50, exponent)
    assert [ranks.share_of_first(count) for count in range(52)] == pytest.approx([0.0, *np.cumsum(shares)[:-1], 1.0, 1.0])
    draws = np.random.default_rng(1).random(2000)
    expected = np.searchsorted(np.cumsum(shares), draws, side="right")
    assert [ranks.item(draw) for draw in draws] == np.minimum(expected, 49).tolist()
    assert (ranks.item(0.0), ranks.item(np.nextafter(1.0, 0.0))) == (
        0,
        int(np.minimum(np.searchsorted(np.cumsum(shares), np.nextafter(1.0, 0.0), side="right"), 49)),
    )


@pytest.mark.parametrize("exponent", [0.0, 0.6, 1.0, 1.0 + 1e-9, 1.3])
def test_large_collections_are_as_if_summed(exponent: float) -> None:
    items = 3_000_000
    ranks, borders = ZipfRanks(items, exponent), np.cumsum(zipf_shares(items, exponent))
    for count in (1, 1000, 1 << 20, (1 << 20) + 1, 2_000_000, items - 1):
        assert ranks.share_of_first(count) == pytest.approx(borders[count - 1], rel=1e-9)
    for draw in np.random.default_rng(2).random(500):
        assert abs(ranks.item(draw) - int(np.searchsorted(borders, draw, side="right"))) <= 1
    assert ranks.item(np.nextafter(1.0, 0.0)) <= items - 1


def test_the_largest_collection_against_the_zeta_function() -> None:
    items, exponent = 100_000_000, 1.5
    total = zeta(exponent) - zeta(exponent, items + 1)
    assert ZipfRanks(items, exponent).share_of_first(10_000_000) == pytest.approx((zeta(exponent) - zeta(exponent, 10_000_001)) / total, rel=1e-12)


def test_all_alike_are_drawn_alike() -> None:
    ranks = ZipfRanks(100_000_000, 0.0)
    assert [ranks.item(draw) for draw in (0.25, 0.5, 0.999999)] == pytest.approx([25_000_000, 50_000_000, 99_999_900], abs=1)
