"""The residuals of published measurements as the file that intervals are made of (``device_models/catalog/residuals.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from device_models.residuals import ANY, FITTED, K_SHOT, MIN_COUNT, SHARES, ZERO_SHOT, quantiles_of
from sim.report.fidelity_scores import Point

# What a unit's calibration is worth is judged by the regime in which the measurements had not been seen.
REGIMES: Mapping[str, str] = {"leave-family-out": FITTED, "k-shot": K_SHOT, "zero-shot": ZERO_SHOT}
# The quantity each metric is one of. Tokens apart: streaming weights is another matter than convolutions. Power at an operating point and
# energies whose latency was measured are parts of an energy, and not counted.
QUANTITIES: Mapping[str, str] = {
    "latency_s": "latency",
    "decode_tokens_per_s": "tokens",
    "prefill_tokens_per_s": "tokens",
    "energy_j": "energy",
    "memory_bytes": "memory",
    "resident_bytes": "memory",
}
_RATES = ("decode_tokens_per_s", "prefill_tokens_per_s")
Key = tuple[str, str, str, str]
HEAD = """\
# How far predictions were from published measurements that they had not seen: quantiles of ln(measured / predicted).
# measured: written by `edgesim fidelity --write-residuals device_models/catalog/residuals.yaml`; law: a cost class or a form of cost_classes.yaml;
#   n residuals of these datasets; regime: of the unit (fitted: residuals of model families left out; k-shot, zero-shot: of devices
#   left out); quantiles at {shares}.
# estimated: where nothing was measured: standard deviation of a normal distribution, and the reasoning.
"""


def residual_rows(points: Sequence[Point]) -> dict[Key, list[Point]]:
    """Points with something to say, by quantity, law, number format and regime, sorted by these."""
    found: dict[Key, list[Point]] = {}
    for point in points:
        regime, quantity = REGIMES.get(point.regime), QUANTITIES.get(point.metric)
        if regime is None or quantity is None or point.latency_known:
            continue
        for law in (point.cost_class, point.form):
            for numbers in (point.numbers, ANY):
                found.setdefault((quantity, law, numbers, regime), []).append(point)
    return {key: found[key] for key in sorted(found)}


def log_ratios(points: Sequence[Point]) -> np.ndarray:
    """ln(measured / predicted), ``[points]``; of rates the inverse, which is the time's."""
    return np.array([-point.log_ratio if point.metric in _RATES else point.log_ratio for point in points])


def measured_rows(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Rows of the file, those with enough residuals."""
    rows: list[dict[str, Any]] = []
    for (quantity, law, numbers, regime), members in residual_rows(points).items():
        if len(members) >= MIN_COUNT:
            quantiles = [round(value, 4) for value in quantiles_of(log_ratios(members))]
            datasets = sorted({point.dataset for point in members})
            row = {"quantity": quantity, "law": law, "numbers": numbers, "regime": regime, "n": len(members), "datasets": datasets, "quantiles": quantiles}
            rows.append(row)
    return rows


def residuals_text(points: Sequence[Point], before: Path) -> str:
    """The file's text: the estimates of the file ``before``, and the measured rows anew."""
    estimated = yaml.safe_load(before.read_text(encoding="utf-8"))["estimated"]
    lines = [HEAD.format(shares=", ".join(f"{share:g}" for share in SHARES)), "estimated:\n"]
    lines += [f"  - {_flow(row)}\n" for row in estimated]
    lines += ["measured:\n" if (rows := measured_rows(points)) else "measured: []\n"]
    return "".join([*lines, *(f"  - {_flow(row)}\n" for row in rows)])


def _flow(row: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(row), default_flow_style=True, sort_keys=False, width=10_000).strip()
