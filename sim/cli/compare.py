"""``edgesim compare``: two runs or more side by side: their numbers, the same request on each, and which is the fastest at first and in the end."""

from __future__ import annotations

import argparse
import json
import re
import string
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.cli.compare_results import Compared

LETTERS = string.ascii_uppercase
_LONG_S = 7200.0  # from then on people count in hours and days
NAMES, WITH_BAND = 44, 26  # columns of the metrics' names, and of a value with what it may be
Row = tuple[str, list[float | None], str]  # path, value of each result, unit
_MAIN = re.compile(
    r"inferences_per_j|throughput|workloads\..*\.(latency\.(p50|p90|p99|max)|throughput|miss|drop)|units\..*\.(utilisation|energy)|models\..*\.(storage|alone|macs|resident|accuracy\.value)"
    r"|generation\.answers\..*\.(first_token\.(p50|p99)|between_tokens\.(p50|p99)|token_rate|request_token_rate|tokens_per_step)"
    r"|generation\.servings\..*\.(tokens_per_j|batch|kv_peak|kv_mean|preemptions|prefix_hit|acceptance)"
    r"|loadgen\..*\.(percentile|estimate|rate|over_latency)|energy\.total|power\..*|heat\.(skin_peak|die_peak|throttled|first_throttle)|heat\.domains\..*\.throttled_share|drift\..*|memory\.(peak|storage)"
)
_MAIN_OF_STUDIES = re.compile(
    r"simulated|tasks\..*\.(latency\.(p50|p90|p99)|throughput|miss|fell_back|refused)|tasks\..*\.ways\..*\.share"
    r"|groups\..*\.(power|utilisation|battery_life)|servers\..*\.(utilisation|wait_mean|hourly_cost)|links\..*\.busy"
    r"|energy_per_task|device_power|hourly_cost"
    r"|learning\.(final|best|time_to_budget)|learning\.targets\..*\.(time|energy|sent)"
    r"|rounds\.(done|failed|p50|p90|staleness_mean)|clients\.(answered|dropout)|lost_time|energy_per_client|server\.(sent|received)"
    r"|time_to_\d+|updated|taken_back|update|traffic|wasted|server_(peak|mean)|cost|all_devices|device_mean"
    r"|troubled|corrupt|failed_installs|cut_off|gave_up"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "a result (--json file or --out folder of edgesim run), or a scenario, which is run; two or more"
    parser.add_argument("results", metavar="RESULT", nargs="+", help=what)
    parser.add_argument("--each", metavar="PATH=VALUE,VALUE...", help="run each scenario once with each value, such as device=pixel_6,raspberry_pi_5")
    parser.add_argument("--seeds", type=int, metavar="N", help="run each scenario with N seeds and say which differences are more than chance")
    parser.add_argument("--no-timeline", action="store_true", help="leave out the timelines over each other")
    parser.add_argument("--all", action="store_true", help="show every number, not only the main ones")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    from sim.cli.compare_results import each_change, same_kind, wanted
    from sim.cli.compare_seeds import compare_over_seeds
    from sim.errors import EdgesimError

    if args.seeds is not None and args.seeds < 2:
        raise EdgesimError(f"--seeds {args.seeds}: at least 2, or chance cannot be told from difference")
    changes = each_change(args.each) if args.each else ("",)
    count = len(args.results) * len(changes)
    if not 2 <= count <= len(LETTERS):
        raise EdgesimError(f"give two results or scenarios to compare, or values with --each; at most {len(LETTERS)} in all, got {count}")
    asked = [(text, change) for text in args.results for change in changes]
    if args.seeds is not None:
        return compare_over_seeds(asked, args)
    compared = [wanted(text, change) for text, change in asked]
    same_kind([one.data for one in compared])
    rows = paired([one.data for one in compared], args.all)
    if args.json:
        print(json.dumps(_data([one.data for one in compared], rows), indent=1))
    else:
        _print(compared, rows, args)
    return 0


def paired(results: Sequence[dict[str, Any]], every: bool) -> list[Row]:
    """Numbers of all results by path, the main ones or all; those that nobody knows are left out."""
    from sim.report.quantities import flattened

    numbers = [{path: (value, unit) for path, value, unit in flattened(data["metrics"])} for data in results]
    rows: list[Row] = []
    main = _MAIN_OF_STUDIES if all("study" in data for data in results) else _MAIN
    for path in dict.fromkeys(path for side in numbers for path in side):
        found = [side.get(path, (None, "")) for side in numbers]
        values = [value for value, _ in found]
        if (every or main.fullmatch(path)) and any(value is not None for value in values):
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


def print_heads(results: Sequence[dict[str, Any]]) -> None:
    """A line for each result: its letter and what it is."""
    from sim.report.safe_text import printable

    for letter, data in zip(LETTERS, results, strict=False):
        change = f", {data['change']}" if data.get("change") else ""
        what = data["study"] if "study" in data else f"{data['scenario']} on {data['device']['title']}"
        print(printable(f"{letter}  {what}{change}, seed {data['seed']}: {'VALID' if data['valid'] else 'INVALID'}"))
    print()


def _print(compared: Sequence[Compared], rows: Sequence[Row], args: argparse.Namespace) -> None:
    from sim.cli.compare_partitions import partition_rows
    from sim.cli.table import print_table
    from sim.report.console import console, print_lines, report_width
    from sim.report.overlay import overlay_lines
    from sim.report.ranking import ranking_texts
    from sim.report.safe_text import printable

    results = [one.data for one in compared]
    print_heads(results)
    of_devices = {letter: data for letter, data in zip(LETTERS, results, strict=False) if "device" in data}
    for line in ranking_texts(of_devices) if of_devices else ():
        print(printable(line))
    pages = {letter: one.page for letter, one in zip(LETTERS, compared, strict=False) if one.page is not None}
    if len(pages) == len(results) and not args.no_timeline:
        print_lines(console(), overlay_lines(pages))
    if of_devices and (placed := partition_rows(of_devices)):
        print_table(["model", "", "runtime", "kernels by unit", "segments", "why"], placed, wrap=True)
        print()
    intervals = _intervals(results) if report_width(sys.stdout) >= NAMES + len(results) * WITH_BAND else [{} for _ in results]
    head = ["metric", *LETTERS[: len(results)]]
    of_studies = not of_devices
    shown = [[path, *(_sure(value, unit, found.get(path), of_studies) for value, found in zip(values, intervals, strict=True))] for path, values, unit in rows]
    if len(results) == 2:
        head.append("change")
        shown = [[*cells, change_text(values[0], values[1], unit)] for cells, (_, values, unit) in zip(shown, rows, strict=True)]
    print_table(head, shown, right=range(1, len(head)), flexible=0)


def _sure(value: float | None, unit: str, interval: tuple[float, float] | None, of_study: bool = False) -> str:
    """A value, and what it may be in brackets. ``of_study``: of many devices, whose times are long and whose bytes go over links."""
    from sim.report.numbers import band

    text = written(value, unit, of_study)
    if value is None or interval is None:
        return text
    return f"{text} {band(text, *interval, lambda other: written(other, unit))}".rstrip()


def written(value: float | None, unit: str, of_study: bool = False) -> str:
    """A value for people. ``of_study``: see :func:`_sure`."""
    from device_models.units import format_quantity
    from sim.report.numbers import count, seconds, traffic

    if value is None:
        return "-"
    if of_study and unit == "s" and value >= _LONG_S:
        return seconds(value)
    if of_study and unit in ("B", "B/s"):
        return traffic(value) + unit[1:]
    dimension = {"s": "time", "J": "energy", "W": "power", "B": "bytes", "Hz": "frequency", "degC": "temperature"}.get(unit)
    if dimension is None:
        return count(value) if isinstance(value, int) or value >= 1000 else f"{value:.4g}" + ("" if unit == "1" else f" {unit}")
    return format_quantity(value, dimension, 4)


def change_text(a: float | None, b: float | None, unit: str) -> str:
    if a is None or b is None:
        return ""
    if a == b:
        return "="
    if unit == "degC":  # a zero that means nothing: no ratio
        return f"{b - a:+.2f} K"
    return f"{100 * (b - a) / abs(a):+.1f} %" if a else "was 0"
