"""The programs of stages that choose among models, and of caches whose lookup is work."""

from __future__ import annotations

from sim.compiler import compile_code
from sim.experiment.programs import Programs, StageAt, StagePrograms, stage_programs
from sim.runtime.deployment import part_roles
from sim.runtime.selection import role_of
from sim.scenario.stages import CacheStage, SelectStage


@stage_programs.register
def _select(stage: SelectStage, at: StageAt, programs: Programs) -> StagePrograms:
    others: dict[str, int] = {}
    for position, model in enumerate(stage.select.among):
        first, *later = programs.parts(model)
        others |= {role_of(position): first} | part_roles(later, role_of(position))
    return StagePrograms(None, others)


@stage_programs.register
def _cache(stage: CacheStage, at: StageAt, programs: Programs) -> StagePrograms:
    work = stage.work
    if work is None:
        return StagePrograms()
    name = f"{at.workload}/{at.name}"
    return StagePrograms(programs.add(name, None, at.place, lambda: compile_code(work, stage.unit, programs.loaded.device, name)))
