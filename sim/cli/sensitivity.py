"""``edgesim sensitivity``: which number of a device moves which metric, as a tornado chart."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.exploration.outcome import Outcome
    from sim.exploration.point import Point
    from sim.exploration.sensitivity.find import Found
    from sim.exploration.sensitivity.page import Asked
    from sim.exploration.sensitivity.parameter import Parameter
    from sim.report.sensitivity_rows import Sensitivity
    from sim.scenario.loading import LoadedScenario

ABOUT = """\
Parameters are found from the scenario's device: clocks, rates, efficiencies, memory, storage, power, heat, battery and radios, numbers that belong
together as one. oat moves one at a time, down and up: two runs each. morris moves all of them together, one step at a time along trajectories:
mu* says how much a parameter matters anywhere in the range of all others, sigma how much that depends on where they are. --list shows the
parameters with where their numbers come from.
"""
PLOTS = (".png", ".svg", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ABOUT
    parser.add_argument("scenario", metavar="SCENARIO", help="a YAML file, or the name of a shipped scenario")
    parser.add_argument("--method", choices=("oat", "morris"), default="oat", help="one at a time (the default), or Morris screening")
    parser.add_argument("--metrics", metavar="LIST", help="such as latency_p99,energy,detector.latency_p50 (default: the usual ones)")
    parser.add_argument("--by", metavar="SHARE", default="10%", help="how far: 10%% each way (the default), or 'uncertainty': as far as published errors say")
    what = "only these: names, beginnings of names, patterns such as '*.leakage', groups (clock, power, heat, ...) or kinds (estimated, datasheet, ...)"
    parser.add_argument("--parameters", metavar="LIST", help=what)
    parser.add_argument("--list", action="store_true", help="show the parameters with their sources, and run nothing")
    parser.add_argument("--trajectories", type=int, metavar="R", help="of morris (default 10)")
    parser.add_argument("--levels", type=int, metavar="P", help="of its grid, an even number (default 4)")
    parser.add_argument("--seed", type=int, metavar="N", help="of its trajectories (default 0); the scenario's own: --set seed=N")
    parser.add_argument("--spread", action="store_true", help="take the trajectories that are furthest apart out of ten times as many")
    what = "change a value of the scenario first; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help=what)
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core where there is enough to do)")
    parser.add_argument("--engine", default="local", metavar="NAME", help="local (the default), dask:ADDRESS or mpi")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="bars for each metric (default 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every answer with its unit")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the charts, .png or .svg (needs matplotlib)")


def run(args: argparse.Namespace) -> int:
    from sim.exploration.sensitivity.find import parameters_of

    by, by_uncertainty = _by(args.by)
    _check(args)
    loaded = _loaded(args)
    found = parameters_of(loaded)
    wanted = [name.strip() for name in (args.parameters or "").split(",") if name.strip()]
    chosen = found.chosen(wanted)
    if args.list:
        _list(chosen, found)
        return 0
    asked = _asked(loaded, chosen, bool(wanted), by, by_uncertainty)
    page = _answered(args, loaded, asked)
    _write(args, page)
    _show(args, page)
    return 0


def _by(text: str) -> tuple[float, bool]:
    """The share, and whether published uncertainties come before it."""
    from device_models.units import UnitError, parse_quantity
    from sim.errors import EdgesimError

    if text.strip() == "uncertainty":
        return 0.1, True
    try:
        share = parse_quantity(text, "ratio")
    except UnitError as error:
        raise EdgesimError(f"--by {text}: {error}, or 'uncertainty'") from None
    if not 0 < share < 1:
        raise EdgesimError(f"--by {text}: a share of more than 0 % and less than 100 %, such as 10 %")
    return share, False


def _check(args: argparse.Namespace) -> None:
    """Raise EdgesimError for every flag that cannot be followed, before anything is read."""
    from sim.errors import EdgesimError, Problem

    of_morris = [name for name in ("trajectories", "levels", "seed") if getattr(args, name) is not None] + (["spread"] if args.spread else [])
    wrong = [f"--{name} is for --method morris" for name in of_morris if args.method != "morris"]
    wrong += [f"--{name} {value}: at least 1" for name in ("trajectories", "workers", "top") if (value := getattr(args, name)) is not None and value < 1]
    if args.levels is not None and (args.levels < 2 or args.levels % 2):
        wrong.append(f"--levels {args.levels}: an even number of at least 2")
    if args.plot is not None and args.plot.suffix.lower() not in PLOTS:
        wrong.append(f"--plot {args.plot}: expected a file that ends in {', '.join(PLOTS)}")
    elif args.plot is not None and find_spec("matplotlib") is None:
        wrong.append("plots need matplotlib; install it with: pip install 'edgesim[plots]'")
    wrong += [f"{path}: no folder {path.parent}" for path in (args.json, args.plot) if path is not None and not path.parent.is_dir()]
    if wrong:
        raise EdgesimError(Problem(what=what) for what in wrong)


def _loaded(args: argparse.Namespace) -> LoadedScenario:
    from sim.cli.loading import load, load_study
    from sim.errors import EdgesimError

    study = load_study(args.scenario, args.overrides)
    if study is not None:
        raise EdgesimError(f"{args.scenario} is a study of many devices ({study.kind}); sensitivity takes a scenario of one")
    return load(args.scenario, args.overrides)


def _asked(loaded: LoadedScenario, chosen: Sequence[Parameter], is_named: bool, by: float, by_uncertainty: bool) -> Asked:
    """Parameters nobody named that only say how idle units run are left out, and that is said."""
    from sim.experiment.simulate import prepare
    from sim.exploration.sensitivity.find import unused, used_units
    from sim.exploration.sensitivity.page import Asked

    if is_named:
        return Asked(chosen, by, by_uncertainty)
    used = used_units(loaded, prepare(loaded).programs.values())
    dropped = {parameter.name for parameter in unused(chosen, loaded.device, used)}
    idle = [name for name in loaded.device.units if name not in used]
    said = [f"{len(dropped)} parameters left out: nothing runs on {', '.join(idle)} (--parameters NAME moves one all the same)"] if dropped else []
    return Asked([parameter for parameter in chosen if parameter.name not in dropped], by, by_uncertainty, said)


def _answered(args: argparse.Namespace, loaded: LoadedScenario, asked: Asked) -> Sensitivity:
    from sim.cli.sensitivity_runs import Runs
    from sim.exploration.sensitivity.changes import ChangedDevice
    from sim.exploration.sensitivity.metric import known_metrics
    from sim.exploration.sensitivity.one_at_a_time import OneAtATime
    from sim.exploration.sensitivity.page import screening_page, table_page
    from sim.exploration.sensitivity.screening import LEVELS, TRAJECTORIES, Screen

    metrics = [name.strip() for name in (args.metrics or "").split(",") if name.strip()]
    device = ChangedDevice.of(loaded)
    with Runs(args, _evaluator(args, loaded), f"sensitivity of {loaded.scenario.name}") as runs:
        if args.method == "morris":
            count, levels = args.trajectories or TRAJECTORIES, args.levels or LEVELS
            screen = Screen(device, asked.parameters, asked.by, asked.by_uncertainty, count, levels, args.seed or 0, args.spread)
            known_metrics(_base(runs(screen.points[:1])[0], loaded), metrics)
            runs(screen.points[1:])
            return screening_page(loaded, asked, screen.screening(runs.outcomes, metrics))
        plan = OneAtATime(device, asked.parameters, asked.by, asked.by_uncertainty)
        known_metrics(_base(runs(plan.points[:1])[0], loaded), metrics)
        runs(plan.points[1:])
        runs(plan.halfway(plan.table(runs.outcomes, metrics)))
        return table_page(loaded, asked, plan.table(runs.outcomes, metrics), len(plan.points))


def _base(outcome: Outcome, loaded: LoadedScenario) -> dict[str, float]:
    """The numbers of the scenario as it is. Raises EdgesimError, with the places in its file, where it has no run."""
    from sim.experiment.simulate import prepare
    from sim.exploration.sensitivity.one_at_a_time import base_metrics

    if outcome.status != "done":
        prepare(loaded).run()
    return base_metrics(outcome)


def _evaluator(args: argparse.Namespace, loaded: LoadedScenario) -> Callable[[Point], Outcome]:
    """Of points of this scenario."""
    from sim.cli.shipped import scenario_path
    from sim.exploration.evaluate import Evaluator
    from sim.scenario.loading import read_source

    return Evaluator(read_source(scenario_path(args.scenario), args.overrides).data, loaded.directory)


def _write(args: argparse.Namespace, page: Sensitivity) -> None:
    if args.json:
        from sim.report.metrics_json import write_result
        from sim.report.sensitivity_json import sensitivity_data

        write_result(sensitivity_data(page), args.json)
    if args.plot:
        from sim.report.sensitivity_plot import draw_tornados

        draw_tornados(page, args.plot, args.top)


def _show(args: argparse.Namespace, page: Sensitivity) -> None:
    from sim.report.console import console, print_lines, report_width, stream_glyphs
    from sim.report.sensitivity_table import sensitivity_lines
    from sim.report.sheet import StudySheet

    print_lines(console(), sensitivity_lines(StudySheet(report_width(sys.stdout), stream_glyphs()), page, args.top))


def _list(parameters: Sequence[Parameter], found: Found) -> None:
    from device_models.units import format_quantity
    from sim.cli.table import print_table

    rows = []
    for parameter in parameters:
        first = parameter.cells[0]
        dimension = first.dimension or "ratio"
        value = format_quantity(first.value, "count" if dimension == "ratio" else dimension) if not parameter.is_shared else f"{len(parameter.cells)} numbers"
        sure = "" if parameter.uncertainty is None else f"x{parameter.uncertainty.low:.2f}-{parameter.uncertainty.high:.2f}"
        rows.append([parameter.name, parameter.group, value, parameter.kind, parameter.source, sure])
    print_table(["parameter", "group", "now", "kind", "source", "80 %"], rows, flexible=4)
    print(f"\n{len(rows)} parameters; {len(found.left_out)} numbers of the device are none (0, or read by no law)")
