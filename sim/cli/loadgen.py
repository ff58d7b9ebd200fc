"""``edgesim loadgen``: MLPerf LoadGen's verdict on a scenario, and the highest valid rate of a Server."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.experiment.loadgen_search import Search, Trial
    from sim.experiment.simulate import Experiment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="a YAML file, or the name of a shipped scenario, with a workload that has loadgen")
    what = "change a value, such as workloads.camera.loadgen.target_qps=120; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help=what)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random streams instead of the scenario's")
    parser.add_argument("--find", action="store_true", help="search for the highest valid target_qps of a Server; others are only reported")
    parser.add_argument("--workload", metavar="NAME", help="whose rate is searched for, where several workloads have a Server")
    parser.add_argument("--low", type=float, metavar="QPS", help="with --find: the lowest rate to try")
    parser.add_argument("--high", type=float, metavar="QPS", help="with --find: the highest rate to try")
    parser.add_argument("--tolerance", type=float, default=0.01, metavar="SHARE", help="with --find: how exactly, as a share of the rate (default 0.01)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="with --find: a rate is valid if it is so with N seeds (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> int:
    from sim.cli.loading import load
    from sim.errors import EdgesimError
    from sim.experiment.simulate import prepare
    from sim.scenario.loadgen import Server

    loaded = load(args.scenario, args.overrides, args.seed)
    driven = {name: workload.loadgen for name, workload in loaded.scenario.workloads.items() if workload.loadgen is not None}
    if not driven:
        raise EdgesimError(f"no workload of {loaded.scenario.name} has loadgen; give one loadgen: {{scenario: SingleStream}} in place of arrival")
    experiment = prepare(loaded)
    if args.find and (args.workload is not None or any(isinstance(settings, Server) for settings in driven.values())):
        return _find(args, experiment)
    return _report(args, experiment)


def _report(args: argparse.Namespace, experiment: Experiment) -> int:
    from sim.report.loadgen_metrics import loadgen_metrics
    from sim.report.loadgen_summary import loadgen_summary
    from sim.report.quantities import described
    from sim.report.safe_text import printable

    result = experiment.run()
    found = loadgen_metrics(result.trace, result.scenario)
    if args.json:
        print(json.dumps(described(found), indent=1, allow_nan=False))
    else:
        for position, (name, own) in enumerate(found.items()):
            settings = result.scenario.workloads[name].loadgen
            assert settings is not None
            print("\n" * bool(position) + loadgen_summary(printable(f"{result.device.name}/{name}", 200), settings, own), end="")
    return 0 if all(own.valid for own in found.values()) else 1


def _find(args: argparse.Namespace, experiment: Experiment) -> int:
    from sim.errors import EdgesimError
    from sim.experiment.loadgen_search import highest_valid_qps, server_of

    if not 1 <= args.seeds <= 1000:
        raise EdgesimError(f"--seeds {args.seeds}: 1 to 1000")
    workload, first = server_of(experiment, args.workload), experiment.loaded.scenario.seed
    seeds = tuple(range(first, first + args.seeds))
    search = highest_valid_qps(experiment, workload, low=args.low, high=args.high, tolerance=args.tolerance, seeds=seeds, told=_told)
    print(json.dumps(_data(search), indent=1, allow_nan=False) if args.json else _text(search))
    return 0 if search.highest_qps is not None else 1


def _told(trial: Trial) -> None:
    print(f"{trial.target_qps:>12.6g} queries/s: {_latency(trial)}, {trial.outcome.value}{_why(trial)}", file=sys.stderr, flush=True)


def _why(trial: Trial) -> str:
    """What makes a rate too fast whose percentile keeps the bound: early stopping asks for more than the percentile of the queries there were."""
    last = trial.results[-1]  # the one that decided
    if last.valid or not last.rules["performance"].ok or not last.rules["answered"].ok or last.needed_count is None:
        return ""
    return f" (early stopping: {last.over_latency_count} of {last.queries_count} over latency, which would do with {last.needed_count} queries)"


def _latency(trial: Trial) -> str:
    from device_models.units import format_quantity

    share, worst_s = trial.results[0].share_ratio, trial.worst_s
    shown = "no answer" if worst_s is None or worst_s == float("inf") else format_quantity(worst_s, "time", 4)
    return f"p{100 * (share or 0.0):g} {shown}"


def _text(search: Search) -> str:
    tried = f"{len(search.trials)} rates tried, {len(search.seeds)} seed{'s' if len(search.seeds) > 1 else ''} each"
    if search.highest_qps is None:
        few = any(trial.outcome.value == "too few queries" for trial in search.trials)
        if few:
            return f"no valid target_qps for {search.workload}: answers are in time, but too few to prove it; raise min_duration and duration\n{tried}"
        below = f"; {search.too_fast_qps:.6g} queries/s is too fast" if search.too_fast_qps is not None else ""
        return f"no valid target_qps for {search.workload}{below}\n{tried}"
    above = f"{search.too_fast_qps:.6g} is too fast" if search.too_fast_qps is not None else "the highest rate asked for, nothing above it was tried"
    unproven = any(_why(trial) for trial in search.trials if trial.target_qps == search.too_fast_qps)
    more = "\nwith more queries a higher rate might be proven: its percentile keeps the bound; raise min_duration and duration" if unproven else ""
    return f"highest valid target_qps of {search.workload}: {search.highest_qps:.6g}   ({above}){more}\n{tried}"


def _data(search: Search) -> dict[str, Any]:
    from sim.report.quantities import described

    trials = [{"target_qps": _hz(trial.target_qps), "outcome": trial.outcome.value, "results": described(list(trial.results))} for trial in search.trials]
    return {
        "workload": search.workload,
        "highest_valid_target_qps": _hz(search.highest_qps),
        "lowest_too_fast_target_qps": _hz(search.too_fast_qps),
        "tolerance": {"value": search.tolerance_ratio, "unit": "1"},
        "seeds": list(search.seeds),
        "trials": trials,
    }


def _hz(value: float | None) -> dict[str, Any]:
    return {"value": value, "unit": "Hz"}
