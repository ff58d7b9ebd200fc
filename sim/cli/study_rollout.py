"""``edgesim run`` of a roll-out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.study import LoadedStudy


def run(args: argparse.Namespace, loaded: LoadedStudy) -> int:
    from sim.cli.progress import ProgressBar
    from sim.cli.study_output import shown, written
    from sim.experiment.rollout.study import prepare_rollout, rollout_of
    from sim.report.budgets import is_valid
    from sim.report.rollout_metrics import measure_rollout
    from sim.report.rollout_page import judge_rollout, rollout_lines

    rollout, name, seed = rollout_of(loaded), loaded.study.name, loaded.study.seed
    with ProgressBar(f"simulating {name}", shown=not args.quiet) as told:
        result, cpu_s = prepare_rollout(loaded).run(progress=told)
    metrics = measure_rollout(result, rollout)
    verdicts = judge_rollout(metrics, rollout.budgets)
    devices = {"done_s": result.done_s, "received_bytes": result.received_bytes, "energy_j": result.energy_j}
    server = {"time_s": result.times_s, "sent_bytes_per_s": result.sent_bytes_per_s}
    written(args, loaded, seed, metrics, verdicts, {"devices": devices, "server": server}, lambda sheet: rollout_lines(sheet, name, seed, metrics))
    shown(lambda sheet: rollout_lines(sheet, name, seed, metrics, cpu_s, args.quiet), verdicts, sys.stdout)
    return 0 if is_valid(verdicts) else 1


def check(loaded: LoadedStudy) -> None:
    """Everything that would keep it from running. Raises EdgesimError."""
    from sim.experiment.rollout.study import prepare_rollout

    prepare_rollout(loaded)
