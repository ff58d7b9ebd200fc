"""``edgesim search``: trials chosen by what earlier ones gave, until the best trade-offs are found."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.exploration.search.driver import Search
    from sim.exploration.search.prepare import Prepared
    from sim.exploration.store.store import Store
    from sim.report.search_rows import SearchSummary
    from sim.scenario.loading import LoadedScenario

ABOUT = """\
What may be chosen and what counts stands in the scenario's section search: {space: {device.memory.bandwidth: [17 GB/s, 34 GB/s],
models.detector.precision: [float16, int8], device.units.npu.on_chip: {from: 1 MiB, to: 8 MiB, step: 1 MiB}, models.net: {architecture: once_for_all}},
objectives: {latency_p99: minimize, energy: minimize, accuracy: maximize}, constraints: ['power <= 3 W'], budgets: true}. An axis with
{choices: [...], when: {PATH: VALUE}} is there only where another was chosen so. nsga2 and tpe need Optuna: pip install 'edgesim[search]'.
The same scenario, sampler and seed propose the same trials with any number of workers; with --out every trial is kept, and --resume goes on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ABOUT
    parser.add_argument("scenario", metavar="SCENARIO", help="a YAML file, or the name of a shipped scenario")
    parser.add_argument("--trials", type=int, metavar="N", help="how many different scenarios are simulated (default: the scenario's, or 100)")
    parser.add_argument("--sampler", choices=("auto", "nsga2", "tpe", "random", "grid"), help="instead of the scenario's")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core where there is enough to do)")
    parser.add_argument("--engine", default="local", metavar="NAME", help="local (the default), dask:ADDRESS or mpi")
    parser.add_argument("--out", type=Path, metavar="FILE.db", help="keep every trial in this file")
    parser.add_argument("--resume", action="store_true", help="go on with the search in the file; --trials may be more than before")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value of the scenario first; may be repeated"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the sampler, instead of the scenario's search.seed (the runs' own: --set seed=N)")
    what = "search in each of these, such as device=pixel_6,snapdragon_8_gen_3_phone, and show how the best of each differ"
    parser.add_argument("--each", metavar="PATH=VALUE,VALUE", help=what)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every trial, the front and what each decision explains")
    parser.add_argument("--write-front", type=Path, metavar="DIR", help="write each scenario of the front as a file that runs alone")
    parser.add_argument("-o", "--output", type=Path, metavar="BEST.yaml", help="write the best scenario: the knee of the front")
    parser.add_argument("--quiet", action="store_true", help="no progress, and only the front")


def run(args: argparse.Namespace) -> int:
    _check(args)
    if args.each is not None:
        return _each(args)
    plan, loaded, data = _prepared(args, args.overrides)
    search, found = _searched(args, plan, loaded)
    _write(args, found, data, loaded)
    _show(args, found)
    return 0 if search.trials and found.front else 1


def _check(args: argparse.Namespace) -> None:
    """Raise EdgesimError for every flag that cannot be followed, before anything is read."""
    from sim.cli.search_front import check_folder
    from sim.errors import EdgesimError, Problem

    wrong = [f"--{name} {value}: at least 1" for name in ("trials", "workers") if (value := getattr(args, name)) is not None and value < 1]
    if args.seed is not None and not 0 <= args.seed < 2**31:
        wrong.append(f"--seed {args.seed}: from 0 to {2**31 - 1}")
    if args.resume and args.out is None:
        wrong.append("--resume goes on with a file: name it with --out")
    if args.each is not None:
        wrong += [f"--{flag} is of one search; leave it out with --each" for flag, value in _of_one(args) if value]
    wrong += [f"{path}: no folder {path.parent}" for path in (args.json, args.output) if path is not None and not path.parent.is_dir()]
    wrong += [f"{path} is a folder; name a file in it" for path in (args.json, args.output) if path is not None and path.is_dir()]
    if wrong:
        raise EdgesimError(Problem(what=what) for what in wrong)
    if args.write_front is not None:
        check_folder(args.write_front)


def _of_one(args: argparse.Namespace) -> list[tuple[str, Any]]:
    return [("out", args.out), ("resume", args.resume), ("write-front", args.write_front), ("output", args.output)]


def _prepared(args: argparse.Namespace, overrides: list[str]) -> tuple[Prepared, LoadedScenario, dict[str, Any]]:
    """Raises EdgesimError with every mistake in the scenario and the flags."""
    from sim.cli.loading import load, load_study
    from sim.cli.shipped import scenario_path
    from sim.errors import EdgesimError
    from sim.exploration.search.prepare import prepared
    from sim.scenario.loading import read_source

    study = load_study(args.scenario, overrides)
    if study is not None:
        raise EdgesimError(f"{args.scenario} is a study of many devices ({study.kind}); search takes a scenario of one")
    flags = {"trials": args.trials, "sampler": args.sampler, "seed": args.seed}
    said = [f"search.{name}={value}" for name, value in flags.items() if value is not None]
    data = read_source(scenario_path(args.scenario), overrides).data
    if not isinstance(data, dict) or not isinstance(data.get("search"), dict):
        said = []  # what is missing is told first
    loaded = load(args.scenario, [*overrides, *said])
    _check_outputs(args, Path(loaded.file))
    return prepared(loaded, data), loaded, data


