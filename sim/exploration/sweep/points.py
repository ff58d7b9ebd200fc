"""The points of a sweep, drawn one by one: all combinations of its axes, or samples of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from math import gcd, prod
from typing import Any

import numpy as np

from sim.errors import EdgesimError
from sim.exploration.point import Point
from sim.scenario.search_axis import value_key
from sim.scenario.sweep import SampleUse, Sweep

Changes = tuple[tuple[str, Any], ...]
MOST_TESTED = 2_000_000  # combinations; testing that many takes some seconds
_CHUNK = 4096  # samples drawn at once
_MOST_SEARCHED = 100_000  # combinations looked through for one of each value


def sweep_points(sweep: Sweep, seed: int) -> Iterator[Point]:
    """In their order; the last axis changes fastest, replications of one combination follow each other. ``seed``: the scenario's own.

    Raises EdgesimError for a condition that cannot be worked out, or samples that need SciPy where it is missing.
    """
    position = 0
    for changes in combinations(sweep):
        for extra in range(sweep.replications):
            yield Point(position, changes if sweep.replications == 1 else (*changes, ("seed", seed + extra)))
            position += 1


def combinations(sweep: Sweep) -> Iterator[Changes]:
    """Those that are wanted, without replications. Raises EdgesimError."""
    return (changes for changes in (_grid(sweep) if sweep.sample is None else _sampled(sweep, sweep.sample)) if _is_wanted(sweep, changes))


def _is_wanted(sweep: Sweep, changes: Changes) -> bool:
    if not sweep.where:
        return True
    values = dict(changes)
    try:
        return all(one.holds(values) for one in sweep.where)
    except ValueError as error:
        raise EdgesimError(f"sweep.where: {error}") from None


def count_points(sweep: Sweep) -> int:
    """How many there are. Counted one by one where there are conditions. Raises EdgesimError, also where that would take too long."""
    every = sweep.sample.points if sweep.sample is not None else prod(_lengths(sweep))
    if not sweep.where:
        return every * sweep.replications
    if every > MOST_TESTED:
        what = f"{every:,} combinations are more than conditions are worked out for ({MOST_TESTED:,}); draw fewer with sample: {{kind: random, points: N}}"
        raise EdgesimError(f"sweep.where: {what}")
    return sum(1 for _ in combinations(sweep)) * sweep.replications


def probes(sweep: Sweep) -> Iterator[tuple[str, Changes]]:
    """Combinations in which every value of every axis stands at least once (of long ordered axes some), with the axis that is tried.

    With conditions they are wanted ones: what is ruled out is never run, so that it need not be possible.
    """
    return _wanted_probes(sweep) if sweep.where else _free_probes(sweep)


def _free_probes(sweep: Sweep) -> Iterator[tuple[str, Changes]]:
    first = {axis.path: axis.probes()[0] for axis in sweep.axes}
    yield "", tuple(first.items())
    for group in sweep.groups:
        members = [sweep.axes[position] for position in group]
        for row in list(zip(*(axis.probes() for axis in members), strict=False))[1:]:
            yield members[0].path, tuple({**first, **dict(zip((axis.path for axis in members), row, strict=True))}.items())


def _wanted_probes(sweep: Sweep) -> Iterator[tuple[str, Changes]]:
    """A value of a span is new at the first draw only: which values are drawn is chance."""
    open_values = {(axis.path, value_key(value)) for axis in sweep.axes if axis.values is not None for value in axis.probes()}
    is_first = True
    candidates = _scattered_grid(sweep) if sweep.sample is None else _sampled(sweep, sweep.sample)
    for changes in islice(candidates, _MOST_SEARCHED):
        new = {(path, value_key(value)) for path, value in changes} & open_values
        if not (new or is_first) or not _is_wanted(sweep, changes):
            continue
        open_values -= new
        yield next(iter(new))[0] if len(new) == 1 and not is_first else "", changes
        is_first = False
        if not open_values:
            return


def _lengths(sweep: Sweep) -> list[int]:
    """Of the groups of a grid, which has no spans."""
    return [len(sweep.axes[group[0]].values or ()) for group in sweep.groups]


def _grid(sweep: Sweep) -> Iterator[Changes]:
    lengths = _lengths(sweep)
    return (_combination(sweep, lengths, number) for number in range(prod(lengths)))


def _scattered_grid(sweep: Sweep) -> Iterator[Changes]:
    """The whole grid; a large one in great strides, so that its first part is of every region."""
    lengths = _lengths(sweep)
    total = prod(lengths)
    stride = 1
    if total > _MOST_SEARCHED:
        stride = next(one for one in count(total * 618 // 1000) if gcd(one, total) == 1)  # by the golden ratio no region is left out for long
    return (_combination(sweep, lengths, number * stride % total) for number in range(total))


def _combination(sweep: Sweep, lengths: Sequence[int], number: int) -> Changes:
    """The one at a place of the grid; the last group changes fastest."""
    indices = []
    for length in reversed(lengths):
        number, index = divmod(number, length)
        indices.append(index)
    return _changes(sweep, [(index + 0.5) / length for index, length in zip(reversed(indices), lengths, strict=True)])


def _sampled(sweep: Sweep, sample: SampleUse) -> Iterator[Changes]:
    for shares in _SAMPLES[sample.kind](len(sweep.groups), sample):
        for row in shares.tolist():
            yield _changes(sweep, row)


def _changes(sweep: Sweep, shares: Sequence[float]) -> Changes:
    """The axes' values at shares of the groups, in the order of the axes."""
    found: dict[int, tuple[str, Any]] = {}
    for group, share in zip(sweep.groups, shares, strict=True):
        for position in group:
            axis = sweep.axes[position]
            found[position] = (axis.path, axis.value(share))
    return tuple(found[position] for position in range(len(sweep.axes)))


def _random(dimensions: int, sample: SampleUse) -> Iterator[np.ndarray]:
    random = np.random.default_rng(sample.seed)
    for begun in range(0, sample.points, _CHUNK):
        yield random.random((min(_CHUNK, sample.points - begun), dimensions))


def _latin_hypercube(dimensions: int, sample: SampleUse) -> Iterator[np.ndarray]:
    yield np.asarray(_quasi_random().LatinHypercube(dimensions, seed=sample.seed).random(sample.points))


def _sobol(dimensions: int, sample: SampleUse) -> Iterator[np.ndarray]:
    import warnings

    engine = _quasi_random().Sobol(dimensions, scramble=True, seed=sample.seed)
    for begun in range(0, sample.points, _CHUNK):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers of points that are no power of two: a user may want them
            yield np.asarray(engine.random(min(_CHUNK, sample.points - begun)))


def _quasi_random() -> Any:
    try:
        from scipy.stats import qmc
    except ImportError:
        raise EdgesimError("sweep.sample: latin_hypercube and sobol need scipy; install it with: pip install 'edgesim[statistics]'") from None
    return qmc


_SAMPLES = {"random": _random, "latin_hypercube": _latin_hypercube, "sobol": _sobol}
