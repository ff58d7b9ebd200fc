"""``edgesim compare``: two runs or more side by side, and which is the fastest at first and in the end."""

from __future__ import annotations

import argparse
import re
import string
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.scenario.study import LoadedStudy

MAX_BYTES = 200_000_000
LETTERS = string.ascii_uppercase
NAMES, WITH_BAND = 44, 26  # columns of the metrics' names, and of a value with what it may be
Row = tuple[str, list[float | None], str]  # path, value of each result, unit
_MAIN = re.compile(
    r"inferences_per_j|throughput|workloads\..*\.(latency\.(p50|p90|p99|max)|throughput|miss|drop)|units\..*\.(utilisation|energy)|models\..*\.(storage|alone|macs|resident|accuracy\.value)"
    r"|generation\.answers\..*\.(first_token\.(p50|p99)|between_tokens\.(p50|p99)|token_rate|request_token_rate|tokens_per_step)"
    r"|generation\.servings\..*\.(tokens_per_j|batch|kv_peak|kv_mean|preemptions|prefix_hit|acceptance)"
    r"|tasks\..*\.(latency\.(p50|p90|p99)|throughput|miss|fell_back|refused)|tasks\..*\.ways\..*\.share|groups\..*\.(power|utilisation|battery_life)"
    r"|servers\..*\.(utilisation|wait_mean|hourly_cost)|links\..*\.busy|energy_per_task|device_power|hourly_cost"
    r"|learning\.(final|best|time_to_budget)|learning\.targets\..*\.(time|energy|sent)|rounds\.(p50|p90|staleness_mean)|lost_time|energy_per_client"
    r"|loadgen\..*\.(percentile|estimate|rate|over_latency)|energy\.total|power\..*|heat\.(skin_peak|die_peak|throttled|first_throttle)|heat\.domains\..*\.throttled_share|drift\..*|memory\.(peak|storage)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "a result (--json file or --out folder of edgesim run), or a scenario, which is run; two or more"
    parser.add_argument("results", metavar="RESULT", nargs="+", help=what)
    parser.add_argument("--each", metavar="PATH=VALUE,VALUE...", help="run each scenario once with each value, such as device=pixel_6,raspberry_pi_5")
    parser.add_argument("--all", action="store_true", help="show every number, not only the main ones")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    import json

    from sim.errors import EdgesimError

    changes = each_change(args.each) if args.each else ("",)
    count = len(args.results) * len(changes)
    if not 2 <= count <= len(LETTERS):
        raise EdgesimError(f"give two results or scenarios to compare, or values with --each; at most {len(LETTERS)} in all, got {count}")
    results = [result_of(text, change) for text in args.results for change in changes]
    if len({data["schema"] for data in results}) > 1:
        raise EdgesimError("scenarios of one device and studies of many have different numbers; compare either with their like")
    rows = paired(results, args.all)
    if args.json:
        print(json.dumps(_data(results, rows), indent=1))
    else:
        _print(results, rows)
    return 0


def paired(results: Sequence[dict[str, Any]], every: bool) -> list[Row]:
    """Numbers of all results by path, the main ones or all; those that nobody knows are left out."""
    from sim.report.quantities import flattened

    numbers = [{path: (value, unit) for path, value, unit in flattened(data["metrics"])} for data in results]
    rows: list[Row] = []
    for path in dict.fromkeys(path for side in numbers for path in side):
        found = [side.get(path, (None, "")) for side in numbers]
        values = [value for value, _ in found]
        if (every or _MAIN.fullmatch(path)) and any(value is not None for value in values):
            rows.append((path, values, next((unit for _, unit in found if unit), "")))
    return rows


def _intervals(results: Sequence[dict[str, Any]]) -> list[dict[str, tuple[float, float]]]:
    """What each result's numbers may be, by path."""
    from sim.report.quantities import bounds

    return [{path: (low, high) for path, low, high in bounds(data["metrics"])} for data in results]


def _data(results: Sequence[dict[str, Any]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    intervals, letters = _intervals(results), LETTERS.lower()
    return [
        {
            "metric": path,
            "unit": unit,
            **dict(zip(letters, values, strict=False)),
            "intervals": {letter: found[path] for letter, found in zip(letters, intervals, strict=False) if path in found},
        }
        for path, values, unit in rows
    ]


def each_change(text: str) -> tuple[str, ...]:
    """``device=a,b`` -> ``("device=a", "device=b")``. Raises EdgesimError."""
    from sim.errors import EdgesimError

    path, equals, values = text.partition("=")
    if not equals or not path or not all(value.strip() for value in values.split(",")):
        raise EdgesimError(f"--each {text!r}: expected PATH=VALUE,VALUE..., for example device=pixel_6,raspberry_pi_5")
    return tuple(f"{path.strip()}={value.strip()}" for value in values.split(","))


def result_of(text: str, change: str = "") -> dict[str, Any]:
    """A result's data: read from a file or folder, or simulated, with one value of the scenario changed. Raises EdgesimError for anything else."""
    from sim.errors import EdgesimError
    from sim.report.export import RESULT_FILE

    path = Path(text)
    if change and (path.is_dir() or text.lower().endswith(".json")):
        raise EdgesimError(f"--each changes scenarios; {text} is a result, which has been run already")
    if path.is_dir():
        return _read(path / RESULT_FILE)
    return _read(path) if text.lower().endswith(".json") else _simulated(text, change)


def _simulated(text: str, change: str) -> dict[str, Any]:
    from sim.cli.loading import load, load_study
    from sim.cli.run import how_sure, simulated
    from sim.report.budgets import judge
    from sim.report.metrics import measure
    from sim.report.metrics_json import result_data

    overrides = (change,) if change else ()
    study = load_study(text, overrides)
    if study is not None:
        return {**_study(study), **({"change": change} if change else {})}
    experiment, result = simulated(load(text, overrides))
    metrics = measure(result)
    known = how_sure(experiment, result, metrics)
    data = result_data(result, metrics, judge(metrics, result.scenario, result.device, known), known)
    return {**data, "change": change} if change else data


def _study(study: LoadedStudy) -> dict[str, Any]:
    """The result of a study of many devices. Raises EdgesimError for a kind that cannot be compared."""
    from sim.errors import EdgesimError

    module = import_module(f"sim.cli.study_{study.kind}")
    if not hasattr(module, "result"):
        raise EdgesimError(f"studies of the kind {study.kind!r} cannot be run by compare; compare results that edgesim run --json wrote")
    found: dict[str, Any] = module.result(study)
    return found


def _read(path: Path) -> dict[str, Any]:
    import json

    from sim.errors import EdgesimError, Problem
    from sim.report.metrics_json import SCHEMA
    from sim.report.study_json import SCHEMA as OF_STUDY

    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what="too large to be a result"))
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None
    except (ValueError, RecursionError):
        raise EdgesimError(Problem(str(path), what="is not JSON; expected a result that edgesim run --json wrote")) from None
    if not isinstance(data, dict) or data.get("schema") not in (SCHEMA, OF_STUDY) or not isinstance(data.get("metrics"), dict):
        raise EdgesimError(Problem(str(path), what=f"is no result of edgesim run --json (schema {SCHEMA} or {OF_STUDY})"))
    return data


def _print(results: Sequence[dict[str, Any]], rows: Sequence[Row]) -> None:
    from sim.cli.compare_partitions import partition_rows
    from sim.cli.table import print_table
    from sim.report.console import report_width
    from sim.report.ranking import ranking_texts
    from sim.report.safe_text import printable

    for letter, data in zip(LETTERS, results, strict=False):
        change = f", {data['change']}" if data.get("change") else ""
        what = data["study"] if "study" in data else f"{data['scenario']} on {data['device']['title']}"
        print(printable(f"{letter}  {what}{change}, seed {data['seed']}: {'VALID' if data['valid'] else 'INVALID'}"))
    print()
    of_devices = {letter: data for letter, data in zip(LETTERS, results, strict=False) if "device" in data}
    for line in ranking_texts(of_devices) if of_devices else ():
        print(printable(line))
    if of_devices and (placed := partition_rows(of_devices)):
        print_table(["model", "", "runtime", "kernels by unit", "segments", "why"], placed, wrap=True)
        print()
    intervals = _intervals(results) if report_width(sys.stdout) >= NAMES + len(results) * WITH_BAND else [{} for _ in results]
    head = ["metric", *LETTERS[: len(results)]]
    shown = [[path, *(_sure(value, unit, found.get(path)) for value, found in zip(values, intervals, strict=True))] for path, values, unit in rows]
    if len(results) == 2:
        head.append("change")
        shown = [[*cells, _change(values[0], values[1], unit)] for cells, (_, values, unit) in zip(shown, rows, strict=True)]
    print_table(head, shown, right=range(1, len(head)), flexible=0)


def _sure(value: float | None, unit: str, interval: tuple[float, float] | None) -> str:
    """A value, and what it may be in brackets."""
    from sim.report.numbers import band

    text = _written(value, unit)
    if value is None or interval is None:
        return text
    return f"{text} {band(text, *interval, lambda other: _written(other, unit))}".rstrip()


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
