"""``edgesim report``: a run or a sweep as one HTML file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.report.run_file.document import RunDocument

_SQLITE = b"SQLite format 3\x00"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "a run file or its folder (edgesim run --out), a result file (--json), a results file of sweeps, or a scenario, which is run"
    parser.add_argument("source", metavar="RUN|DB|SCENARIO", help=what)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the HTML file to write (default: the name of the run, .html)")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="of a scenario: change a value; may be repeated")
    parser.add_argument("--seed", type=int, metavar="N", help="of a scenario: seed of the random streams instead of its own")
    parser.add_argument("--sweep", metavar="ID", help="of a results file: only this sweep, by the beginning of its id")
    parser.add_argument("--where", metavar="CONDITION", help="of a results file: only these points, as in edgesim results")
    parser.add_argument("--plot", type=Path, metavar="DIR|FILE", help="write stills: all into a folder, or one into FILE.png, .svg or .pdf")
    parser.add_argument("--still", metavar="NAME", help="which still --plot FILE is (default: by the file's name, else timeline)")


def run(args: argparse.Namespace) -> int:
    from sim.report.atomic_file import atomic_file
    from sim.report.html.page_text import page_text

    document = _document(args)
    for note in document.notes:
        print(f"note: {note}", file=sys.stderr)
    if args.plot:
        from sim.report.plots.write import write_stills

        for path in write_stills(document, args.plot, args.still):
            print(path)
    if args.output is None and args.plot:
        return 0
    output = args.output or Path(_file_name(str(document.data.get("title", "report"))))
    notes = {"notes": list(document.notes)} if document.notes else {}
    text = page_text({**document.data, **notes}, document.columns)
    with atomic_file(output) as stream:
        stream.write(text)
    print(f"{output}  {len(text.encode()) / 1e6:.2f} MB")
    return 0


def _document(args: argparse.Namespace) -> RunDocument:
    from sim.errors import EdgesimError
    from sim.report.run_file.read import read_run

    path = Path(args.source)
    head = _head(path)
    is_run = path.is_dir() or head[:2] == b"PK" or (head.lstrip()[:1] == b"{" and path.suffix not in (".yaml", ".yml"))
    if head == _SQLITE:
        _only_for("a scenario", **{"--set": args.overrides, "--seed": args.seed})
        return _of_sweep(path, args.sweep, args.where)
    _only_for("a results file", **{"--sweep": args.sweep, "--where": args.where})
    if is_run or path.suffix == ".edgesim":
        _only_for("a scenario", **{"--set": args.overrides, "--seed": args.seed})
        if not path.exists():
            raise EdgesimError(f"there is no run file {args.source!r}")
        return read_run(path)
    return _of_scenario(args)


def _only_for(what: str, **given: Any) -> None:
    from sim.errors import EdgesimError

    if wrong := [option for option, value in given.items() if value not in (None, [])]:
        raise EdgesimError(f"{' and '.join(wrong)}: only for {what}")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_SQLITE))
    except OSError:
        return b""


def _of_scenario(args: argparse.Namespace) -> RunDocument:
    from sim.cli.loading import load, load_study
    from sim.cli.run import how_sure, simulated
    from sim.errors import EdgesimError
    from sim.report.budgets import judge
    from sim.report.glyphs import UNICODE
    from sim.report.html.collect import run_document
    from sim.report.metrics import measure
    from sim.report.metrics_json import result_data
    from sim.report.page import Page

    if load_study(args.source, args.overrides, args.seed) is not None:
        raise EdgesimError(f"{args.source!r} is a study of many devices: run it with --json FILE and give that file, for a report of its numbers")
    loaded = load(args.source, args.overrides, args.seed)
    experiment, result = simulated(loaded)
    metrics = measure(result)
    known = how_sure(experiment, result, metrics)
    verdicts = judge(metrics, result.scenario, result.device, known)
    page = Page(result, metrics, verdicts, 100, UNICODE, known)
    return run_document(page, result_data(result, metrics, verdicts, known), loaded.directory)


def _of_sweep(path: Path, sweep: str | None, where: str | None) -> RunDocument:
    from sim.exploration.store.store import Store
    from sim.exploration.store.table import Selection
    from sim.report.html.sweep import sweep_document

    with Store.read(path) as store:
        table = store.table(Selection(sweep=sweep, where=where))
    return sweep_document(path.stem, [(column.name, column.side) for column in table.columns], table.rows)


def _file_name(title: str) -> str:
    kept = "".join(character if character.isalnum() or character in "-_." else "_" for character in title[:80])
    return (kept.strip("._") or "report") + ".html"
