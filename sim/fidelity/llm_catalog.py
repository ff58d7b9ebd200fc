"""Fits language models' figures to all published token rates, for the catalogue: ``python -m sim.fidelity.llm_catalog`` prints them.

Class figures belong into ``device_models/catalog/cost_classes.yaml``, those of devices into the unit's ``structure``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.fidelity.case import Case
from sim.fidelity.datasets.llm_decode import classes, fitted
from sim.fidelity.llm_fit import Fit, line_of, parameters_of


class Row(NamedTuple):
    """A figure: ``owner`` is a class (of cost and engine) or a device's unit, ``table`` and ``row`` where it stands."""

    owner: str
    table: str
    row: str
    value: float


def figures(costs: tuple[str, ...] = ()) -> Iterator[Row]:
    """Figures of each class, then of the devices it was fitted on; ``costs``: only of these cost classes (``cpu`` for CPUs), all if empty."""
    for key, members in classes().items():
        if costs and key[0] not in costs:
            continue
        fit = fitted(tuple(case.line for case in members))
        yield from _of_class(members, fit)
        yield from _of_devices(members, fit)


def _of_class(members: list[Case], fit: Fit) -> Iterator[Row]:
    blank = Fit(fit.of_class)  # no device's factors
    seen: dict[tuple[str, str, str], float] = {}
    for case in members:
        unit = case.spec.units[case.unit]
        owner = unit.kind if unit.kind == "cpu" else unit.cost_class
        # the catalogue's streams are those of decoding
        chosen = [p for p in parameters_of(case) if p.table != "stream" or case.metric == "decode_tokens_per_s"]
        seen |= {(owner, p.table, p.row): blank.value(case, p) for p in chosen}
    yield from (Row(*place, value) for place, value in seen.items())


def _of_devices(members: list[Case], fit: Fit) -> Iterator[Row]:
    seen: dict[tuple[str, str, str], float] = {}
    for case in members:
        line = line_of(case)
        seen |= {(f"{line.device}.{line.unit}", p.table, p.row): fit.value(case, p) for p in parameters_of(case) if p.of_device}
    yield from (Row(*place, value) for place, value in seen.items())


if __name__ == "__main__":
    for figure in figures():
        print(f"{figure.owner:36s} {figure.table:10s} {figure.row:24s} {figure.value:.3g}")
