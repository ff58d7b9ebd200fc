"""A run as plain data and typed columns: what the run file holds and the HTML page shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

FORMAT = "edgesim.run/1"


@dataclass(frozen=True, eq=False)
class RunDocument:
    """``data``: JSON values, the first key is ``format``. ``columns``: one-dimensional arrays that ``data`` names.

    ``notes``: what is missing, and why, in words for the reader.
    """

    data: dict[str, Any]
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> np.ndarray:
        """A column; empty where the file has lost it."""
        return self.columns.get(name, np.zeros(0))


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a document: its data, and the columns that these name."""

    data: Any
    columns: dict[str, np.ndarray] = field(default_factory=dict)
