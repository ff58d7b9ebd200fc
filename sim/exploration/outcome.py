"""What came of a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.exploration.point import Point


@dataclass(frozen=True)
class Outcome:
    """``key``: sha256 of ``canonical``, the canonical text of the point's scenario. ``metrics``: flat names with their units, nothing that depends on
    the machine. ``status``: "done"; "mistake", then ``problems`` say what is wrong with the scenario; "failed", where nothing could be found out.
    ``cpu_s``: processor time it took, in seconds."""

    point: Point
    key: str
    canonical: str
    metrics: Mapping[str, float | int | str | None]
    problems: tuple[str, ...]
    status: str
    cpu_s: float
