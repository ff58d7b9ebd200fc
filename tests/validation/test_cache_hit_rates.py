"""Hit rates of caches for independent requests of Zipf popularity, against closed forms and approximations of known accuracy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sim.policies.cache import CACHES, ResultCache
from sim.workload.popularity import zipf_shares


def hits(policy: str, keys: Sequence[int], size: int) -> list[bool]:
    """Each key asked for in turn, and filled at once if it was missed."""
    rng = np.random.default_rng(0)
    found, store = [], ResultCache(CACHES[policy](lambda: float(rng.random())), size)
    for now_s, key in enumerate(keys):
        found.append(store.get(key, now_s))
        if not found[-1]:
            store.put(key, now_s)
    return found


def _characteristic(shares: np.ndarray, size: int, held: Callable[[np.ndarray, float], np.ndarray]) -> np.ndarray:
    """Probability that each item is held, when the expected number of held items is the size."""
    from scipy.optimize import brentq

    time = brentq(lambda t: held(shares, t).sum() - size, 1e-9, 1e12)
    return held(shares, time)


def che_hit_rate(shares: np.ndarray, size: int) -> float:
    """LRU by Che's approximation: an item is held if it was asked for within the characteristic time."""
    return float(shares @ _characteristic(shares, size, lambda p, t: -np.expm1(-p * t)))


def fifo_hit_rate(shares: np.ndarray, size: int) -> float:
    """FIFO and random replacement, which have the same (Gelenbe 1973); in the form of the characteristic time."""
    return float(shares @ _characteristic(shares, size, lambda p, t: p * t / (1 + p * t)))


def lru_exact(shares: np.ndarray, size: int) -> float:
    """The stationary law of the move-to-front list (King 1971): each ordered content has p1 p2/(1-p1) p3/(1-p1-p2) ..."""
    total = 0.0
    for content in itertools.permutations(range(len(shares)), size):
        chance, left = 1.0, 1.0
        for item in content:
            chance *= shares[item] / left
            left -= shares[item]
        total += chance * shares[list(content)].sum()
    return total


def fifo_exact(shares: np.ndarray, size: int) -> float:
    """The stationary law of FIFO and random replacement: a content has a probability in proportion to the product of its shares."""
    contents = [list(content) for content in itertools.combinations(range(len(shares)), size)]
    weights = np.array([shares[content].prod() for content in contents])
    return float(weights @ [shares[content].sum() for content in contents] / weights.sum())


def _interval(found: Sequence[bool], batches: int = 30) -> tuple[float, float]:
    """99 % confidence interval of the hit rate by batch means, the first fifth left out: there the cache fills."""
    from scipy import stats

    means = np.array([batch.mean() for batch in np.array_split(np.array(found[len(found) // 5 :], float), batches)])
    half = float(stats.t.ppf(0.995, batches - 1)) * means.std(ddof=1) / math.sqrt(batches)
    return means.mean() - half, means.mean() + half


def _keys(shares: np.ndarray, count: int, seed: int) -> list[int]:
    found: list[int] = np.random.default_rng(seed).choice(len(shares), size=count, p=shares).tolist()
    return found


@pytest.mark.parametrize(("policy", "exact"), [("lru", lru_exact), ("fifo", fifo_exact), ("random", fifo_exact)])
@pytest.mark.parametrize(("items", "exponent", "size"), [(6, 1.0, 3), (7, 0.6, 2), (6, 2.0, 4)])
def test_small_caches_have_the_exact_stationary_hit_rate(
    policy: str, exact: Callable[[np.ndarray, int], float], items: int, exponent: float, size: int
) -> None:
    shares = zipf_shares(items, exponent)
    low, high = _interval(hits(policy, _keys(shares, 60_000, 11), size))
    assert low <= exact(shares, size) <= high


@pytest.mark.parametrize(("policy", "theory"), [("lru", che_hit_rate), ("fifo", fifo_hit_rate), ("random", fifo_hit_rate)])
@pytest.mark.parametrize(("exponent", "size"), [(1.0, 100), (0.8, 300)])
def test_large_caches_have_the_hit_rate_of_the_approximation(policy: str, theory: Callable[[np.ndarray, int], float], exponent: float, size: int) -> None:
    """The approximations are good to a few thousandths for a thousand items; the interval is widened by that."""
    shares = zipf_shares(1000, exponent)
    low, high = _interval(hits(policy, _keys(shares, 120_000, 3), size))
    assert low - 0.003 <= theory(shares, size) <= high + 0.003


def test_ideal_lfu_comes_to_hold_the_most_popular() -> None:
    """Its hit rate tends to the mass of the most popular items, which no policy that does not know the future surpasses."""
    shares = zipf_shares(200, 1.2)
    found = hits("lfu", _keys(shares, 200_000, 7), 20)
    low, high = _interval(found[100_000:])
    assert low - 0.002 <= shares[:20].sum() <= high + 0.002