def _check_outputs(args: argparse.Namespace, scenario: Path) -> None:
    from sim.errors import EdgesimError

    for flag, path in (("-o", args.output), ("--json", args.json), ("--out", args.out)):
        if path is not None and path.exists() and scenario.exists() and path.samefile(scenario):
            raise EdgesimError(f"{flag} {str(path)!r} would overwrite the scenario itself; name another file")


def _searched(args: argparse.Namespace, plan: Prepared, loaded: LoadedScenario) -> tuple[Search, SearchSummary]:
    from sim.cli.search_progress import SearchProgress
    from sim.cli.search_runs import SearchRuns
    from sim.exploration.search.remembered import remembered
    from sim.exploration.search.summary import summarised

    trials = plan.section.trials
    sampler = plan.sampler(trials)
    began_s = time.perf_counter()
    with ExitStack() as stack:
        store = None if args.out is None else stack.enter_context(_opened(args, plan, sampler, loaded))
        known = {} if store is None else remembered(store, plan.identity(sampler))
        runs = stack.enter_context(SearchRuns(args, plan.evaluate, plan.evaluator.base_digest, known, store, trials, plan.base.cpu_s))
        search = plan.search(sampler, runs)
        told = stack.enter_context(SearchProgress(loaded.scenario.name, trials, shown=not args.quiet))
        try:
            search.go(trials, told)
        except KeyboardInterrupt:
            if args.out is not None:
                print(f"interrupted; what has ended is kept in {args.out}: --resume goes on", file=sys.stderr)
            raise
        return search, summarised(plan, search, sampler, loaded, runs.earlier, time.perf_counter() - began_s)


def _opened(args: argparse.Namespace, plan: Prepared, sampler: str, loaded: LoadedScenario) -> Store:
    from sim.exploration.search.remembered import search_record
    from sim.exploration.search.samplers import check_installed
    from sim.exploration.store.store import Store

    check_installed(sampler)  # before a file is made
    axes = tuple(decision.name for decision in plan.space.decisions)
    store = Store.open(args.out)
    try:
        store.begin(search_record(plan.identity(sampler), plan.evaluator.base_digest, plan.evaluator.base_text, axes, loaded.scenario.name), resume=args.resume)
    except BaseException:
        store.close()
        raise
    return store


def _write(args: argparse.Namespace, found: SearchSummary, data: dict[str, Any], loaded: LoadedScenario) -> None:
    from sim.cli.search_front import write_front, write_scenario
    from sim.cli.shipped import scenario_path
    from sim.report.metrics_json import write_result
    from sim.report.search_json import search_data

    if args.json:
        write_result(search_data(found), args.json)
    path = scenario_path(args.scenario)
    if args.write_front is not None and found.front:
        write_front(args.write_front, path, data, loaded.directory, found)
    if args.output is not None and found.front:
        best = next((row for row in found.front if row.is_knee), found.front[0])
        write_scenario(args.output, path, data, loaded.directory, best, [f"By edgesim search {found.name}, {found.sampler}, trial {best.number}"])


def _show(args: argparse.Namespace, found: SearchSummary) -> None:
    from sim.report.console import console, print_lines, report_width, stream_glyphs
    from sim.report.search_page import front_lines, search_lines

    width, glyphs = report_width(sys.stdout), stream_glyphs()
    print_lines(console(), (front_lines if args.quiet else search_lines)(found, width, glyphs))
    if args.out is not None and not args.quiet:
        print(f"\n{args.out}: edgesim results {args.out} shows and exports every trial")
    if args.write_front is not None and found.front:
        print(f"\n{len(found.front)} scenarios of the front written to {args.write_front}")
    if args.output is not None and found.front:
        print(f"\nthe best scenario written to {args.output}")


def _each(args: argparse.Namespace) -> int:
    """The search in several scenarios, one after the other."""
    from sim.cli.search_each import each_data, print_each
    from sim.errors import EdgesimError
    from sim.exploration.search.each import Best
    from sim.report.metrics_json import write_result

    path, equals, values = args.each.partition("=")
    changes = [f"{path.strip()}={value.strip()}" for value in values.split(",") if value.strip()]
    if not equals or not path.strip() or not changes:
        raise EdgesimError(f"--each {args.each!r}: expected PATH=VALUE,VALUE, such as device=pixel_6,snapdragon_8_gen_3_phone")
    plans = [(change, *_prepared(args, [*args.overrides, change])[:2]) for change in changes]
    found = []
    for change, plan, loaded in plans:
        search, _ = _searched(args, plan, loaded)
        found.append(Best.of(change, plan, search.trials))
    if args.json:
        write_result({"schema": "edgesim.search_each/1", "each": each_data(found)}, args.json)
    print_each(found)
    return 0 if all(one.trial is not None for one in found) else 1
