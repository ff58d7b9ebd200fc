"""Accuracies that others measured: exactly the network's, or by a curve through published points of its family, never beyond them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sim.errors import EdgesimError
from sim.exploration.search.accuracy.curve import Curve
from sim.exploration.search.accuracy.provider import AccuracyEstimate, AccuracyProvider, Candidate, not_of_float
from sim.frontends.load import load_model
from sim.graph.work import total_macs
from sim.registry import Registry

TABLES = Path(__file__).resolve().parent / "tables"
ONCE_FOR_ALL = "mit-han-lab/once-for-all, README.md, specialised sub-nets"
NASBENCH201 = "HayeonLee/HELP, data/nasbench201/architecture_config; CIFAR-100 top-1"
_TRAINED_WIDTHS, _TRAINED_CLASSES, _RESOLUTIONS = (1.0, 1.2), 1000, (128, 236)  # of ofa_mbv3_d234_e346_k357; flops@595M itself is run at 236 pixels


@dataclass(frozen=True)
class Published(AccuracyProvider):
    """``table``: a name of :data:`PUBLISHED`, or a CSV file of the user's with columns ``macs`` and ``accuracy`` (0..1), relative to the scenario.

    ``target``: what the points were specialised for, where the table has several: networks for one kind of hardware that do equal work differ by
    less than those for different kinds. ``of_float``: networks that run in integers get the accuracy of the same network in float, and it says so.
    """

    table: str
    target: str = "phone"
    of_float: bool = False
    directory: Path = Path()

    def accuracy(self, candidate: Candidate) -> AccuracyEstimate:
        why_not = not_of_float(candidate)
        if why_not and not self.of_float:
            return AccuracyEstimate.unknown(why_not)
        lookup = PUBLISHED[self.table] if self.table in PUBLISHED else _of_file  # noqa: SIM401 (a registry's get raises for what it has not)
        found = lookup(self, candidate)
        if why_not and found.value_ratio is not None:
            return AccuracyEstimate(found.value_ratio, found.error_ratio, f"{found.basis}; of the network in float, what fewer bits cost is left out")
        return found

    def check(self) -> None:
        """Raises EdgesimError where there is no such table, or it cannot be read."""
        if self.table not in PUBLISHED:
            _file_curve(str(self.directory / self.table), self.table)


Lookup = Callable[[Published, Candidate], AccuracyEstimate]
PUBLISHED: Registry[Lookup] = Registry("table of accuracies")


@PUBLISHED.register("once_for_all")
def _once_for_all(provider: Published, candidate: Candidate) -> AccuracyEstimate:
    if candidate.model.get("source") != "once_for_all":
        return AccuracyEstimate.unknown("the table is of subnets of once_for_all")
    options: Mapping[str, Any] = candidate.model.get("options") or {}
    width, classes, resolution = options.get("width", 1.0), options.get("classes", _TRAINED_CLASSES), options.get("resolution", 224)
    if width not in _TRAINED_WIDTHS or classes != _TRAINED_CLASSES or not _RESOLUTIONS[0] <= resolution <= _RESOLUTIONS[1]:
        return AccuracyEstimate.unknown("the points are of widths 1.0 and 1.2, 1,000 classes, and 128 to 236 pixels")
    curve = _once_for_all_curve(provider.target)
    return _by_curve(curve, candidate, f"published points of subnets specialised for a {provider.target}, {ONCE_FOR_ALL}")


@PUBLISHED.register("nasbench201")
def _nasbench201(provider: Published, candidate: Candidate) -> AccuracyEstimate:
    """Of single cells: nothing is said of the others."""
    if candidate.model.get("source") != "nasbench201":
        return AccuracyEstimate.unknown("the table is of cells of nasbench201")
    rows = _rows(TABLES / "nasbench201.csv")
    arch = (candidate.model.get("options") or {}).get("arch")
    found = next((row for row in rows if row["arch"] == arch), None)
    if found is None:
        return AccuracyEstimate.unknown(f"not one of the {len(rows)} cells whose accuracy the table has")
    return AccuracyEstimate(float(found["top1_percent"]) / 100, None, f"{NASBENCH201}, {found['file']}")


def _of_file(provider: Published, candidate: Candidate) -> AccuracyEstimate:
    return _by_curve(_file_curve(str(provider.directory / provider.table), provider.table), candidate, f"points of {provider.table}")


def _by_curve(curve: Curve, candidate: Candidate, points: str) -> AccuracyEstimate:
    macs = _macs_count(candidate)
    value = curve.at(macs)
    if value is None:
        ends = f"{curve.least_macs / 1e6:.0f} to {curve.most_macs / 1e6:.0f}"
        return AccuracyEstimate.unknown(f"{macs / 1e6:.0f} million MACs lie outside the {curve.points_count} {points}: {ends} million")
    return AccuracyEstimate(value, curve.error_ratio, f"by its MACs from a curve through {curve.points_count} {points}; error of points left out of the fit")


def _macs_count(candidate: Candidate) -> float:
    """Of the network as it stands before anything is compressed."""
    if candidate.macs_count is not None and not candidate.model.get("compress"):
        return candidate.macs_count
    source, layers, input, options, shapes = (candidate.model.get(key) for key in ("source", "layers", "input", "options", "shapes"))
    directory = candidate.directory
    return total_macs(load_model(source, directory=directory, layers=layers, input=input, options=options or {}, shapes=shapes or {}))


@lru_cache
def _once_for_all_curve(target: str) -> Curve:
    rows = [row for row in _rows(TABLES / "once_for_all.csv") if row["target"] == target]
    return Curve.through([1e6 * float(row["macs_millions"]) for row in rows], [float(row["top1_percent"]) / 100 for row in rows])


@lru_cache
def _file_curve(path: str, name: str) -> Curve:
    """Raises EdgesimError for a file that is missing, or has other columns or values."""
    if not Path(path).is_file():
        raise EdgesimError(f"{name!r} is no table of accuracies ({', '.join(PUBLISHED)}) and no file")
    try:
        points = [(float(row["macs"]), float(row["accuracy"])) for row in _rows(Path(path))]
    except (KeyError, TypeError, ValueError, UnicodeDecodeError, csv.Error):
        raise EdgesimError(f"{name}: expected a CSV file with numbers in the columns macs and accuracy") from None
    if any(not 0 < macs < float("inf") or not 0 <= share <= 1 for macs, share in points):
        raise EdgesimError(f"{name}: MACs have to be above 0 and accuracies between 0 and 1")
    try:
        return Curve.through(*zip(*points, strict=True) if points else ((), ()))
    except EdgesimError as error:
        raise EdgesimError(f"{name}: {error}") from None


def _rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
