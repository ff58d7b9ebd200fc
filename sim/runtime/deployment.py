"""What runs where: the programs of a scenario, and which stages run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.compiler.program import Program

_PART = "part_"  # roles of the programs of a network with early exits behind its first part
FIRST_PART = f"{_PART}1"


def part_roles(positions: Sequence[int], model: str = "") -> dict[str, int]:
    """The roles of a network's parts behind its first. ``model``: of several models of a stage, which."""
    return {f"{model}{_PART}{index}": position for index, position in enumerate(positions, 1)}


def parts_of(others: Mapping[str, int], model: str = "") -> list[int]:
    """Positions of the programs behind a network's first part, in order; the reverse of :func:`part_roles`."""
    found, index = list[int](), 1
    while (role := f"{model}{_PART}{index}") in others:
        found.append(others[role])
        index += 1
    return found


@dataclass(frozen=True)
class Deployment:
    """What runs where: the programs of a scenario.

    ``programs``: in the order of ``Trace.programs``. ``stages``: for each workload, each stage's position in ``programs``; None for
    a transfer by radio.
    ``at_start``: per program, whether it is loaded before the run; None for user code, which is not loaded at all.
    ``names``: of the programs in the trace; their own if empty. ``others``: as ``stages``, further programs that a stage may run,
    by their role.
    """

    programs: tuple[Program, ...]
    stages: Mapping[str, Sequence[int | None]]
    at_start: tuple[bool | None, ...]
    names: tuple[str, ...] = ()
    others: Mapping[str, Sequence[Mapping[str, int]]] = field(default_factory=dict)

    def others_of(self, workload: str, stage: int) -> Mapping[str, int]:
        """Further programs of a stage by their role."""
        return self.others[workload][stage] if workload in self.others else {}

    def used(self) -> set[int]:
        """Positions of the programs that some stage may run."""
        mains = {position for stages in self.stages.values() for position in stages if position is not None}
        return mains.union(*(roles.values() for stages in self.others.values() for roles in stages))
