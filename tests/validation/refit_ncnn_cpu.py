"""Fit the CPU law's structural parameters anew: on all measurements, and once without each model family and without each chip.

``python -m tests.validation.refit_ncnn_cpu`` writes ``sim/fidelity/data/ncnn_cpu_folds.csv`` (about ten minutes on two cores); its
column ``all`` is what ``device_models/catalog/cost_classes.yaml`` has to say, which a test compares.
"""

from __future__ import annotations

import sys
from multiprocessing import get_context

import numpy as np

from sim.fidelity.cpu_structure import catalogued, fit_structure, folds, write_folds
from sim.fidelity.datasets.ncnn_cpu import DATASET, measured_rows, soc_of

ALL_ITERATIONS, FOLD_ITERATIONS = 6, 2


def fold_names() -> list[str]:
    """Names of all fits that leave something out."""
    cases = DATASET.cases()
    families = dict.fromkeys(f"family {case.family}" for case in cases)
    return [*families, *dict.fromkeys(f"soc {soc_of(case)}" for case in cases)]


def refit(name: str, start: np.ndarray, iterations: int = FOLD_ITERATIONS) -> np.ndarray:
    """Parameters fitted without ``name`` (``all``: on everything), from ``start``, ``[parameters]``."""
    cases = DATASET.cases()
    kind, _, what = name.partition(" ")
    out = {row for row, case in enumerate(cases) if what and (case.family if kind == "family" else soc_of(case)) == what}
    rows = [one for one, _ in measured_rows(cases, set(range(len(cases))) - out)]
    return fit_structure([row for row in rows if np.isfinite(row.measured_s).any()], start, iterations)


def main() -> None:
    """Fit everything and write it."""
    start = refit("all", folds()["all"] if "--warm" in sys.argv else catalogued(), ALL_ITERATIONS)
    names = fold_names()
    with get_context("spawn").Pool(2) as pool:
        fits = pool.starmap(refit, [(name, start) for name in names], chunksize=1)
    write_folds({"all": start, **dict(zip(names, fits, strict=True))})


if __name__ == "__main__":
    main()
