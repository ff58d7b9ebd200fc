"""How far off a prediction may be: distributions of ln(measured / predicted), by law, number format, quantity and regime.

They are the residuals of published measurements that a prediction had not seen (``catalog/residuals.yaml``): for a unit whose
parameters were fitted, those of model families left out of the fit; for one with a few measurements, those of the other models;
for one known by its specification only, those of devices left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from device_models.spec import UnitSpec
from device_models.work import DType, Work

LEVEL = 0.8  # of the intervals that are reported
SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
MIN_COUNT = 15  # fewer residuals say too little about their tenth: the next wider row serves
FITTED, K_SHOT, ZERO_SHOT = "fitted", "k-shot", "zero-shot"
REGIMES = (FITTED, K_SHOT, ZERO_SHOT)
FLOAT, INT8, ANY = "float", "int8", "any"
_INTEGER = (DType.I8, DType.I4, DType.I16, DType.I2, DType.I1)
_SCORES = np.array([NormalDist().inv_cdf(share) for share in SHARES])


@dataclass(frozen=True)
class Residuals:
    """Quantiles of ln(measured / predicted) at :data:`SHARES`; between and beyond them the distribution is that of a bent normal.

    ``count``: residuals it was made of; 0 if it is estimated. ``of``: what they are residuals of.
    """

    quantiles: tuple[float, ...]
    count: int = 0
    of: str = ""

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Quantiles at ``shares`` in (0, 1), any shape: linear in the normal score, beyond the outermost on with the mean slope of that side."""
        scores = np.array([NormalDist().inv_cdf(float(share)) for share in np.ravel(shares)])
        known = np.array(self.quantiles)
        inner = np.interp(scores, _SCORES, known)
        slopes = [(known[len(known) // 2] - known[0]) / -_SCORES[0], (known[-1] - known[len(known) // 2]) / _SCORES[-1]]
        inner += np.minimum(scores - _SCORES[0], 0.0) * slopes[0] + np.maximum(scores - _SCORES[-1], 0.0) * slopes[1]
        return inner.reshape(np.shape(shares))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """The quantiles that hold ``level`` of the distribution between them."""
        low, high = self.at(np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0]))
        return float(low), float(high)


@dataclass(frozen=True)
class Slowdown:
    """How much longer than predicted a class of units may take, where it runs things known more and less well; all err together.

    ``parts``: share of the predicted time, and the residuals of it; shares add up to 1.
    """

    parts: tuple[tuple[float, Residuals], ...]

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Measured over predicted time at ``shares`` in (0, 1) of the probability, any shape."""
        return np.asarray(sum(weight * np.exp(residuals.at(shares)) for weight, residuals in self.parts))


def quantiles_of(log_ratios: np.ndarray) -> tuple[float, ...]:
    """Quantiles at :data:`SHARES` of residuals ``[n]``, n > 0.

    At plotting positions k / (n + 1), under which the next value falls between two of them with the probability they say; where
    the outermost residuals do not reach a share, they are carried on by the spread inside.
    """
    if not len(log_ratios):
        raise ValueError("quantiles need at least one residual")
    ordered = np.sort(log_ratios)
    scores = np.array([NormalDist().inv_cdf(rank / (len(ordered) + 1.0)) for rank in range(1, len(ordered) + 1)])
    inner = np.interp(_SCORES, scores, ordered)
    spread = float(ordered.std()) if len(ordered) > 1 else 0.0
    return tuple(float(value) for value in inner + spread * (np.minimum(_SCORES - scores[0], 0.0) + np.maximum(_SCORES - scores[-1], 0.0)))


@dataclass(frozen=True)
class ResidualTable:
    """Rows by quantity (latency, tokens, energy, memory), law or class, number format and regime."""

    rows: Mapping[tuple[str, str, str, str], Residuals]

    def find(self, quantity: str, cost_class: str, form: str, numbers: str, regime: str) -> Residuals:
        """The narrowest row that fits: class before law, the number format before any, in this regime; else the estimate for all."""
        for law in (cost_class, form):
            for format_ in (numbers, ANY):
                found = self.rows.get((quantity, law, format_, regime))
                if found is not None and found.count >= MIN_COUNT:
                    return found
        for law in (form, ANY):  # estimates
            for format_ in (numbers, ANY):
                found = self.rows.get((quantity, law, format_, regime))
                if found is not None and not found.count:
                    return found
        raise ValueError(f"no residuals, nor an estimate, for {quantity} in the regime {regime}")


def read_residuals(raw: Mapping[str, Any]) -> ResidualTable:
    """The table from the parsed file: ``measured`` and ``estimated`` rows, see ``catalog/residuals.yaml``."""
    rows: dict[tuple[str, str, str, str], Residuals] = {}
    for row in raw["estimated"]:  # one spread: a normal distribution around the prediction
        values = tuple(float(value) for value in float(row["sd"]) * _SCORES)
        rows[row["quantity"], row["law"], row["numbers"], row["regime"]] = Residuals(values, 0, "estimated: " + row["note"])
    for row in raw["measured"]:
        values = _checked([float(value) for value in row["quantiles"]])
        rows[row["quantity"], row["law"], row["numbers"], row["regime"]] = Residuals(
            values, int(row["n"]), f"{row['law']}, {row['numbers']}: {', '.join(row['datasets'])}"
        )
    return ResidualTable(rows)


def _checked(values: Sequence[float]) -> tuple[float, ...]:
    if len(values) != len(SHARES) or any(b < a for a, b in itertools.pairwise(values)):
        raise ValueError(f"quantiles must be {len(SHARES)} numbers in ascending order, got {list(values)}")
    return tuple(values)


def regime_of(unit: UnitSpec) -> str:
    """The regime a unit's own word for its calibration means."""
    text = unit.calibration.strip().lower()
    if text.startswith("fitted"):
        return FITTED
    return ZERO_SHOT if text.startswith("zero") or not text else K_SHOT


def numbers_of(work: Work) -> str:
    """``int8`` if most multiply-accumulates (bytes, where there are none) of the kernels read integer weights or activations, else ``float``."""
    integer = np.isin(work.dtype, _INTEGER) | np.isin(work.weight_dtype, _INTEGER)
    weight = work.macs if work.macs.sum() > 0 else work.in_bytes + work.out_bytes
    return INT8 if 2.0 * float(weight[integer].sum()) > float(weight.sum()) else FLOAT
