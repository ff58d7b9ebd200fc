"""Fits the structural factors and the chips' figures of the Hexagon dataset anew and writes its data files.

``python -m tests.validation.refit_aihub_npu`` takes a few minutes: one fit for the whole of each group, one without each model
family and one without each chip.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sim.fidelity.aihub_chips import DATA
from sim.fidelity.datasets.aihub_npu import LINES, WHOLE, Line, fitting, left_out_of
from sim.fidelity.npu_fit import CHIP, STRUCTURE, GroupFit, fit_group


def refit(line: Line, left_out: str, learnt: GroupFit | None) -> GroupFit:
    """One fit of a group; ``learnt``: that of the first group without the same rows."""
    whole = fitting(line)
    return fit_group(whole.group, whole.without(left_out), learnt.structure if learnt else None)


def refit_all() -> dict[tuple[str, str], GroupFit]:
    """All fits by group and what they leave out. Each group starts from what the first one says without the same rows."""
    found: dict[tuple[str, str], GroupFit] = {}
    first = LINES[0]
    for line in LINES:
        for left_out in left_out_of(line):
            learnt = None if line == first else found.get((first.name, left_out), found[first.name, WHOLE])
            found[line.name, left_out] = refit(line, left_out, learnt)
            print(line.name, left_out or "(nothing left out)", flush=True)
    return found


def write(found: dict[tuple[str, str], GroupFit], folder: Path) -> None:
    """The two tables of fits, five significant digits."""
    with (folder / "aihub_npu_structure.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["group", "left_out", *STRUCTURE, *(f"centre_{name}" for name in CHIP), "missed"])
        for (group, left_out), fit in found.items():
            table.writerow([group, left_out, *_printed([fit.structure[name] for name in STRUCTURE]), *_printed(fit.centre), " ".join(_printed(fit.missed))])
    with (folder / "aihub_npu_chips.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["group", "left_out", "chip", *CHIP])
        for (group, left_out), fit in found.items():
            for chip, figures in fit.chips.items():
                table.writerow([group, left_out, chip, *_printed(figures)])


def _printed(values: list[float] | np.ndarray) -> list[str]:
    return [f"{value:.5g}" for value in values]


if __name__ == "__main__":
    write(refit_all(), DATA)
