"""Parameters fitted without something (a model family, a device), as carried in a CSV: a row a parameter, a column a fit."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

KEY = ("cost_class", "table", "names")


def read_folds(path: Path) -> dict[str, np.ndarray]:
    """Natural logarithms of the parameters, ``[parameters]``, by what was left out (``all``, ``family resnet``, ``soc rk3588``)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.log([float(row[name]) for row in rows]) for name in rows[0] if name not in KEY}


def write_folds(path: Path, keys: Iterable[tuple[str, ...]], fits: Mapping[str, np.ndarray]) -> None:
    """Write what :func:`read_folds` reads; ``keys``: cost class, table and names of each parameter, in the order of the fits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*KEY, *fits])
        for position, key in enumerate(keys):
            writer.writerow([*key, *(f"{np.exp(fit[position]):.4g}" for fit in fits.values())])
