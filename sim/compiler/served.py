"""A decoder's program that serves stages which generate, with the costs of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sim.compiler.program import Program
from sim.compiler.step_costs import StepCosts


@dataclass(frozen=True, eq=False)
class ServedProgram(Program):
    """One phase of a decoder (a step of decoding, or a prompt) as reports show it; what runs is priced by ``steps``.

    ``state_bytes``: of one request with a full context. Keys and values are given to requests block by block, so they are no part of what is
    resident. Rows of its spans are steps, not kernels.
    """

    steps: StepCosts | None = None
    kv_bytes_per_token: float = 0.0  # keys and values of all layers

    @property
    def resident_bytes(self) -> float:
        return self.copied_bytes + self.plan.arena_bytes + self.working_bytes


def slowed_steps(program: ServedProgram, factors: Mapping[str, float]) -> ServedProgram:
    """Steps that take ``factors[unit]`` times as long on the units named."""
    return program if program.steps is None else replace(program, steps=program.steps.slowed(factors))
