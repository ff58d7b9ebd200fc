"""What a federated study learnt: accuracy in the end, and when each target was reached at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.budgets import Verdict
from sim.report.numbers import percent
from sim.scenario.federated.model import FederatedBudgets

if TYPE_CHECKING:
    from sim.fleet.federated.learning_curve import LearningCurve
    from sim.fleet.federated.result import FederatedResult


@dataclass(frozen=True)
class TargetMetrics:
    """Until an accuracy was first reached; ``answers_count``: that had gone into the network by then. All None: it was never reached."""

    accuracy_ratio: float
    time_s: float | None
    energy_j: float | None
    sent_bytes: float | None
    rounds_count: int | None
    answers_count: int | None


@dataclass(frozen=True)
class CurvePoints:
    """One entry for the network before the first round, and one after each."""

    time_s: tuple[float, ...]
    energy_j: tuple[float, ...]
    sent_bytes: tuple[float, ...]
    accuracy_ratio: tuple[float, ...]


@dataclass(frozen=True)
class LearningMetrics:
    """``classes_mean_count``: different classes that a client has images of; ``held_out_count``: images that accuracies are measured on."""

    final_ratio: float
    best_ratio: float
    best_time_s: float
    final_loss_ratio: float | None  # in nats
    weights_count: int
    images_count: int
    held_out_count: int
    images_per_client_min_count: int
    images_per_client_max_count: int
    classes_mean_count: float
    targets: dict[str, TargetMetrics]
    time_to_budget_s: float | None
    curve: CurvePoints


def measure_learning(result: FederatedResult) -> LearningMetrics | None:
    """None where nothing was learnt."""
    curve, learning = result.learning, result.federated.learning
    if curve is None or learning is None:
        return None
    best, loss, wanted = int(curve.accuracy.argmax()), float(curve.loss[-1]), result.federated.budgets.accuracy
    reached = None if wanted is None else curve.first(float(wanted))
    return LearningMetrics(
        final_ratio=float(curve.accuracy[-1]),
        best_ratio=float(curve.accuracy[best]),
        best_time_s=float(curve.time_s[best]),
        final_loss_ratio=loss if loss < float("inf") else None,
        weights_count=curve.weights,
        images_count=int(curve.images.sum()),
        held_out_count=curve.held_out,
        images_per_client_min_count=int(curve.images.min()),
        images_per_client_max_count=int(curve.images.max()),
        classes_mean_count=float(curve.classes.mean()),
        targets={percent(float(target)): _target(curve, float(target)) for target in learning.targets},
        time_to_budget_s=None if reached is None else float(curve.time_s[reached]),
        curve=CurvePoints(*(tuple(values.tolist()) for values in (curve.time_s, curve.energy_j, curve.sent_bytes, curve.accuracy))),
    )


def _target(curve: LearningCurve, accuracy: float) -> TargetMetrics:
    at = curve.first(accuracy)
    if at is None:
        return TargetMetrics(accuracy, None, None, None, None, None)
    return TargetMetrics(accuracy, float(curve.time_s[at]), float(curve.energy_j[at]), float(curve.sent_bytes[at]), at, int(curve.answers[at]))


def judge_learning(metrics: LearningMetrics | None, budgets: FederatedBudgets) -> tuple[Verdict, ...]:
    """Verdicts on ``accuracy`` and ``time_to_accuracy``; where nothing was learnt, neither is held."""
    found, why = list[Verdict](), "" if metrics is not None else "nothing was learnt: the study has no learning"
    if budgets.accuracy is not None:
        limit, value = float(budgets.accuracy), None if metrics is None else metrics.final_ratio
        found.append(Verdict("accuracy", "accuracy", "", "ratio", value, limit, True, value is not None and value >= limit - 1e-12, why))
    if budgets.time_to_accuracy_s is not None:
        limit, value = float(budgets.time_to_accuracy_s), None if metrics is None else metrics.time_to_budget_s
        why = why or ("" if value is not None else f"the best was {percent(metrics.best_ratio) if metrics else 'unknown'}")
        found.append(Verdict("time_to_accuracy_s", "time to accuracy", "", "time", value, limit, False, value is not None and value <= limit, why))
    return tuple(found)
