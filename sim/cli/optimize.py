"""``edgesim optimize``: techniques tried on a scenario, what each one buys, and the winning scenario."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.experiment.optimize.optimizer import Optimizer
    from sim.experiment.optimize.techniques import Choice
    from sim.report.optimization_metrics import RunMeasures
    from sim.report.optimization_rows import Optimization, Row
    from sim.scenario.loading import LoadedScenario

ABOUT = """\
Budgets come first (how far they are exceeded, in all), then the objective. The ladder tries the techniques in order, each on top of what
was kept before, and again until nothing is gained; --search tries combinations. Techniques, models and objective stand in the scenario's
section optimize: {techniques: [{precision: [int8, float16]}, {compress: {prune: {structured: channels, ratio: 30 %}}}, {runtime: [tflite, qnn]},
{placement: {prefer: [npu, cpu]}}, {threads: [1, 2, 4]}, {set: {governors.cpu: powersave}}], objective: energy, accuracy_drop: 1 %}; without it
what the device offers is tried. An accuracy that becomes unknown is said aloud, and not accepted where the scenario has a budget for it.
"""
BEST_SHOWN = 8  # combinations beside the winner


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ABOUT
    parser.add_argument("scenario", metavar="SCENARIO", help="a YAML file, or the name of a shipped scenario")
    parser.add_argument("-o", "--output", type=Path, metavar="WINNER.yaml", help="write the winning scenario, comments and all")
    parser.add_argument("--force", action="store_true", help="let -o overwrite the scenario itself")
    what = "only these kinds of techniques (precision,threads), or a list of techniques as in the scenario ('[{precision: [int8, w8a16]}]')"
    parser.add_argument("--techniques", metavar="LIST", help=what)
    parser.add_argument("--objective", metavar="NAME", help="what counts beside budgets: energy, latency_p99, memory, ... (default: the scenario's, or energy)")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="optimize only this model; may be repeated")
    parser.add_argument("--accuracy-drop", metavar="POINTS", help="how much less accurate a model may become, such as '1 %%'")
    parser.add_argument("--accept-unknown-accuracy", action="store_true", help="take what nobody knows the accuracy of, whatever the budgets say of it")
    kinds = ("ladder", "exhaustive", "beam", "auto")
    what = "combinations instead of the ladder: exhaustive, beam, or the first where they are few (auto, also if nothing is named)"
    parser.add_argument("--search", nargs="?", const="auto", default="ladder", choices=kinds, metavar="HOW", help=what)
    parser.add_argument("--beam", type=int, default=None, metavar="N", help="combinations that go on after each step of a beam (default 4)")
    parser.add_argument("--steps", type=int, metavar="N", help="at most N techniques together")
    what = "change a value of the scenario first; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help=what)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random streams instead of the scenario's")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every row with all its numbers and units")
    parser.add_argument("--quiet", action="store_true", help="print the winner only")


def run(args: argparse.Namespace) -> int:
    from sim.errors import EdgesimError

    try:
        return _run(args)
    except EdgesimError as error:  # what a flag says wrong is told of the flag
        files = {f"--set {text.partition('=')[0]}": flag for flag, text in flag_overrides(args).items()}
        raise EdgesimError(replace(problem, file=files.get(problem.file, problem.file)) for problem in error.problems) from None


def _run(args: argparse.Namespace) -> int:
    from sim.cli.optimize_winner import check_output, write_winner
    from sim.report.budgets import is_valid

    _check(args)
    found, loaded = _optimizer(args)
    check_output(args, loaded)
    search, runs = _searched(found, args.quiet)
    optimization = _optimization(found, search, runs)
    if args.json:
        from sim.report.metrics_json import write_result
        from sim.report.optimization_json import optimization_data

        write_result(optimization_data(optimization), args.json)
    if args.output:
        write_winner(args, found, search.winner, optimization.techniques)
    _show(optimization, args)
    return 0 if is_valid(optimization.best.budgets) else 1


def _check(args: argparse.Namespace) -> None:
    from sim.errors import EdgesimError

    for name in ("steps", "beam"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise EdgesimError(f"--{name} {getattr(args, name)}: at least 1")
    if args.beam is not None and args.search in ("ladder", "exhaustive"):
        raise EdgesimError("--beam is for --search beam")


def flag_overrides(args: argparse.Namespace) -> dict[str, str]:
    """Flags that stand for keys of the section ``optimize`` -> the override that says the same."""
    import json

    found = {}
    if args.techniques is not None and args.techniques.lstrip()[:1] in ("[", "{"):
        text = args.techniques if args.techniques.lstrip().startswith("[") else f"[{args.techniques}]"
        found["--techniques"] = f"optimize.techniques={text}"
    if args.objective is not None:
        found["--objective"] = f"optimize.objective={json.dumps(args.objective)}"
    if args.model:
        found["--model"] = f"optimize.models={json.dumps(args.model)}"
    if args.accuracy_drop is not None:
        found["--accuracy-drop"] = f"optimize.accuracy_drop={json.dumps(args.accuracy_drop)}"
    return found


def _optimizer(args: argparse.Namespace) -> tuple[Optimizer[RunMeasures], LoadedScenario]:
    """The search that is asked for. Raises EdgesimError with every mistake in the scenario and the flags."""
    from sim.cli.shipped import scenario_path
    from sim.experiment.names import known_names
    from sim.experiment.optimize.optimizer import BEAM_WIDTH, Options, optimizer
    from sim.experiment.optimize.trials import Trials
    from sim.report.optimization_metrics import measures_of
    from sim.scenario.loading import read_source

    loaded = _loaded(args)
    flags = flag_overrides(args)
    data = read_source(scenario_path(args.scenario), [*args.overrides, *flags.values()], args.seed).data
    kinds = [] if args.techniques is None or "--techniques" in flags else [name.strip() for name in args.techniques.split(",")]
    options = Options(args.search, tuple(kinds), args.steps, args.beam or BEAM_WIDTH, args.accept_unknown_accuracy)
    models = list(loaded.scenario.models)
    trials = Trials(data, loaded.directory, known_names(), lambda result: measures_of(result, models))
    found = optimizer(loaded, trials, options)
    trials.measure = lambda result: measures_of(result, found.models)
    return found, loaded


def _loaded(args: argparse.Namespace) -> LoadedScenario:
    """The scenario with what the flags say."""
    from sim.cli.loading import load, load_study
    from sim.errors import EdgesimError

    study = load_study(args.scenario, args.overrides, args.seed)
    if study is not None:
        raise EdgesimError(f"{args.scenario} is a study of many devices ({study.kind}); optimize takes a scenario of one")
    return load(args.scenario, [*args.overrides, *flag_overrides(args).values()], args.seed)


def _searched(found: Optimizer[RunMeasures], quiet: bool) -> tuple[Any, int]:
    """The search, with its progress on standard error where somebody watches; and how many combinations were tried."""
    from sim.cli.progress import ProgressBar
    from sim.experiment.optimize.combinations import combinations_count

    tried = 0
    name = found.search_name()
    expected = combinations_count(found.steps) if name == "exhaustive" else 1 + sum(len(step.alternatives) for step in found.steps)
    with ProgressBar(f"optimizing {found.loaded.scenario.name}", shown=not quiet) as bar:

        def told(choice: Choice) -> None:
            nonlocal tried
            tried += 1
            if bar is not None:
                bar(tried / (tried + 1) if tried >= expected else tried / expected)

        search = found.run(told)
    return search, tried


def _optimization(found: Optimizer[RunMeasures], search: Any, runs: int) -> Optimization:
    from sim.cli.optimize_rows import recomputed, rows_of, techniques_of
    from sim.report.optimization_rows import Optimization

    scenario = found.loaded.scenario
    rows = rows_of(search, found)
    return Optimization(
        scenario=scenario.name,
        device=found.loaded.device.title,
        seed=scenario.seed,
        models=found.models,
        untouched=found.untouched,
        search=found.search_name(),
        objective=found.rules.objective,
        least_gain=found.rules.least_gain,
        accuracy_drop=found.rules.accuracy_drop,
        rows=rows,
        winner=next(row.number for row in rows if row.is_winner),
        techniques=techniques_of(search.steps, search.winner, found.models),
        recomputes=recomputed(search.steps, search.winner),
        rounds_count=search.rounds_count,
        runs_count=runs,
    )


def _show(found: Optimization, args: argparse.Namespace) -> None:
    from rich.text import Text

    from sim.report.console import console, print_lines, report_width, stream_glyphs
    from sim.report.optimization_table import optimization_lines, winner_lines
    from sim.report.safe_text import printable
    from sim.report.sheet import StudySheet

    sheet = StudySheet(report_width(sys.stdout), stream_glyphs())
    lines = winner_lines(sheet, found) if args.quiet else optimization_lines(sheet, found, _shown(found))
    target = console()
    print_lines(target, lines)
    if args.output:
        print_lines(target, [Text(printable(f" written to {args.output}"))])


def _shown(found: Optimization) -> list[Row]:
    """Of a ladder the first round, and what was kept later; of combinations the way to the winner, the next best, and what is not possible at all."""
    if found.search == "ladder":
        return [row for row in found.rows if row.round <= 1 or row.fate == "kept"]
    way = [row for row in found.rows if row.is_on_way or row.is_winner]
    others = [row for row in _best_first(found) if row not in way][:BEST_SHOWN]
    return list(dict.fromkeys([found.rows[0], *way, *others, *(row for row in found.rows if row.fate == "skipped" and row.is_single)]))


def _best_first(found: Optimization) -> list[Row]:
    """Combinations that may be taken, one of those that come to the same."""
    may = [row for row in found.rows if row.fate in ("kept", "beaten", "rejected") and row.measures is not None]
    distinct: dict[str, Row] = {}
    for row in sorted(may, key=lambda row: row.rank or 0):
        if row.measures is not None and row.number:
            distinct.setdefault(repr((row.measures.values, row.measures.accuracies)), row)
    return list(distinct.values())
