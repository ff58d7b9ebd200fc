"""Which stages of a pipeline are left out when the answer of one before them is good enough."""

from __future__ import annotations

from sim.scenario.model import Workload
from sim.scenario.stages import CacheStage


def guards(workload: Workload) -> tuple[tuple[int, ...], ...]:
    """For each stage the positions of those that, once settled, make it be left out.

    Those it names in ``unless``; and every stage before it with an ``exit`` or a ``cache`` that no stage at all names.
    """
    names, before = workload.stage_names(), ancestors(workload.stage_dependencies())
    named = {name for stage in workload.pipeline for name in stage.unless}
    alone = {position for position, stage in enumerate(workload.pipeline) if settles(stage) and names[position] not in named}
    return tuple(
        tuple(sorted({names.index(name) for name in stage.unless if name in names} | (before[position] & alone)))
        for position, stage in enumerate(workload.pipeline)
    )


def settles(stage: object) -> bool:
    """Whether a stage can make others superfluous by itself."""
    return isinstance(stage, CacheStage) or getattr(stage, "exit", None) is not None


def ancestors(dependencies: tuple[tuple[int, ...], ...]) -> list[frozenset[int]]:
    """For each stage all stages that it follows, directly or not."""
    found: dict[int, frozenset[int]] = {}
    pending = list(range(len(dependencies)))
    while pending:
        stage = pending.pop()
        if stage in found:
            continue
        unknown = [other for other in dependencies[stage] if other not in found]
        if unknown:
            pending += [stage, *unknown]
        else:
            found[stage] = frozenset(dependencies[stage]).union(*(found[other] for other in dependencies[stage]))
    return [found[stage] for stage in range(len(dependencies))]
