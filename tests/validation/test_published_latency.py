"""Predictions against published latencies, through the simulator's whole path; the table is printed (``pytest -s``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from .published import Case, aihub_cases, ncnn_cases, relative_errors, tiny_cases

# Bounds leave room over what is reached today (README), so that they catch a regression and not a rounding.
SETS: dict[str, tuple[Callable[[Path], Iterator[Case]], float, float]] = {
    "ncnn": (ncnn_cases, 0.18, 0.25),
    "aihub": (aihub_cases, 0.15, 0.20),
    "tiny": (tiny_cases, 0.25, 0.30),
}


@pytest.mark.parametrize("name", SETS)
def test_errors_against_published_latencies(name: str, shared: Path) -> None:
    cases, median_bound, mean_bound = SETS[name]
    errors = relative_errors(cases(shared))
    for group, error in errors.items():
        size = np.abs(error)
        print(f"{group:50s} {len(error):3d} points   mean {size.mean():6.1%}   median {np.median(size):6.1%}   bias {np.median(error):+6.1%}")
    everything = np.abs(np.concatenate(list(errors.values())))
    assert len(everything) >= 12
    assert np.median(everything) < median_bound
    assert everything.mean() < mean_bound
