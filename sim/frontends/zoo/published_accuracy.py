"""What others measured of trained networks after compression: for a model, a technique with its precision, and a runtime.

``published_accuracy.csv`` holds the figures as printed. ``technique``: ``int8 ptq`` (per channel), ``int8 ptq per tensor``, ``int8 qat``,
``w8a16 ptq``, ``prune 50%``, ``cluster 32``, ``float``. ``runtime``: empty where the figure does not depend on one, ``simulated`` where rounding was
imitated in float arithmetic.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sim.frontends.zoo.models import MODELS
from sim.frontends.zoo.options import AROUND


@dataclass(frozen=True)
class PublishedAccuracy:
    """One figure. ``options``: those in which the network differs from the zoo's defaults; ``samples_count`` None: the whole data set.

    ``confirmed``: false where the figure is recalled and could not be looked up again.
    """

    model: str
    options: str
    technique: str
    runtime: str
    metric: str
    value: float
    float_value: float | None
    samples_count: int | None
    source: str
    detail: str
    confirmed: bool

    @property
    def share(self) -> float | None:
        """As a share of right answers; None for other metrics."""
        return self.value / 100 if self.is_share else None

    @property
    def is_share(self) -> bool:
        return self.metric.endswith("%")

    @property
    def text(self) -> str:
        """Such as ``ImageNet top-1 70.9 %``."""
        name, _, unit = self.metric.rpartition(" ")
        return f"{name} {self.value:g} {unit}"

    @property
    def setting(self) -> str:
        """Such as ``int8 ptq on tflite``."""
        return self.technique + (f" on {self.runtime}" if self.runtime else "")

    @property
    def cited(self) -> str:
        """The source, and what is to be known of it."""
        parts = [self.source]
        parts += [self.detail] if self.detail else []
        parts += [f"{self.samples_count:,} samples"] if self.samples_count else []
        parts += [f"{self.float_value:g} in float32"] if self.float_value is not None else []
        return "; ".join(parts) + ("" if self.confirmed else "; recalled, unconfirmed")


def published_accuracy(name: str, settings: Mapping[str, Any] | None = None) -> list[PublishedAccuracy]:
    """Figures of a model of the zoo with these options (None: of all its variants), in the file's order."""
    rows = _table().get(name, [])
    return rows if settings is None else [row for row in rows if row.options == variant(name, settings)]


def variant(name: str, settings: Mapping[str, Any]) -> str:
    """Options in which a network differs from the zoo's defaults, such as ``width=0.5``; those that only stand around it left out."""
    usual = MODELS[name].settings({})
    return " ".join(f"{key}={value}" for key, value in settings.items() if value != usual.get(key) and key not in AROUND)


@cache
def _table() -> dict[str, list[PublishedAccuracy]]:
    found: dict[str, list[PublishedAccuracy]] = {}
    with Path(__file__).with_name("published_accuracy.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["model"], []).append(_row(row))
    return found


def _row(row: dict[str, str]) -> PublishedAccuracy:
    return PublishedAccuracy(
        row["model"],
        row["options"],
        row["technique"],
        row["runtime"],
        row["metric"],
        float(row["value"]),
        float(row["float_value"]) if row["float_value"] else None,
        int(row["samples"]) if row["samples"] else None,
        row["source"],
        row["detail"],
        row["quality"] != "C",
    )
