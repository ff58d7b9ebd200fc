"""``edgesim compare``: two runs or more side by side: their numbers, the same request on each, and which is the fastest at first and in the end."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.cli.compare_rows import LETTERS, Row, change_text, paired, print_heads, written

if TYPE_CHECKING:
    from sim.cli.compare_results import Compared

NAMES, WITH_BAND = 44, 26  # columns of the metrics' names, and of a value with what it may be


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "results (--json files or --out folders of edgesim run), scenarios, which are run, or the files of sweeps; two or more"
    parser.add_argument("results", metavar="RESULT", nargs="+", help=what)
    parser.add_argument("--each", metavar="PATH=VALUE,VALUE...", help="run each scenario once with each value, such as device=pixel_6,raspberry_pi_5")
    parser.add_argument("--seeds", type=int, metavar="N", help="run each scenario with N seeds and say which differences are more than chance")
    parser.add_argument("--no-timeline", action="store_true", help="leave out the timelines over each other")
    parser.add_argument("--all", action="store_true", help="show every number, not only the main ones")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    from sim.cli.compare_results import each_change, same_kind, wanted
    from sim.cli.compare_seeds import compare_over_seeds
    from sim.cli.compare_sweeps import compare_sweeps, is_store
    from sim.errors import EdgesimError

    if args.seeds is not None and args.seeds < 2:
        raise EdgesimError(f"--seeds {args.seeds}: at least 2, or chance cannot be told from difference")
    stores = [is_store(text) for text in args.results]
    if all(stores):
        return compare_sweeps(args.results, args)
    if any(stores):
        raise EdgesimError("a results file of a sweep is compared with others of its kind")
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
