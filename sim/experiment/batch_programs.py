"""Programs of stages that have a queue before them: the model for every batch size, on every unit of its pool."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sim.compiler import compile_code
from sim.compiler.program import Program
from sim.errors import EdgesimError
from sim.graph.ir import Graph
from sim.passes.rebatch import rebatched
from sim.scenario.batching import Batching, variant_name
from sim.scenario.model import ModelUse, Placement
from sim.scenario.positions import Path
from sim.scenario.stages import CodeStage, ModelStage

if TYPE_CHECKING:
    from sim.experiment.programs import Programs, StageAt

_SINGLE = Batching(max_size=1)


def served_model(stage: ModelStage, at: StageAt, programs: Programs) -> dict[str, int]:
    """Role -> position of the programs of a model stage with batching or units.

    On each unit the program for one request carries the weights and the arena of the largest batch; the others have none of their own.
    """
    roles: dict[str, int] = {}
    for place in range(max(len(stage.units), 1)):
        roles |= _Replica(programs, stage, at, place).positions()
    return roles


class _Replica:
    """A model on one unit of its pool (or where its placement says), for every batch size. ``made``: by size."""

    def __init__(self, programs: Programs, stage: ModelStage, at: StageAt, place: int) -> None:
        use = programs.loaded.scenario.models[stage.model]
        self._programs, self._stage, self._at, self._place = programs, stage, at, place
        self._unit = stage.units[place] if stage.units else None
        self._use = use if self._unit is None else use.model_copy(update={"placement": Placement(prefer=(self._unit,), fixed=use.placement.fixed)})
        self._sizes = (stage.batching or _SINGLE).sizes
        self._made: dict[int, Program] = {}

    def positions(self) -> dict[str, int]:
        """Role -> position in the deployment."""
        found = {}
        for size in dict.fromkeys((self._sizes[-1], *self._sizes, 1)):  # the largest first: it says what is wrong for all of them
            loads = self._use.load == "at_start" if size == 1 else None
            found[variant_name("", size, self._unit)] = self._programs.add(self._name(size), loads, self._where(size), partial(self._compiled, size))
        if self._sizes[-1] in self._made:
            self._programs.change(self._name(1), self._carrier)
        return found

    def _name(self, size: int) -> str:
        return variant_name(self._stage.model, size, self._unit if self._place else None)

    def _where(self, size: int) -> Path:
        if self._stage.units:
            return (*self._at.place, "units", self._place)
        return (*self._at.place, "batching") if size > 1 else ("models", self._stage.model)

    def _compiled(self, size: int) -> Program:
        if not self._made:
            if size < self._sizes[-1]:
                raise EdgesimError([])  # the largest batch has said it
            _refuse(self._programs, self._use)
        program = self._programs.lowered(self._use, _graph(self._programs, self._use, self._stage.model, size), self._name(size))
        if self._unit is not None:
            _refuse_foreign(program, self._unit, self._programs)
        self._made[size] = program
        return program if size == 1 else replace(program, weights_bytes=0.0, state_bytes=0.0, storage_bytes=0.0, load_s=0.0)

    def _carrier(self, program: Program) -> Program:
        """The program that is in memory for all sizes."""
        largest = self._made[self._sizes[-1]]
        plan = replace(program.plan, arena_bytes=largest.plan.arena_bytes, lower_bound_bytes=largest.plan.lower_bound_bytes)
        stored = 0.0 if self._place else program.storage_bytes  # one file for all units
        return replace(program, plan=plan, working_bytes=largest.working_bytes, state_bytes=largest.state_bytes, storage_bytes=stored)


def _graph(programs: Programs, use: ModelUse, name: str, size: int) -> Graph:
    """The model for a batch: built so if the zoo can, else the graph of one request rewritten."""
    if size == 1:
        return programs.graph(use, name)
    if use.source is not None and "batch" in _options(use.source):
        return programs.graph(use.model_copy(update={"options": {**use.options, "batch": size}, "accuracy": None}), name)
    return rebatched(programs.graph(use, name), size)


def _options(source: str) -> frozenset[str]:
    from sim.frontends.zoo import MODELS

    return frozenset(MODELS[source].options) if source in MODELS else frozenset()


def _refuse(programs: Programs, use: ModelUse) -> None:
    """What does not go together with a queue."""
    if use.exits:
        raise EdgesimError("a model with exits runs alone: requests of a batch would leave at different exits; leave out batching and units, or exits")
    if use.training is not None:
        raise EdgesimError("a model that trains has its own batch (training: {batch: ...}); leave out batching and units, or training")
    given = use.options.get("batch", use.shapes.get("batch", 1))
    if given != 1:
        raise EdgesimError(f"the model has a batch of {given} already; leave that out, batching makes batches of single requests")
    if programs.loaded.scenario.memory.weights == "paged":
        raise EdgesimError("weights that are paged are read for every run alone; set memory: {weights: resident}, or leave out batching and units")


def _refuse_foreign(program: Program, unit: str, programs: Programs) -> None:
    """A unit of a pool that runs nothing of the model."""
    device = programs.loaded.device
    if unit not in device.units:
        raise EdgesimError(f"{device.name} has no unit {unit!r}; it has {', '.join(device.units)}")
    used = list(dict.fromkeys(segment.unit for segment in program.segments))
    if unit not in used:
        raise EdgesimError(
            f"{program.runtime} runs nothing of this model on {unit} in {program.precision}, all of it falls to {', '.join(used)}; take {unit} out of units"
        )


def served_code(stage: CodeStage, at: StageAt, programs: Programs) -> dict[str, int]:
    """Role -> position of the programs of a code stage with units: one for each."""
    roles = {}
    for place, unit in enumerate(stage.units):
        name = variant_name(f"{at.workload}/{at.name}", 1, unit if place else None)
        make = partial(compile_code, stage.work, unit, programs.loaded.device, name)
        roles[variant_name("", 1, unit)] = programs.add(name, None, (*at.place, "units", place), make)
    return roles
