"""What a store knows of one sweep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SweepRecord:
    """A sweep, search or screening as it is begun.

    ``sweep_id``: a digest of everything that decides which points there are; the same for whoever resumes. ``base_digest``: of the base scenario;
    ``scenario``: its canonical text. ``axes``: dotted paths in their order. ``points``: how many there will be, None where nobody knows yet.
    """

    sweep_id: str
    base_digest: str
    scenario: str
    axes: tuple[str, ...]
    kind: str = "sweep"
    description: str = ""
    points: int | None = None


@dataclass(frozen=True)
class StoredSweep:
    """A sweep in a file: as it was begun, and how many of its points have ended so far, by status."""

    record: SweepRecord
    edgesim_version: str
    done: int
    mistakes: int
    failed: int

    @property
    def ended(self) -> int:
        return self.done + self.mistakes + self.failed
