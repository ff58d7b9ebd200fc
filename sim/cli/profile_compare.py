"""``edgesim profile --compare``: a measured operator profile beside the simulated one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device_models.spec import DeviceSpec
    from sim.compiler.program import Program
    from sim.measurements import Measurement
    from sim.report.operator_comparison import LoneRow, OperatorComparison
    from sim.report.operator_profile import OperatorProfile
    from sim.scenario.model import ModelUse

ALONE_SHOWN = 8


def measured_profile(file: str, model: str) -> Measurement:
    """The profile in a file. Raises EdgesimError for one that cannot be read or has no operators; warnings of its reader go to the error stream."""
    from sim.errors import EdgesimError
    from sim.measurements import read_measurements
    from sim.report.operator_comparison import profiled
    from sim.report.safe_text import printable

    found = read_measurements([Path(file)])
    if found.problems:
        raise EdgesimError(found.problems)
    chosen = profiled(found.measurements, file, model)
    for warning in found.warnings:
        print(printable(f"warning: {warning}"), file=sys.stderr)
    return chosen


def suited(use: ModelUse, device: DeviceSpec, measurement: Measurement) -> ModelUse:
    """The use of the model with the runtime and the CPU threads of the profile, where the user gives none and the device has them."""
    runtime = use.runtime or (measurement.runtime if measurement.runtime in device.runtimes else None)
    return use.model_copy(update={"runtime": runtime, "threads": use.threads or measurement.threads})


def print_comparison(program: Program, device: DeviceSpec, profile: OperatorProfile, measurement: Measurement, top: int | None) -> None:
    """Tables: operators by difference, sums by type and unit, what has no partner, totals."""
    from sim.report.operator_comparison import compare_operators
    from sim.report.safe_text import printable

    found = compare_operators(program, profile, measurement)
    for warning in found.warnings:
        print(printable(f"warning: {measurement.file}: {warning}"), file=sys.stderr)
    print(printable(f"{program.model}   {program.precision}   {program.runtime} on {device.title}"))
    _totals(found)
    _rows(found, top)
    _sums(found)
    _alone("measured only", found.only_measured, found.measured_total_s)
    _alone("simulated only", found.only_simulated, found.simulated_total_s)


def comparison_data(program: Program, profile: OperatorProfile, measurement: Measurement) -> dict[str, Any]:
    """The comparison as self-describing data."""
    from sim.report.operator_comparison import compare_operators
    from sim.report.quantities import described

    return described(compare_operators(program, profile, measurement))


def _totals(found: OperatorComparison) -> None:
    from sim.cli.table import print_table
    from sim.report.numbers import percent
    from sim.report.safe_text import printable

    print(printable(f"compared with {found.source} ({', '.join(part for part in (found.model, found.runtime) if part)})"))
    named, matched = percent(found.named_ratio, 2), percent(found.matched_measured_ratio, 2)
    print(f"partners: {matched} of the measured time ({named} by name), {percent(found.matched_simulated_ratio, 2)} of the simulated")
    rows = [
        ["inference", *_times(found.inference_measured_s, found.inference_simulated_s)],
        ["operators", *_times(found.measured_total_s, found.simulated_total_s)],
        ["with a partner", *_times(sum(row.measured_s for row in found.rows), sum(row.simulated_s for row in found.rows))],
    ]
    print_table(["", "measured", "simulated", "difference", "ratio"], rows, right=(1, 2, 3, 4))
    print()


def _rows(found: OperatorComparison, top: int | None) -> None:
    from sim.cli.table import print_table
    from sim.report.console import report_width

    wide = report_width(sys.stdout) >= 100
    shown = found.rows if top is None else found.rows[:top]
    rows = []
    for row in shown:
        unit = row.unit if row.measured_unit in ("", row.unit) or row.unit.startswith(row.measured_unit) else f"{row.unit} (measured: {row.measured_unit})"
        extra = [row.operator] if wide else []
        rows.append([row.name, *extra, unit, *_times(row.measured_s, row.simulated_s), row.bound, row.by])
    head = ["operator", *(["types"] if wide else []), "unit", "measured", "simulated", "difference", "ratio", "bound", "by"]
    first = 3 if wide else 2
    print_table(head, rows, right=tuple(range(first, first + 4)), flexible=0, gap=2 if wide else 1)
    if len(shown) < len(found.rows):
        print(f"and {len(found.rows) - len(shown)} more, which differ less")
    print()


def _sums(found: OperatorComparison) -> None:
    from sim.cli.table import print_table

    rows = [
        [row.operator, row.unit, f"{row.measured_rows_count} / {row.simulated_kernels_count}", *_times(row.measured_s, row.simulated_s)]
        for row in found.sums
        if row.measured_s > 0 or row.simulated_s > 0
    ]
    print_table(["type", "unit", "number", "measured", "simulated", "difference", "ratio"], rows, right=(2, 3, 4, 5, 6), flexible=0)
    print()


def _alone(title: str, rows: tuple[LoneRow, ...], total_s: float) -> None:
    from sim.cli.table import print_table
    from sim.report.numbers import percent

    if not rows:
        return
    sum_s = sum(row.time_s for row in rows)
    shown = [[row.name or "?", row.operator or "?", row.unit, _time(row.time_s)] for row in rows[:ALONE_SHOWN]]
    print_table([f"{title} ({len(rows)}, {percent(sum_s / total_s if total_s else 0.0)})", "type", "unit", "time"], shown, right=(3,), flexible=0)
    if len(rows) > ALONE_SHOWN:
        print(f"and {len(rows) - ALONE_SHOWN} more (--json lists all)")
    print()


def _times(measured_s: float, simulated_s: float) -> list[str]:
    """Measured, simulated, difference, ratio."""
    difference_s = simulated_s - measured_s
    sign = "-" if difference_s < 0 else "+"
    ratio = f"{simulated_s / measured_s:.2f}" if measured_s > 0 else ""
    return [_time(measured_s), _time(simulated_s), sign + _time(abs(difference_s)), ratio]


def _time(seconds: float) -> str:
    from device_models.units import format_quantity

    return format_quantity(seconds, "time")
