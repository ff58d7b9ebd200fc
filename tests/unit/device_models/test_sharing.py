"""Max-min fair shares against a separate solver: linear programs that raise the smallest rates first."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.sharing import max_min_rates


def by_linear_programs(capacities: list[float], routes: list[tuple[int, ...]], limits: list[float], flows: list[int]) -> np.ndarray:
    """Lexicographic: maximise the smallest rate of all that are not fixed yet, fix those that cannot have more, repeat."""
    from scipy.optimize import linprog

    classes = [index for index, number in enumerate(flows) if number]
    use = np.array([[flows[index] * (link in routes[index]) for index in classes] for link in range(len(capacities))], dtype=float)
    top = [limits[index] if limits[index] < inf else None for index in classes]
    fixed: dict[int, float] = {}
    while len(fixed) < len(classes):
        free = [position for position in range(len(classes)) if position not in fixed]
        bounds = [(fixed[p], fixed[p]) if p in fixed else (0, top[p]) for p in range(len(classes))]
        # the variable behind the rates is the smallest free rate
        rows = np.hstack([use, np.zeros((len(capacities), 1))])
        least = np.zeros((len(free), len(classes) + 1))
        for row, position in enumerate(free):
            least[row, position], least[row, -1] = -1.0, 1.0
        limit = np.concatenate([capacities, np.zeros(len(free))])
        found = linprog([*[0.0] * len(classes), -1.0], A_ub=np.vstack([rows, least]), b_ub=limit, bounds=[*bounds, (0, None)])
        level = found.x[-1]
        for position in free:  # who could have more if all free ones had at least this
            more = linprog(
                [-float(p == position) for p in range(len(classes))],
                A_ub=use,
                b_ub=capacities,
                bounds=[(fixed[p], fixed[p]) if p in fixed else (max(level - 1e-9, 0), top[p]) for p in range(len(classes))],
            )
            if -more.fun <= level + 1e-6:
                fixed[position] = level
    rates = np.zeros(len(flows))
    for position, index in enumerate(classes):
        rates[index] = fixed[position]
    return rates


@st.composite
def networks(draw):
    links = draw(st.integers(1, 4))
    capacities = [float(draw(st.integers(1, 50))) for _ in range(links)]
    classes = draw(st.integers(1, 4))
    routes = [tuple(sorted(draw(st.sets(st.integers(0, links - 1), min_size=1)))) for _ in range(classes)]
    limits = [draw(st.sampled_from([inf, 1.0, 3.0, 7.5])) for _ in range(classes)]
    return capacities, routes, limits, [draw(st.integers(0, 4)) for _ in range(classes)]


@settings(max_examples=60, deadline=None)
@given(networks())
def test_rates_are_those_of_a_separate_solver(case):
    assert max_min_rates(*case) == pytest.approx(by_linear_programs(*case), rel=1e-5, abs=1e-5)


def test_the_textbook_example():
    """One long flow over two links, one short flow on each: the long one has half of the tighter link."""
    assert max_min_rates([1.0, 2.0], [(0, 1), (0,), (1,)], [inf] * 3, [1, 1, 1]) == pytest.approx([0.5, 0.5, 1.5])


def test_a_link_that_is_down_gives_nothing_and_others_go_on():
    assert max_min_rates([0.0, 4.0], [(0,), (1,)], [inf, inf], [2, 2]) == pytest.approx([0.0, 2.0])


def test_without_any_limit_there_is_no_rate():
    with pytest.raises(ValueError, match="no limit"):
        max_min_rates([1.0], [()], [inf], [1])
