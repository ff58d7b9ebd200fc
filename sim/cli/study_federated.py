"""``edgesim run`` of a federated study."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.study import LoadedStudy


def run(args: argparse.Namespace, loaded: LoadedStudy) -> int:
    from sim.cli.progress import ProgressBar
    from sim.cli.study_output import shown, written
    from sim.experiment.federated.study import prepare_federated
    from sim.report.budgets import is_valid
    from sim.report.federated_budgets import judge_federated
    from sim.report.federated_metrics import measure_federated
    from sim.report.federated_page import federated_lines

    with ProgressBar(f"simulating {loaded.study.name}", shown=not args.quiet) as told:
        result = prepare_federated(loaded).run(progress=told)
    metrics = measure_federated(result)
    verdicts = judge_federated(metrics, result.federated.budgets)
    tables = {"rounds": result.ledger.columns()} | ({"learning": result.learning.columns()} if result.learning is not None else {})
    written(args, loaded, result.seed, metrics, verdicts, tables, lambda sheet: federated_lines(sheet, result, metrics))
    shown(lambda sheet: federated_lines(sheet, result, metrics, result.cpu_s, args.quiet), verdicts, sys.stdout)
    return 0 if is_valid(verdicts) else 1


def check(loaded: LoadedStudy) -> None:
    """Everything that would keep it from running. Raises EdgesimError."""
    from sim.experiment.federated.study import prepare_federated

    prepare_federated(loaded)
