"""What a federated run leaves behind: a row for each round, and every client's second and joule by cause."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import ceil

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.attempt import Attempt, Cause

Values = NDArray[np.float64]
CAUSES = ("compute", "download", "upload", "waiting", "lost")


@dataclass(frozen=True)
class RoundRow:
    """One round (asynchronous: one new model of the server), moments and lengths in s.

    ``asked``, ``answered`` (and aggregated), ``late`` (let go, or too old), ``session``, ``network``, ``battery``: clients, by what became of them.
    ``failed``: nothing was aggregated. ``client_p50_s``, ``client_p90_s``, ``client_max_s``: from asked to answered, of the answers that count.
    ``aggregation_s``: from the end until there is a new model.
    """

    begin_s: float
    end_s: float
    asked: int
    answered: int
    late: int
    session: int
    network: int
    battery: int
    failed: bool
    client_p50_s: float
    client_p90_s: float
    client_max_s: float
    staleness: float
    aggregation_s: float


def quantiles(seconds: Values) -> tuple[float, float, float]:
    """Median, 90th percentile and most, each one of the values; nan without any."""
    if not len(seconds):
        return np.nan, np.nan, np.nan
    ordered, number = np.sort(seconds), len(seconds)
    return float(ordered[ceil(0.5 * number) - 1]), float(ordered[ceil(0.9 * number - 1e-9) - 1]), float(ordered[-1])


@dataclass
class Ledger:
    """``seconds``, ``joules``: ``[groups, causes]``; ``asked``, ``answered``, ``fell_out``: ``[groups]``; ``bound_s``, ``spent_j``: the sums, counted apart."""

    groups: int
    rounds: list[RoundRow] = field(default_factory=list)
    bound_s: float = 0.0
    spent_j: float = 0.0
    down_bytes: float = 0.0
    up_bytes: float = 0.0
    server_s: float = 0.0
    server_j: float = 0.0
    waits: int = 0
    waited_s: float = 0.0

    def __post_init__(self) -> None:
        self.seconds, self.joules = np.zeros((self.groups, len(CAUSES))), np.zeros((self.groups, len(CAUSES)))
        self.asked, self.answered, self.late = (np.zeros(self.groups, dtype=np.int64) for _ in range(3))
        self.fell_out = np.zeros((self.groups, len(Cause)), dtype=np.int64)
        self.work_s = np.zeros(self.groups)  # of those that answered, transfers apart

    def columns(self) -> dict[str, np.ndarray]:
        """The rounds as columns, named as the fields of :class:`RoundRow`."""
        return {field.name: np.array([getattr(row, field.name) for row in self.rounds]) for field in fields(RoundRow)}

    def account(self, attempt: Attempt, released_s: Values, counted: NDArray[np.bool_]) -> Values:
        """Enter clients let go at ``released_s``; ``counted``: those whose answers led to something. Returns each one's joules."""
        kinds, until_s = attempt.kinds, released_s
        bound_s = until_s - attempt.begin_s
        joules = attempt.spent_j(until_s)
        lost = ~counted
        parts_s = (attempt.work_end_s - attempt.down_end_s, attempt.down_end_s - attempt.begin_s, attempt.up_end_s - attempt.work_end_s)
        for column, part_s in enumerate(parts_s):
            self._add(self.seconds, column, kinds, part_s, counted)
        self._add(self.seconds, 3, kinds, until_s - attempt.up_end_s, counted)
        self._add(self.seconds, 4, kinds, bound_s, lost)
        for column, part_j in enumerate((attempt.work_j, attempt.down_j, attempt.up_j)):
            self._add(self.joules, column, kinds, part_j, counted)
        self._add(self.joules, 4, kinds, joules, lost)
        self.asked += np.bincount(kinds, minlength=self.groups)
        self.answered += np.bincount(kinds[counted], minlength=self.groups)
        self.work_s += np.bincount(kinds[counted], parts_s[0][counted], minlength=self.groups)
        self.bound_s += float(bound_s.sum())
        self.spent_j += float(joules.sum())
        self.down_bytes += float((attempt.down_bytes * _part(attempt.begin_s, attempt.down_end_s, until_s)).sum())
        self.up_bytes += float((attempt.up_bytes * _part(attempt.work_end_s, attempt.up_end_s, until_s)).sum())
        return joules

    def _add(self, table: Values, column: int, kinds: NDArray[np.int64], values: Values, chosen: NDArray[np.bool_]) -> None:
        table[:, column] += np.bincount(kinds, np.where(chosen, values, 0.0), minlength=self.groups)

    def fell(self, attempt: Attempt, fallen: NDArray[np.bool_], late: NDArray[np.bool_]) -> tuple[int, int, int]:
        """Count by cause who fell out, and who was late. Returns session, network, battery."""
        size = self.groups * len(Cause)
        self.fell_out += np.bincount(attempt.kinds[fallen] * len(Cause) + attempt.cause[fallen], minlength=size).reshape(self.groups, len(Cause))
        self.late += np.bincount(attempt.kinds[late], minlength=self.groups)
        causes = np.bincount(attempt.cause[fallen], minlength=len(Cause))
        return int(causes[Cause.SESSION]), int(causes[Cause.NETWORK]), int(causes[Cause.BATTERY])


def _part(begin_s: Values, end_s: Values, until_s: Values) -> Values:
    """Of a phase that was cut short: the share that was through."""
    part: Values = np.clip((until_s - begin_s) / np.maximum(end_s - begin_s, 1e-12), 0.0, 1.0)
    return part
