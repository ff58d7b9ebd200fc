"""``edgesim run`` of a fleet."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.study import LoadedStudy


def run(args: argparse.Namespace, loaded: LoadedStudy) -> int:
    from sim.cli.progress import ProgressBar
    from sim.cli.study_output import shown, written
    from sim.experiment.fleet.study import prepare_fleet
    from sim.report.budgets import is_valid
    from sim.report.fleet_budgets import judge_fleet
    from sim.report.fleet_metrics import measure_fleet
    from sim.report.fleet_page import fleet_lines
    from sim.report.fleet_tables import task_table

    with ProgressBar(f"simulating {loaded.study.name}", shown=not args.quiet) as told:
        result = prepare_fleet(loaded).run(progress=told)
    metrics = measure_fleet(result)
    verdicts = judge_fleet(metrics, result.fleet.budgets)
    written(args, loaded, result.seed, metrics, verdicts, {"tasks": task_table(result)}, lambda sheet: fleet_lines(sheet, result, metrics))
    shown(lambda sheet: fleet_lines(sheet, result, metrics, result.cpu_s, args.quiet), verdicts, sys.stdout)
    return 0 if is_valid(verdicts) else 1


def check(loaded: LoadedStudy) -> None:
    """Everything that would keep it from running. Raises EdgesimError."""
    from sim.experiment.fleet.study import prepare_fleet

    prepare_fleet(loaded)
