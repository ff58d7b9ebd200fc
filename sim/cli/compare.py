"""``edgesim compare``: two runs side by side."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

MAX_BYTES = 200_000_000
Row = tuple[str, float | None, float | None, str]  # path, value of A, value of B, unit
_MAIN = re.compile(
    r"inferences_per_j|throughput|workloads\..*\.(latency\.(p50|p90|p99|max)|throughput|miss|drop)|units\..*\.(utilisation|energy)|models\..*\.(storage|alone|macs|resident|accuracy\.value)"
    r"|energy\.total|power\..*|heat\.(skin_peak|die_peak|throttled)|memory\.(peak|storage)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("a", "b"):
        parser.add_argument(name, metavar=name.upper(), help="a result (--json file or --out folder of edgesim run), or a scenario, which is run")
    parser.add_argument("--all", action="store_true", help="show every number, not only the main ones")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    import json

    first, second = result_of(args.a), result_of(args.b)
    rows = paired(first, second, args.all)
    if args.json:
        print(json.dumps([{"metric": path, "unit": unit, "a": a, "b": b} for path, a, b, unit in rows], indent=1))
    else:
        _print(first, second, rows)
    return 0


def paired(first: dict[str, Any], second: dict[str, Any], every: bool) -> list[Row]:
    """Numbers of both results by path, the main ones or all; those that nobody knows are left out."""
    from sim.report.quantities import flattened

    numbers = [{path: (value, unit) for path, value, unit in flattened(data["metrics"])} for data in (first, second)]
    rows: list[Row] = []
    for path in dict.fromkeys([*numbers[0], *numbers[1]]):
        (a, unit), (b, other) = (side.get(path, (None, "")) for side in numbers)
        if (every or _MAIN.fullmatch(path)) and not (a is None and b is None):
            rows.append((path, a, b, unit or other))
    return rows


def result_of(text: str) -> dict[str, Any]:
    """A result's data: read from a file or folder, or simulated. Raises EdgesimError for anything else."""
    from sim.report.export import RESULT_FILE

    path = Path(text)
    if path.is_dir():
        return _read(path / RESULT_FILE)
    return _read(path) if text.lower().endswith(".json") else _simulated(text)


def _simulated(text: str) -> dict[str, Any]:
    from sim.cli.loading import load
    from sim.cli.run import simulated
    from sim.report.budgets import judge
    from sim.report.metrics import measure
    from sim.report.metrics_json import result_data

    result = simulated(load(text))
    metrics = measure(result)
    return result_data(result, metrics, judge(metrics, result.scenario, result.device))


def _read(path: Path) -> dict[str, Any]:
    import json

    from sim.errors import EdgesimError, Problem
    from sim.report.metrics_json import SCHEMA

    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what="too large to be a result"))
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None
    except (ValueError, RecursionError):
        raise EdgesimError(Problem(str(path), what="is not JSON; expected a result that edgesim run --json wrote")) from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("metrics"), dict):
        raise EdgesimError(Problem(str(path), what=f"is no result of edgesim run --json (schema {SCHEMA})"))
    return data


def _print(first: dict[str, Any], second: dict[str, Any], rows: list[Row]) -> None:
    from sim.cli.table import print_table
    from sim.report.safe_text import printable

    for letter, data in (("A", first), ("B", second)):
        print(printable(f"{letter}  {data['scenario']} on {data['device']['title']}, seed {data['seed']}: {'VALID' if data['valid'] else 'INVALID'}"))
    print()
    shown = [[path, _written(a, unit), _written(b, unit), _change(a, b, unit)] for path, a, b, unit in rows]
    print_table(["metric", "A", "B", "change"], shown, right=(1, 2, 3), flexible=0)


def _written(value: float | None, unit: str) -> str:
    from device_models.units import format_quantity
    from sim.report.numbers import count

    if value is None:
        return "-"
    dimension = {"s": "time", "J": "energy", "W": "power", "B": "bytes", "Hz": "frequency", "degC": "temperature"}.get(unit)
    if dimension is None:
        return count(value) if isinstance(value, int) or value >= 1000 else f"{value:.4g}" + ("" if unit == "1" else f" {unit}")
    return format_quantity(value, dimension, 4)


def _change(a: float | None, b: float | None, unit: str) -> str:
    if a is None or b is None:
        return ""
    if a == b:
        return "="
    if unit == "degC":  # a zero that means nothing: no ratio
        return f"{b - a:+.2f} K"
    return f"{100 * (b - a) / abs(a):+.1f} %" if a else "was 0"
