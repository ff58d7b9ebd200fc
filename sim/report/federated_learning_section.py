"""What a federated study learnt, on screen: accuracy over time and over energy, and when targets were reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from device_models.units import format_quantity
from sim.report.federated_learning_metrics import LearningMetrics, TargetMetrics
from sim.report.numbers import percent, seconds, traffic
from sim.report.sheet import StudySheet
from sim.report.sparkline import sparkline

if TYPE_CHECKING:
    from rich.text import Text

    from sim.fleet.federated.result import FederatedResult

_LABEL = 12
_RIGHT = 20


def learning_lines(sheet: StudySheet, result: FederatedResult, metrics: LearningMetrics | None) -> list[Text]:
    """Nothing where nothing was learnt."""
    curve = result.learning
    if metrics is None or curve is None:
        return []
    facts = [f"{percent(metrics.final_ratio)} in the end", f"best {percent(metrics.best_ratio)} at {seconds(metrics.best_time_s)}"]
    if metrics.final_loss_ratio is None:
        facts.append("the loss is beyond all numbers: learning_rate is too high")
    lines = [sheet.heading(f"what was learnt: {_data(result)}"), *sheet.facts("accuracy", facts, _LABEL)]
    for label, along, unit in (("by time", curve.time_s, "time"), ("by energy", curve.energy_j, "energy")):
        if along[-1] > 0:
            lines.append(_over(sheet, label, along, curve.accuracy, unit))
    for position, (name, target) in enumerate(metrics.targets.items()):
        lines += sheet.facts("reached" if not position else "", _target(name, target), _LABEL)
    images = f"{metrics.images_per_client_min_count} to {metrics.images_per_client_max_count} images of {metrics.classes_mean_count:.3g} classes each"
    return lines + sheet.facts("clients", [images, f"{metrics.held_out_count} images held out", f"{metrics.weights_count} weights"], _LABEL)


def _data(result: FederatedResult) -> str:
    learning = result.federated.learning
    assert learning is not None
    split = learning.split
    if isinstance(split, str):
        return f"{learning.data}, iid"
    return f"{learning.data}, " + (f"{split.per_client} shards each" if split.kind == "shards" else f"Dirichlet {float(split.alpha):g}")


def _over(sheet: StudySheet, label: str, along: np.ndarray, accuracy: np.ndarray, unit: str) -> Text:
    """Accuracy by equal pieces of time or energy: what the network could do at the end of each."""
    from rich.text import Text

    cells = max(sheet.width - _LABEL - _RIGHT, 10)
    ends = along[-1] * np.arange(1, cells + 1) / cells
    there = accuracy[np.searchsorted(along, ends * (1 + 1e-12), side="right") - 1]
    end = seconds(float(along[-1])) if unit == "time" else format_quantity(float(along[-1]), unit)
    return Text.assemble((f" {label}".ljust(_LABEL), "bold"), (sparkline(there, sheet.glyphs, low=float(accuracy.min())), "green"), (f"  to {end}", "dim"))


def _target(name: str, target: TargetMetrics) -> list[str]:
    if target.time_s is None or target.energy_j is None or target.sent_bytes is None:
        return [f"{name} never"]
    cost = [format_quantity(target.energy_j, "energy"), f"{traffic(target.sent_bytes)} sent"]
    return [f"{name} after {seconds(target.time_s)}", f"{target.rounds_count} rounds", f"{target.answers_count} answers", *cost]
