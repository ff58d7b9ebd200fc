"""Studies of many devices run and measured, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.report.budgets import Verdict
from sim.report.study_json import study_data
from sim.scenario.study import LoadedStudy

Measured = tuple[Any, tuple[Verdict, ...]]  # metrics, whose numbers state their unit in their names, and the verdicts on them


def measured_study(loaded: LoadedStudy) -> Measured:
    """Metrics and verdicts of a run. Raises EdgesimError."""
    return _KINDS[loaded.kind](loaded)


def study_result(loaded: LoadedStudy) -> dict[str, Any]:
    """Everything that was measured, as ``edgesim run --json`` writes it. Raises EdgesimError."""
    return study_data(loaded, loaded.study.seed, *measured_study(loaded))


def _fleet(loaded: LoadedStudy) -> Measured:
    from sim.experiment.fleet.study import prepare_fleet
    from sim.report.fleet_budgets import judge_fleet
    from sim.report.fleet_metrics import measure_fleet

    found = prepare_fleet(loaded).run()
    metrics = measure_fleet(found)
    return metrics, tuple(judge_fleet(metrics, found.fleet.budgets))


def _federated(loaded: LoadedStudy) -> Measured:
    from sim.experiment.federated.study import prepare_federated
    from sim.report.federated_budgets import judge_federated
    from sim.report.federated_metrics import measure_federated

    found = prepare_federated(loaded).run()
    metrics = measure_federated(found)
    return metrics, tuple(judge_federated(metrics, found.federated.budgets))


def _rollout(loaded: LoadedStudy) -> Measured:
    from sim.experiment.rollout.study import prepare_rollout, rollout_of
    from sim.report.rollout_metrics import measure_rollout
    from sim.report.rollout_page import judge_rollout

    rollout = rollout_of(loaded)
    metrics = measure_rollout(prepare_rollout(loaded).run()[0], rollout)
    return metrics, tuple(judge_rollout(metrics, rollout.budgets))


_KINDS: Mapping[str, Callable[[LoadedStudy], Measured]] = {"fleet": _fleet, "federated": _federated, "rollout": _rollout}
