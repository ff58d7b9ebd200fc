"""``edgesim run``: one scenario end to end."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.experiment.result import Result
    from sim.experiment.simulate import Experiment
    from sim.report.metrics import Metrics
    from sim.report.page import Page
    from sim.report.uncertainty import Uncertainty
    from sim.report.window import Window
    from sim.scenario.loading import LoadedScenario


HOW_SURE = """\
In brackets behind a number: the interval that holds the truth with a probability of 80 %, from how far predictions of the units used
were off published measurements (edgesim fidelity). Behind a budget: how likely it is held, which is "very likely" from 95 % on, "likely"
from 70 %, "toss-up" from 30 %, "unlikely" from 5 %, else "very unlikely". VALID and the exit code go by the predicted number alone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = HOW_SURE
    parser.add_argument("scenario", metavar="SCENARIO", help="a YAML file, or the name of a shipped scenario (see: edgesim scenarios)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="overrides",
        help="change a value, such as workloads.camera.deadline='20 ms'; may be repeated",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random streams instead of the scenario's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write summary, metrics, trace, CSV tables and the scenario into a folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number with its unit")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write a trace that ui.perfetto.dev opens")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the summary as a picture of a terminal")
    parser.add_argument("--window", metavar="START..END", help="the part of the run the timeline shows, such as '1.2 s..1.4 s'")
    parser.add_argument("--live", action="store_true", help="play the run on the terminal before the summary")
    parser.add_argument("--speed", metavar="N", help="of --live: simulated seconds a second (default: the whole run in 20 seconds)")
    parser.add_argument("--no-interval", action="store_true", help="do not work out how sure the numbers are (about half a second)")
    parser.add_argument("--quiet", action="store_true", help="print the verdict only")


def run(args: argparse.Namespace) -> int:
    from sim.cli.loading import load, load_study

    study = load_study(args.scenario, args.overrides, args.seed)
    if study is not None:
        _of_one_device(args)
        return int(import_module(f"sim.cli.study_{study.kind}").run(args, study))
    from sim.report.budgets import is_valid, judge
    from sim.report.console import report_width, stream_glyphs
    from sim.report.metrics import measure
    from sim.report.page import Page
    from sim.report.window import parse_window

    asked = parse_window(args.window) if args.window else None
    speed = _speed(args)
    loaded = load(args.scenario, args.overrides, args.seed)
    experiment, result = simulated(loaded, quiet=args.quiet)
    metrics = measure(result)
    known = None if args.no_interval else how_sure(experiment, result, metrics)
    verdicts = judge(metrics, result.scenario, result.device, known)
    page = Page(result, metrics, verdicts, report_width(sys.stdout), stream_glyphs(), known)
    window = _window(page, asked)
    _write(args, loaded, page, window)
    if args.live:
        from sim.cli.live import play_run

        play_run(page, speed)
    _show(page, window, result.cpu_s, args.quiet)
    return 0 if is_valid(verdicts) else 1


def _of_one_device(args: argparse.Namespace) -> None:
    from sim.errors import EdgesimError

    if args.svg:
        raise EdgesimError("--svg is for scenarios of one device")
    if args.live:
        raise EdgesimError("--live plays scenarios of one device; a study of many has no timeline")


def _speed(args: argparse.Namespace) -> float | None:
    from sim.cli.live import parse_speed
    from sim.errors import EdgesimError

    if args.speed is not None and not args.live:
        raise EdgesimError("--speed is for --live")
    return None if args.speed is None else parse_speed(args.speed)


def simulated(loaded: LoadedScenario, quiet: bool = False) -> tuple[Experiment, Result]:
    """Run a scenario, with a progress bar where somebody watches. Raises EdgesimError."""
    from sim.cli.failure import print_warnings
    from sim.cli.progress import ProgressBar
    from sim.experiment.simulate import prepare

    with ProgressBar(f"simulating {loaded.scenario.name}", shown=not quiet) as told:
        experiment = prepare(loaded)
        result = experiment.run(progress=told)
    print_warnings(experiment.warnings())
    return experiment, result


def how_sure(experiment: Experiment, result: Result, metrics: Metrics) -> Uncertainty:
    """Intervals of the metrics of a run, from further runs."""
    from sim.experiment.perturbed import perturbations
    from sim.report.uncertainty import uncertainty

    return uncertainty(result, metrics, perturbations(experiment, result))


def _window(page: Page, asked: tuple[float, float] | None) -> Window | None:
    from sim.report.window import chosen_window, interesting_window

    return chosen_window(page.result.trace, *asked) if asked else interesting_window(page.result.trace, page.metrics)


def _write(args: argparse.Namespace, loaded: LoadedScenario, page: Page, window: Window | None) -> None:
    """Files first: what the screen shows is then not lost to a closed pipe."""
    if not (args.out or args.json or args.trace or args.svg):
        return
    from sim.report.chrome_trace import write_chrome_trace
    from sim.report.export import export
    from sim.report.metrics_json import result_data, write_result

    data = result_data(page.result, page.metrics, page.verdicts, page.known)
    if args.out:
        export(page, window, data, loaded.directory, args.out)
    if args.json:
        write_result(data, args.json)
    if args.trace:
        write_chrome_trace(page.result, args.trace)
    if args.svg:
        from sim.report.summary import summary
        from sim.report.terminal_picture import write_terminal_svg

        write_terminal_svg(summary(page, window), page.width, f"edgesim run {args.scenario}", args.svg)


def _show(page: Page, window: Window | None, cpu_s: float, quiet: bool) -> None:
    from sim.report.console import console, print_lines
    from sim.report.summary import header_lines, summary, verdict_lines

    lines = [*header_lines(page, cpu_s), *verdict_lines(page)] if quiet else summary(page, window, cpu_s)
    print_lines(console(), lines)
