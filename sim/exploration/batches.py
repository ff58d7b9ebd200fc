"""How many points a worker is handed at once: enough that handing out costs little, few enough that all workers end together."""

from __future__ import annotations

MOST_POINTS = 1000  # of one batch: bounds what is in memory where points cost nothing
OVERRUN = 2.0  # a batch that takes so many times what was meant ends early, and the rest is handed out anew
_NEWS = 0.5  # weight of the latest batch in the moving average


class BatchSizes:
    """Batches of about ``batch_s`` seconds of work, by a moving average of the time a point took; one point while nothing is known."""

    def __init__(self, batch_s: float, most: int = MOST_POINTS) -> None:
        self.batch_s = batch_s
        self._most = max(most, 1)
        self._point_s: float | None = None

    @property
    def limit_s(self) -> float:
        """Seconds after which a worker begins no further point of a batch."""
        return OVERRUN * self.batch_s

    def size(self) -> int:
        """Points of the next batch."""
        if self._point_s is None:
            return 1
        return int(min(max(self.batch_s / max(self._point_s, 1e-9), 1), self._most))

    def took(self, points: int, busy_s: float) -> None:
        """A batch of so many points took so long."""
        if points:
            latest = busy_s / points
            self._point_s = latest if self._point_s is None else _NEWS * latest + (1 - _NEWS) * self._point_s
