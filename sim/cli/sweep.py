"""``edgesim sweep``: a scenario at every point of its axes."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.exploration.engines.engine import Engine
    from sim.exploration.outcome import Outcome
    from sim.exploration.run_points import Totals
    from sim.exploration.store.store import Store
    from sim.exploration.sweep.begin import Ready

ABOUT = """\
What is varied stands in the scenario's section sweep: {device.units.npu.frequency: [600 MHz, 1 GHz], models.detector.precision: [fp16, int8],
seed: range(5)}, or in --axis. An axis is a list, range(N), or {from: 600 MHz, to: 1.2 GHz, count: 5, scale: log}; zip: [[PATH, PATH]] moves axes
together, where: ["frequency >= 800 MHz or precision == 'int8'"] picks combinations, sample: {kind: latin_hypercube, points: 100} draws them,
replications: 5 runs each with five seeds. Every value is tried before anything runs. With --out every finished point is kept in a file that edgesim
results reads; what is interrupted, killed or cut short by --limit goes on with --resume.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ABOUT
    parser.add_argument("scenario", metavar="SCENARIO", help="a YAML file, or the name of a shipped scenario")
    what = "vary this too, such as 'device.memory.bandwidth=[20 GB/s, 40 GB/s]' or 'seed=range(5)'; may be repeated"
    parser.add_argument("--axis", action="append", default=[], metavar="PATH=VALUES", dest="axes", help=what)
    parser.add_argument("--replications", type=int, metavar="N", help="runs of each combination, with different seeds")
    what = "change a value of the scenario first; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help=what)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random streams instead of the scenario's")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--engine", default="local", metavar="NAME", help="local (the default), dask:ADDRESS or mpi")
    parser.add_argument("--out", type=Path, metavar="FILE.db", help="keep every point in this file")
    parser.add_argument("--resume", action="store_true", help="run what is missing in the file")
    parser.add_argument("--limit", type=int, metavar="N", help="run at most so many points now")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what the summary shows")
    parser.add_argument("--quiet", action="store_true", help="print the line of totals only")


def run(args: argparse.Namespace) -> int:
    from tempfile import TemporaryDirectory

    from sim.exploration.engines import open_engine
    from sim.exploration.store.store import Store

    ready = _ready(args)
    with ExitStack() as stack:
        engine = stack.enter_context(open_engine(args.engine, args.workers))  # first: where there is none no file is begun
        place = args.out or Path(stack.enter_context(TemporaryDirectory(prefix="edgesim"))) / "sweep.db"
        store = stack.enter_context(Store.open(place))
        store.begin(ready.record, resume=args.resume)
        before = store.finished(ready.record.sweep_id)
        totals = _evaluated(ready, store, before, engine, args)
        return _tell(ready, store, len(before), totals, args)


def _ready(args: argparse.Namespace) -> Ready:
    """Raises EdgesimError with every mistake in the scenario and the flags."""
    from sim.cli.shipped import scenario_path
    from sim.errors import EdgesimError
    from sim.experiment.names import known_names
    from sim.exploration.sweep.begin import ready_sweep, with_axes
    from sim.scenario.loading import read_source
    from sim.scenario.study import model_of

    if args.limit is not None and args.limit < 1:
        raise EdgesimError(f"--limit {args.limit}: at least 1")
    if args.resume and args.out is None:
        raise EdgesimError("--resume goes on with a file: name it with --out")
    axes = {}
    for text in args.axes:
        path, equals, values = text.partition("=")
        if not equals or not path.strip() or not values.strip():
            raise EdgesimError(f"--axis {text!r}: expected PATH=VALUES, for example 'device.memory.bandwidth=[20 GB/s, 40 GB/s]'")
        if path.strip() in axes:
            raise EdgesimError(f"--axis {path.strip()} is given twice; write all its values in one list")
        axes[path.strip()] = values.strip()
    if args.replications is not None:
        axes["replications"] = str(args.replications)
    read = read_source(scenario_path(args.scenario), args.overrides, args.seed, model_of)
    with_axes(read, axes)
    return ready_sweep(read, known_names())


def _evaluated(ready: Ready, store: Store, before: set[str], engine: Engine, args: argparse.Namespace) -> Totals:
    """Run what is missing. A file that can take no more ends it, and so does Ctrl-C; what was acknowledged is kept."""
    from itertools import islice

    from sim.cli.sweep_progress import SweepProgress
    from sim.exploration.run_points import run_points
    from sim.exploration.sweep.points import sweep_points

    points = sweep_points(ready.sweep, ready.seed)
    missing = (point for point in points if point.point_id(ready.record.base_digest) not in before) if before else points
    left = ready.count - len(before)
    count = left if args.limit is None else min(left, args.limit)
    with SweepProgress(ready.name, count, shown=not args.quiet) as told:

        def done(outcome: Outcome) -> None:
            store.add(outcome)
            told(outcome)

        try:
            return run_points(islice(missing, count), ready.evaluate, engine, done, expected=count)
        except KeyboardInterrupt:
            if args.out is not None:
                print(f"interrupted; what has ended is kept in {args.out}: --resume goes on", file=sys.stderr)
            raise


def _tell(ready: Ready, store: Store, before: int, totals: Totals, args: argparse.Namespace) -> int:
    from sim.exploration.sweep.summary import summarised
    from sim.report.console import console, print_lines, report_width, stream_glyphs
    from sim.report.metrics_json import write_result
    from sim.report.sweep_json import sweep_data
    from sim.report.sweep_page import sweep_lines, totals_lines

    summary = summarised(ready, store, before, totals)
    if args.json:
        write_result(sweep_data(summary), args.json)
    width, glyphs = report_width(sys.stdout), stream_glyphs()
    print_lines(console(), totals_lines(summary, width, glyphs) if args.quiet else sweep_lines(summary, width, glyphs))
    if args.out is not None and not args.quiet:
        print(f"\n{args.out}: edgesim results {args.out} shows and exports every point" + (", --resume runs the rest" if summary.missing else ""))
    return 0 if summary.done else 1
