"""At least how likely a request enters each stage of its pipeline: by chance, and where no answer before it was good enough."""

from __future__ import annotations

from functools import singledispatch
from math import prod

from sim.runtime.result_cache import entries
from sim.scenario.adaptive import ZipfKeys
from sim.scenario.model import Workload
from sim.scenario.settling import guards, settles
from sim.scenario.stages import CacheStage
from sim.workload.popularity import ZipfRanks


def least_probabilities(workload: Workload) -> list[float]:
    """For each stage. What only a run shows, such as the confidences of a trace, counts as a request that does not come so far."""
    dependencies, guarded = workload.stage_dependencies(), guards(workload)
    on_route: dict[int, float] = {}

    def drawn(position: int) -> float:
        """The likeliest of the stages it waits for is enough: how they hang together is not asked."""
        if position not in on_route:
            before = dependencies[position]
            on_route[position] = (max(drawn(other) for other in before) if before else 1.0) * float(workload.pipeline[position].probability)
        return on_route[position]

    goes_on = [1.0 - _most_settled(stage) for stage in workload.pipeline]
    return [drawn(position) * prod(goes_on[decider] for decider in _deciders(position, workload, guarded)) for position in range(len(dependencies))]


def _deciders(position: int, workload: Workload, guarded: tuple[tuple[int, ...], ...]) -> set[int]:
    """The stages whose answer can make one be left out, be it that they make one be left out that stands for it."""
    found, pending = set[int](), list(guarded[position])
    while pending:
        other = pending.pop()
        if other not in found:
            found.add(other)
            pending += guarded[other]
    return {other for other in found if settles(workload.pipeline[other])}


@singledispatch
def _most_settled(stage: object) -> float:
    """At most the share of requests that a stage settles."""
    use = getattr(stage, "exit", None)
    if use is None:
        return 0.0
    return 1.0 if use.rate is None else float(use.rate)


@_most_settled.register
def _hits(stage: CacheStage) -> float:
    """No cache that does not know the future hits more often than one that always holds the most popular results (Aho et al. 1971)."""
    key = stage.cache.key
    return ZipfRanks(key.items, key.zipf).share_of_first(int(entries(stage.cache))) if isinstance(key, ZipfKeys) else 1.0
