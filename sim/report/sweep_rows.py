"""What the page of a sweep shows: the best of each metric, the front between metrics that pull apart, and what each axis does to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.flat_metrics import Quantity


@dataclass(frozen=True)
class Setting:
    """One combination of the axes and its metrics by their full name: of replications the means, with half their 95 % interval where it is known.

    ``positions_count``: runs behind it; ``is_valid``: every one held its budgets.
    """

    changes: Mapping[str, Any]
    values: Mapping[str, float | None]
    half_intervals: Mapping[str, float]
    runs_count: int
    is_valid: bool


@dataclass(frozen=True)
class Best:
    """The setting that is best in one quantity."""

    quantity: Quantity
    setting: Setting


@dataclass(frozen=True)
class Effect:
    """What an axis does to a quantity. ``share_ratio``: of the quantity's variance over all points (the correlation ratio, eta squared; of drawn points
    omega squared); ``levels``: mean at each value of the axis, in its order; ``rises``: whether the mean only rises with an ordered axis (True), only
    falls (False), or neither (None)."""

    axis: str
    quantity: Quantity
    share_ratio: float
    levels: tuple[tuple[str, float], ...]
    rises: bool | None


@dataclass(frozen=True)
class SweepSummary:
    """``axes``: those that take more than one value. ``count``: points there are in all; ``ran_count`` of them now, ``before_count`` earlier;
    ``mistakes`` and ``failed``: points without a result, of all that have ended. ``problems``: why, with how many points it happened to.

    ``rest_ratio``: by quantity, the share of its variance that no axis explains by itself: axes acting together, and chance; only of whole grids.
    """

    name: str
    device: str
    axes: tuple[str, ...]
    count: int
    before_count: int
    ran_count: int
    mistakes_count: int
    failed_count: int
    lost_workers_count: int
    elapsed_s: float
    replications_count: int
    settings_count: int
    valid_count: int
    best: tuple[Best, ...]
    objectives: tuple[Quantity, ...]
    front: tuple[Setting, ...]
    effects: tuple[Effect, ...]
    rest_ratio: Mapping[str, float]
    problems: tuple[tuple[str, int], ...]

    @property
    def done(self) -> int:
        """Points with a result."""
        return self.before_count + self.ran_count - self.mistakes_count - self.failed_count

    @property
    def missing(self) -> int:
        """Points that have not been run yet."""
        return self.count - self.before_count - self.ran_count
