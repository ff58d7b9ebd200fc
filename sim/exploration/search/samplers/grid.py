"""``grid``: all combinations in their order."""

from __future__ import annotations

from sim.exploration.search.samplers.sampler import Proposal, Sampler, SamplerPlan


class GridSampler(Sampler):
    """The last axis changes fastest."""

    def __init__(self, plan: SamplerPlan) -> None:
        self._rest = plan.space.every()

    def ask(self) -> Proposal | None:
        chosen = next(self._rest, None)
        return None if chosen is None else Proposal(chosen)

    def take(self, chosen: dict[str, int]) -> Proposal:
        return Proposal(chosen)


def sampler(plan: SamplerPlan) -> Sampler:
    return GridSampler(plan)
