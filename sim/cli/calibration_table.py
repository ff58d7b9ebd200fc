"""A calibration as a person reads it, and as data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.fidelity.device_calibration import DeviceCalibration, FittedUnit, Row

UNCHANGED = 0.005
WIDE, NARROW = 100, 80  # columns: with two blanks between cells, and with predicted times beside their errors
_PREDICTIONS = ("before", "after", "left out")


def print_calibration(result: DeviceCalibration, files: Sequence[Path]) -> None:
    """The measurements with the predictions before, after and without each network; then each unit's parameters."""
    from sim.cli.table import print_table
    from sim.report.console import report_width
    from sim.report.safe_text import printable, shortened

    width = report_width(sys.stdout)
    names = ", ".join(dict.fromkeys(path.name for path in files))
    runtimes = ", ".join(dict.fromkeys(str(row.measured.case.use["runtime"]) for row in result.rows))
    configurations = "1 configuration" if len(result.rows) == 1 else f"{len(result.rows)} configurations"
    print(shortened(printable(f"{result.base.title}   {runtimes}   {configurations} from {names}"), width))
    print()
    times = width >= NARROW
    where = [name for name, wanted in (("unit", len({row.measured.case.unit for row in result.rows}) > 1), ("threads", _have_threads(result.rows))) if wanted]
    errors = [cell for name in _PREDICTIONS for cell in ((name, "") if times else (name,))]
    head = ["model", "precision" if width >= WIDE else "format", *where, "measured", *errors]
    rows = [*(_cells(row, where, times) for row in result.rows), _means(result.rows, where, times)]
    print_table(head, rows, right=range(2 + ("unit" in where), len(head)), flexible=0, gap=2 if width >= WIDE else 1)
    for fitted in result.units:
        print()
        _print_unit(fitted)


def _have_threads(rows: Sequence[Row]) -> bool:
    return any("threads" in row.measured.case.use for row in rows)


def _cells(row: Row, where: Sequence[str], times: bool) -> list[str]:
    from device_models.units import format_quantity

    case, use = row.measured.case, row.measured.case.use
    cells = [case.model, str(use["precision"]).replace("as_stored", "stored")]
    cells += [{"unit": case.unit, "threads": str(use.get("threads", ""))}[name] for name in where]
    cells.append(format_quantity(row.measured_s, "time"))
    for seconds in (row.before_s, row.after_s, row.left_out_s):
        cells += [] if not times else ["-" if seconds is None else format_quantity(seconds, "time")]
        cells.append("" if seconds is None else f"{100 * (seconds / row.measured_s - 1):+.0f} %")
    return cells


def _means(rows: Sequence[Row], where: Sequence[str], times: bool) -> list[str]:
    cells = ["mean error", "", *("" for _ in where), ""]
    for name in ("before_s", "after_s", "left_out_s"):
        errors = [abs(seconds / row.measured_s - 1) for row in rows if (seconds := getattr(row, name)) is not None]
        cells += [""] if times else []
        cells.append(f"{100 * sum(errors) / len(errors):.0f} %" if errors else "")
    return cells


def _print_unit(fitted: FittedUnit) -> None:
    from sim.cli.table import print_table

    error = "" if fitted.error is None else f", typically within {100 * fitted.error:.2g} % on unseen networks"
    print(f"{fitted.unit}: {fitted.calibration}{error}")
    tables = fitted.before.tables
    rows = []
    for name in fitted.before.names:
        pairs = ((fitted.before.values[table, name], fitted.after[table, name]) for table in tables)
        rows.append([name, *(f"{before:.3g}" if abs(after / before - 1) < UNCHANGED else f"{before:.3g} -> {after:.3g}" for before, after in pairs)])
    print_table(["parameter", *(table.replace("_", " ") + ("" if table in fitted.before.measured else " (carried)") for table in tables)], rows)


def calibration_data(result: DeviceCalibration) -> dict[str, Any]:
    """Everything of a calibration as JSON-able data; times in s."""
    rows = [
        {
            "model": row.measured.model,
            "unit": row.measured.case.unit,
            **{key: row.measured.case.use.get(key) for key in ("precision", "threads", "runtime")},
            "measured_s": row.measured_s,
            "before_s": row.before_s,
            "after_s": row.after_s,
            "left_out_s": row.left_out_s,
            "repeats": row.measured.repeats,
            "file": row.measured.measurement.file,
            "line": row.measured.measurement.line,
        }
        for row in result.rows
    ]
    units = {
        fitted.unit: {
            "calibration": fitted.calibration,
            "left_out_error_ratio": fitted.left_out,
            "error_ratio": fitted.error,
            "models": list(fitted.models),
            "parameters": {
                table: {name: {"before": fitted.before.values[table, name], "after": fitted.after[table, name]} for name in fitted.before.names}
                for table in fitted.before.tables
            },
        }
        for fitted in result.units
    }
    return {"schema": "edgesim.calibration/1", "device": result.base.name, "measurements": rows, "units": units}
