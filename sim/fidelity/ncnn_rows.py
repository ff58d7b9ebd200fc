"""What the tables of ncnn's own benchmark have in common: a row a network and device, regimes that predict some rows from others."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_models.spec import DeviceSpec
from sim.fidelity.case import Case, Regime

Predicted = Sequence[tuple[list[int], DeviceSpec | None]]  # rows of the cases, and the device that predicts them


@dataclass(frozen=True)
class NcnnTable:
    """A dataset. ``regimes_by_name``: which device predicts which rows of the cases, given them and how many networks are measured."""

    name: str
    title: str
    all_cases: Callable[[], tuple[Case, ...]]
    regimes_by_name: Mapping[Regime, Callable[[list[Case], int], Predicted]]

    @property
    def regimes(self) -> tuple[Regime, ...]:
        return tuple(self.regimes_by_name)

    def cases(self) -> list[Case]:
        return list(self.all_cases())

    def devices(self, cases: list[Case], regime: Regime, shots: int = 5) -> list[DeviceSpec | None]:
        found: list[DeviceSpec | None] = [None] * len(cases)
        for case_rows, device in self.regimes_by_name[regime](cases, shots):
            for row in case_rows:
                found[row] = device
        return found


def table_rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with the line each stands on."""
    with file.open(newline="", encoding="utf-8") as stream:
        yield from enumerate(csv.DictReader(stream), start=2)
