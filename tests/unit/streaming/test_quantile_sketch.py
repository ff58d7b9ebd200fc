"""The sketch against exact statistics: order, moments, merging, and memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.report.quantile import quantile
from sim.streaming.quantile_sketch import LARGEST, SMALLEST, QuantileSketch

ROUNDING = 1e-9
latencies = arrays.arrays(np.float64, st.integers(1, 200), elements=st.floats(0.0, 1e6, allow_subnormal=False))


def sketch_of(*parts: np.ndarray, relative_error: float = 1e-3) -> QuantileSketch:
    sketch = QuantileSketch(relative_error)
    for part in parts:
        sketch.extend(part)
    return sketch


@given(latencies, st.floats(0.001, 1.0), st.sampled_from([1e-3, 5e-3, 0.05]))
def test_a_quantile_is_within_the_relative_error_of_the_exact_sample(values: np.ndarray, share: float, error: float) -> None:
    exact = quantile(np.sort(values), share)
    found = sketch_of(values, relative_error=error).quantile(share)
    assert abs(found - exact) <= error * exact * (1 + ROUNDING) + SMALLEST


@given(latencies, st.data())
def test_every_rank_is_within_the_relative_error(values: np.ndarray, data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, len(values)))
    exact = float(np.sort(values)[rank - 1])
    assert abs(sketch_of(values).ordered(rank) - exact) <= 1e-3 * exact * (1 + ROUNDING) + SMALLEST


@given(latencies, latencies)
def test_parts_and_merged_sketches_are_one_stream(first: np.ndarray, second: np.ndarray) -> None:
    whole, parts, merged = sketch_of(np.concatenate([first, second])), sketch_of(first, second), sketch_of(first)
    merged.merge(sketch_of(second))
    for other in (parts, merged):
        assert (other.count, other.min, other.max) == (whole.count, whole.min, whole.max)
        assert [other.quantile(share) for share in (0.01, 0.5, 0.99)] == [whole.quantile(share) for share in (0.01, 0.5, 0.99)]
        assert other.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-12)
        assert other.variance == pytest.approx(whole.variance, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["lognormal", "pareto", "uniform", "expon"])
def test_moments_and_tails_of_known_distributions(name: str) -> None:
    from scipy import stats

    values = {
        "lognormal": stats.lognorm(0.8, scale=0.01),
        "pareto": stats.pareto(3.0, scale=0.005),
        "uniform": stats.uniform(0.001, 0.05),
        "expon": stats.expon(scale=0.02),
    }[name].rvs(50_000, random_state=1)
    sketch = sketch_of(*np.array_split(values, 17))
    assert sketch.mean == pytest.approx(values.mean(), rel=1e-12)
    assert sketch.variance == pytest.approx(values.var(), rel=1e-10)
    for share in (0.5, 0.9, 0.95, 0.99, 0.999):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        assert sketch.quantile(share) == pytest.approx(exact, rel=1e-3)
    middles, weights = sketch.points()
    assert weights.sum() == len(values) and (np.diff(middles) >= 0).all()


def test_memory_does_not_grow_with_the_values() -> None:
    rng, sketch = np.random.default_rng(0), QuantileSketch()
    bins = sketch.bins
    for _ in range(200):
        sketch.extend(10.0 ** rng.uniform(-14, 12, 1000))
    assert sketch.count == 200_000 and sketch.bins == bins == len(sketch._counters) < 26_000


def test_what_is_out_of_range_stays_at_its_ends() -> None:
    sketch = sketch_of(np.array([0.0, 0.0, SMALLEST / 10, 1.0, 2 * LARGEST]))
    assert sketch.quantile(0.2) == 0.0 and sketch.ordered(2) <= SMALLEST
    assert sketch.max == 2 * LARGEST == sketch.quantile(1.0)


def test_what_a_sketch_does_not_take() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        QuantileSketch(0.0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not negative"):
            sketch_of(np.array([1.0, wrong]))
    with pytest.raises(ValueError, match="do not add up"):
        sketch_of(np.ones(1)).merge(QuantileSketch(0.01))
    with pytest.raises(ValueError, match="rank 0 of 0"):
        QuantileSketch().quantile(0.5)
    assert sketch_of(np.array([])).count == 0
