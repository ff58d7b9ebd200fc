"""A calibrated device as a device file: its base, the changed parameters with their source, and what they were fitted to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from sim.fidelity.device_calibration import DeviceCalibration, FittedUnit, Row

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_NOT_TEXT = ("true", "false", "null")
_MODELS_SHOWN = 12


def device_text(result: DeviceCalibration, base: str, name: str = "") -> str:
    """YAML that a scenario names as its ``device``. ``base``: as the file should name it; ``name``: of the new device, the base's if empty or unfit."""
    return "\n".join(_lines(result, base, name)) + "\n"


def _lines(result: DeviceCalibration, base: str, name: str) -> Iterator[str]:
    yield f"# {_plain(result.base.title)}, its parameters fitted to measured latencies by: edgesim calibrate device"
    yield "# Fitted to, ms (model, precision, unit, threads, runtime: measured, predicted before, after):"
    yield from (f"#   {_described(row)}" for row in result.rows)
    yield f"base: {_key(base)}"
    if _NAME.fullmatch(name):
        yield f"name: {_key(name)}"
    yield f"title: {json.dumps(_plain(result.base.title) + ', calibrated')}"
    yield "units:"
    for fitted in result.units:
        yield from _unit(fitted, [row for row in result.rows if row.measured.case.unit == fitted.unit])


def _described(row: Row) -> str:
    case, use = row.measured.case, row.measured.case.use
    threads = f", {use['threads']}" if "threads" in use else ""
    times = ", ".join(f"{1e3 * seconds:.5g}" for seconds in (row.before_s, row.after_s))
    return _plain(f"{case.model}, {use['precision']}, {case.unit}{threads}, {use['runtime']}: {1e3 * row.measured_s:.5g}, {times}")


def _unit(fitted: FittedUnit, rows: list[Row]) -> Iterator[str]:
    files = ", ".join(dict.fromkeys(Path(row.measured.measurement.file).name for row in rows))
    source = f"measured_by_user: {_plain(files)}"
    runtimes = ", ".join(dict.fromkeys(str(row.measured.case.use["runtime"]) for row in rows))
    yield f"  {_key(fitted.unit)}:"
    yield "    parameters:"
    for table in fitted.before.tables:
        models = dict.fromkeys(row.measured.model for row in rows if row.measured.table == table)
        names = ", ".join(list(models)[:_MODELS_SHOWN]) + (f" and {len(models) - _MODELS_SHOWN} more" if len(models) > _MODELS_SHOWN else "")
        how = f"MAP fit to {runtimes} latencies of {names}" if models else f"not measured; carried along by the fit of {', '.join(fitted.before.measured)}"
        values = ", ".join(f"{key}: {_number(value)}" for (of, key), value in fitted.after.items() if of == table)
        yield f"      {_key(table)}: {{source: {json.dumps(source)}, kind: derived, note: {json.dumps(_plain(how))}, values: {{{values}}}}}"
    yield f"    calibration: {json.dumps(fitted.calibration)}"
    if fitted.error is not None:
        note = f"{100 * (fitted.left_out or 0.0):.2g} % mean over {len(fitted.models)} networks, each predicted by a fit without it, weighed with the class's"
        yield f"    calibration_error: {{value: {fitted.error:.3g}, source: {json.dumps(source)}, kind: derived, note: {json.dumps(note)}}}"


def _key(name: str) -> str:
    """Plain where YAML takes it as text."""
    return name if _NAME.fullmatch(name.replace(".", "_")) and name not in _NOT_TEXT and not name[0].isdigit() else json.dumps(name)


def _number(value: float) -> str:
    """Five digits that YAML reads as a number."""
    text = f"{value:.5g}"
    return text if "e" not in text or "." in text else text.replace("e", ".0e")


def _plain(text: str) -> str:
    """On one line, without what could end a comment or hide in a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
