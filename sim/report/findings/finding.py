"""A finding: a sentence about a run with its evidence, what it costs, and changes that may mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Changes = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class WhatIf:
    """A change of the scenario that may mend a finding; what it brings is simulated, never guessed. ``title``: ``int8``, ``resize on the NPU``."""

    title: str
    changes: Changes
    moves: tuple[str, frozenset[str]] | None = None  # a model, and units of which one at least has to run a part of it: else the title is not true

    @property
    def changes_key(self) -> tuple[tuple[str, str], ...]:
        """Equal for equal changes."""
        return tuple((path, repr(value)) for path, value in self.changes)


@dataclass(frozen=True)
class Finding:
    """``weight_ratio``: what it costs, as a share of ``of``: the time of an answer, the energy, the memory, the limit of a budget; findings are ranked by
    it. ``evidence``: figures by name, their unit at its end. ``what_ifs``: in the order in which they are worth a try; ``why_none``: why there is none."""

    rule: str
    text: str
    weight_ratio: float
    of: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    what_ifs: tuple[WhatIf, ...] = ()
    why_none: str = ""


class Rule(Protocol):
    """One kind of finding: a module of ``sim/report/findings/rules`` with these."""

    NAME: str
    ABOUT: str

    def find(self, run: Any) -> Iterator[Finding]:
        """What there is to say of a :class:`~sim.report.findings.examined.Examined`. Silent where nothing is worth a word."""
        ...
