"""One point of a sweep or one trial of a search: which changes to the base scenario."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """``position``: its place in the sweep, from 0. ``changes``: (dotted path, plain YAML value), the axes in their order; a replication's is ("seed", n)."""

    position: int
    changes: tuple[tuple[str, Any], ...]

    def point_id(self, base_digest: str) -> str:
        """A digest of base scenario and changes, known before anything is run."""
        text = json.dumps([base_digest, [list(change) for change in self.changes]], sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def outermost_first(changes: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Changes in the order to make them: a part after the whole it belongs to, because a new ``device`` would undo ``device.memory.bandwidth``."""
    return sorted(changes, key=lambda change: change[0].count("."))
