"""Fit the GPU law's structural parameters anew: on all measurements, and once without each model family and without each GPU.

``python -m tests.validation.refit_ncnn_gpu`` writes ``sim/fidelity/data/ncnn_gpu_folds.csv`` (some minutes on two cores); its column
``all`` is what ``device_models/catalog/cost_classes.yaml`` has to say, which a test compares.
"""

from __future__ import annotations

from multiprocessing import get_context

import numpy as np

from sim.fidelity.datasets.ncnn_gpu import DATASET, gpu_of, measured_rows
from sim.fidelity.gpu_structure import fit_structure, prior_means, write_folds

ALL_ITERATIONS, FOLD_ITERATIONS = 30, 4


def fold_names() -> list[str]:
    """Names of all fits that leave something out."""
    cases = DATASET.cases()
    families = dict.fromkeys(f"family {case.family}" for case in cases)
    return [*families, *dict.fromkeys(f"gpu {gpu_of(case)}" for case in cases)]


def refit(name: str, start: np.ndarray, iterations: int = FOLD_ITERATIONS) -> np.ndarray:
    """Parameters fitted without ``name`` (``all``: on everything), from ``start``, ``[parameters]``."""
    cases = DATASET.cases()
    kind, _, what = name.partition(" ")
    out = {row for row, case in enumerate(cases) if what and (case.family if kind == "family" else gpu_of(case)) == what}
    rows = [one for one, _ in measured_rows(cases, set(range(len(cases))) - out)]
    return fit_structure([row for row in rows if np.isfinite(row.measured_s).any()], start, iterations)


def main() -> None:
    """Fit everything and write it."""
    start = refit("all", prior_means(), ALL_ITERATIONS)
    names = fold_names()
    with get_context("spawn").Pool(2) as pool:
        fits = pool.starmap(refit, [(name, start) for name in names], chunksize=1)
    write_folds({"all": start, **dict(zip(names, fits, strict=True))})


if __name__ == "__main__":
    main()
