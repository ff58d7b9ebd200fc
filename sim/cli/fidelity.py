"""``edgesim fidelity``: predictions beside published measurements, and how far off they are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.fidelity.run import Evaluation, Selection
    from sim.report.fidelity_tables import TextTable

WIDE = 116
REGIMES_TEXT = """\
Regimes: in-sample: parameters fitted to these very measurements; leave-family-out: to those of other model families; zero-shot: the
device's specification and other devices only; k-shot: a few of the device's own measurements (--shots) besides. "in 80% band": how many
fall into the interval that errors on other families or devices make, of which an 80 % interval should hold 80 %.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = REGIMES_TEXT
    parser.add_argument("--device", nargs="+", default=[], metavar="NAME", help="only these measured devices")
    parser.add_argument("--dataset", nargs="+", default=[], metavar="NAME", help="only these datasets (--list names them)")
    parser.add_argument("--regime", nargs="+", default=[], metavar="REGIME", help="in-sample, leave-family-out, zero-shot, k-shot; all but in-sample if absent")
    parser.add_argument("--shots", type=_count, default=3, metavar="K", help="measurements of a device in the regime k-shot (3)")
    parser.add_argument("--worst", type=_count_or_none, default=5, metavar="N", help="show the N worst cases of each dataset (5)")
    parser.add_argument("--workers", type=_count, metavar="N", help="processes; as many as there are cores if absent")
    parser.add_argument("--json", metavar="FILE", help="write every score and point ('-': print them instead of tables)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a line per point")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw predicted over measured, .png or .svg (needs matplotlib)")
    parser.add_argument("--html", type=Path, metavar="FILE.html", help="write a page with plots, tables and sources")
    parser.add_argument("--list", action="store_true", help="name the datasets with their devices, and stop")
    parser.add_argument(
        "--write-residuals", type=Path, metavar="FILE.yaml", help="write the quantiles that intervals are made of (device_models/catalog/residuals.yaml)"
    )


def run(args: argparse.Namespace) -> int:
    if args.list:
        return _list()
    _check_outputs(args)
    from sim.cli.progress import ProgressBar
    from sim.fidelity.run import evaluate

    selection = _selection(args)
    with ProgressBar("predicting published measurements", shown=args.json != "-") as told:
        evaluation = evaluate(selection, args.workers, told)
    _write(args, evaluation)
    if args.json == "-":
        print(_json(evaluation), end="")
    else:
        _print(evaluation, args.worst)
    return 0


def _count(text: str) -> int:
    value = _count_or_none(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def _count_or_none(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _selection(args: argparse.Namespace) -> Selection:
    """What is asked for, all mistakes in it at once. Raises EdgesimError."""
    from functools import partial

    from sim.errors import EdgesimError, Problem
    from sim.fidelity.datasets import DATASETS
    from sim.fidelity.run import Selection, chosen_datasets, chosen_devices, chosen_regimes

    problems: list[Problem] = []
    known = [name for name in args.dataset if name in DATASETS]  # devices are looked for in these, or in all
    for check in (partial(chosen_datasets, args.dataset), partial(chosen_regimes, args.regime), partial(chosen_devices, known or DATASETS, args.device)):
        try:
            check()
        except EdgesimError as error:
            problems += error.problems
    if problems:
        raise EdgesimError(problems)
    return Selection(tuple(args.dataset), tuple(args.device), chosen_regimes(args.regime), args.shots)


def _check_outputs(args: argparse.Namespace) -> None:
    """Before the work, not after it."""
    from importlib.util import find_spec

    from sim.errors import EdgesimError

    if args.plot is not None:
        if args.plot.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise EdgesimError(f"--plot {args.plot}: expected a file that ends in .png, .svg or .pdf")
        if find_spec("matplotlib") is None:
            raise EdgesimError("plots need matplotlib; install it with: pip install 'edgesim[plots]'")
    outputs = [path for path in (args.plot, args.html, args.csv, args.write_residuals, None if args.json in (None, "-") else Path(args.json)) if path]
    for path in outputs:
        if not path.resolve().parent.is_dir():
            raise EdgesimError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}")


def _list() -> int:
    from sim.cli.table import print_table
    from sim.fidelity.datasets import DATASETS, load_dataset
    from sim.fidelity.run import cases_of

    rows = []
    for name in DATASETS:
        dataset, cases = load_dataset(name), cases_of(name)
        devices = ", ".join(dict.fromkeys(case.device for case in cases))
        rows.append([name, dataset.title, str(len(cases)), ", ".join(dataset.regimes), devices])
    print_table(["dataset", "what", "measurements", "regimes", "devices"], rows, right=(2,), wrap=True)
    return 0


def _write(args: argparse.Namespace, evaluation: Evaluation) -> None:
    from sim.report.atomic_file import atomic_file

    if args.json not in (None, "-"):
        with atomic_file(Path(args.json)) as stream:
            stream.write(_json(evaluation))
    if args.csv:
        from sim.report.fidelity_json import write_points

        write_points(evaluation.points, args.csv)
    if args.plot:
        from sim.report.fidelity_plot import draw

        draw(evaluation.points, evaluation.titles, args.plot)
    if args.html:
        from sim.report.fidelity_html import page_text

        with atomic_file(args.html) as stream:
            stream.write(page_text(evaluation.points, evaluation.titles, _failed(evaluation), args.worst))
    if args.write_residuals:
        from device_models.catalog.catalog import CATALOG
        from sim.fidelity.residuals import residuals_text

        with atomic_file(args.write_residuals) as stream:
            stream.write(residuals_text(evaluation.points, CATALOG / "residuals.yaml"))


def _json(evaluation: Evaluation) -> str:
    import json

    from sim.report.fidelity_json import fidelity_data
    from sim.report.fidelity_scores import by_group, by_kind, score_rows

    points = evaluation.points
    data = fidelity_data(points, score_rows(points, by_group), score_rows(points, by_kind), evaluation.titles, _failed(evaluation))
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _failed(evaluation: Evaluation) -> list[str]:
    return [f"{failure.case.dataset}: {failure.case.model} on {failure.case.device}, {failure.regime}: {failure.why}" for failure in evaluation.failures]


def _print(evaluation: Evaluation, worst_count: int) -> None:
    import textwrap

    from sim.report.console import report_width
    from sim.report.fidelity_scores import by_group, by_kind, score_rows, worst
    from sim.report.fidelity_tables import kind_table, score_table, worst_table
    from sim.report.safe_text import printable

    wide = report_width(sys.stdout) >= WIDE
    for name, title in evaluation.titles.items():
        points = [point for point in evaluation.points if point.dataset == name]
        if not points:
            continue
        print(textwrap.fill(printable(f"{title} ({name}, {len(points)} predictions)"), report_width(sys.stdout), subsequent_indent="  "))
        _show(score_table(score_rows(points, by_group), wide), wide)
        kinds = score_rows(points, by_kind)
        if 1 < len({row.title for row in kinds}) <= 40:
            _show(kind_table(kinds), wide)
        if worst_count:
            _show(worst_table(worst(points, worst_count), wide), wide)
    failed = _failed(evaluation)
    for line in failed[:10]:
        print(textwrap.fill(printable(f"not predicted: {line}"), report_width(sys.stdout), subsequent_indent="  "))
    if len(failed) > 10:
        print(f"and {len(failed) - 10} more that could not be predicted")


def _show(table: TextTable, wide: bool) -> None:
    from sim.cli.table import print_table

    print_table(table.head, table.rows, right=table.right, flexible=0, gap=2 if wide else 1)
    print()
