"""The programs of a scenario, as its stages ask for them: each model and each piece of user code compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, singledispatch

from sim.compiler import compile_code, compile_model
from sim.compiler.compile import compile_lowered, lower_model, runtime_for
from sim.compiler.program import Program
from sim.errors import EdgesimError, Problem
from sim.experiment.accuracy.of_model import with_accuracy
from sim.experiment.batch_programs import served_code, served_model
from sim.experiment.compiled import Compiled
from sim.experiment.compression import compressed_model
from sim.experiment.exit_parts import cut_to_part, exit_parts
from sim.experiment.locate import collected
from sim.experiment.training import trained_model, training_input, training_placement, training_shapes
from sim.frontends.load import load_model
from sim.graph.ir import Graph
from sim.runtime.deployment import part_roles
from sim.scenario.adaptive import exit_names
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import ModelUse, Placement
from sim.scenario.positions import Path
from sim.scenario.stages import CodeStage, ModelStage, RadioStage


@dataclass(frozen=True)
class StageAt:
    """Where a stage stands: its workload, its position in the pipeline, its name."""

    workload: str
    position: int
    name: str

    @property
    def place(self) -> Path:
        """Of the stage in the scenario."""
        return ("workloads", self.workload, "pipeline", self.position)


@dataclass(frozen=True)
class StagePrograms:
    """Positions of a stage's programs: the one it runs (None: a transfer by radio), and others it may run, by their role."""

    main: int | None = None
    others: Mapping[str, int] = field(default_factory=dict)


class Programs:
    """Collects programs in the order they are asked for; a user's mistakes are kept until all are known (:meth:`finish`)."""

    def __init__(self, loaded: LoadedScenario, compiled: Compiled | None = None) -> None:
        """``compiled``: what other scenarios of the same folder have compiled, which is used and added to."""
        self.loaded = loaded
        self.loads: dict[str, bool | None] = {}  # of every program asked for: whether it is in memory from the start, None for user code
        self._programs: dict[str, Program] = {}
        self._compiled = Compiled() if compiled is None else compiled
        self._split: dict[str, list[Graph]] = {}  # networks with exits by name: their parts
        self._graphs: dict[str, Graph] = {}  # of models that are compiled for several batch sizes, likewise
        self._problems: list[Problem] = []

    def add(self, name: str, loads: bool | None, place: Path, make: Callable[[], Program]) -> int:
        """The position of the program ``name``, made if nobody asked before. ``place``: where mistakes are reported that say no better."""
        if name not in self.loads:
            self.loads[name] = loads
            with collected(self._problems, self.loaded.places, place):
                self._programs[name] = make()
        return list(self.loads).index(name)

    def model(self, name: str) -> int:
        """The position of one of the scenario's models."""
        use = self.loaded.scenario.models[name]
        return self.add(name, use.load == "at_start", ("models", name), lambda: self.compiled(use, name))

    def parts(self, name: str) -> list[int]:
        """The positions of a model's programs: one, or with early exits one for each exit and one for the end."""
        use = self.loaded.scenario.models[name]
        if not use.exits:
            return [self.model(name)]
        at_start = use.load == "at_start"
        return [
            self.add(f"{name}@{exit}", at_start, ("models", name), partial(self._part, use, name, position))
            for position, exit in enumerate(exit_names(use.exits))
        ]

    def _part(self, use: ModelUse, name: str, position: int) -> Program:
        """The program of one part of a network with exits. What is wrong with the network is said once, by its first part."""
        if not position:
            self._split[name] = []
            self._split[name] = exit_parts(model_graph(self.loaded, use, name), use.exits)
        if not self._split[name]:
            raise EdgesimError([])
        return _lowered(self.loaded, use, self._split[name][position], f"{name}@{exit_names(use.exits)[position]}")

    def compiled(self, use: ModelUse, name: str) -> Program:
        """The program of a model; two models of a scenario that differ only in name or loading share the work."""
        return self._compiled.program(self.loaded, use, lambda: self._program(use, name))

    def _program(self, use: ModelUse, name: str) -> Program:
        loaded, engine = self.loaded, runtime_for(self.loaded.device, use.runtime or self.loaded.scenario.runtime)
        lowered = self._compiled.lowered(loaded, use, lambda: lower_model(model_graph(loaded, use, name), engine, use.precision))
        return compile_lowered(lowered, loaded.device, placement=training_placement(use, loaded.device), threads=use.threads, name=name)

    def change(self, name: str, how: Callable[[Program], Program]) -> None:
        """Put another program in the place of one that was made."""
        if name in self._programs:
            self._programs[name] = how(self._programs[name])

    def graph(self, use: ModelUse, name: str) -> Graph:
        """The graph of a model before its runtime lowers it, made once."""
        key = use.model_copy(update={"load": "at_start", "placement": Placement()}).model_dump_json()
        if key not in self._graphs:
            self._graphs[key] = model_graph(self.loaded, use, name)
        return self._graphs[key]

    def lowered(self, use: ModelUse, graph: Graph, name: str) -> Program:
        """The program of a graph that was made from a model."""
        return _lowered(self.loaded, use, graph, name)

    def finish(self) -> dict[str, Program]:
        """The programs by name, in order. Raises EdgesimError for all mistakes at once."""
        if self._problems:
            raise EdgesimError(self._problems)
        return self._programs


@singledispatch
def stage_programs(stage: object, at: StageAt, programs: Programs) -> StagePrograms:
    """Ask for the programs of a stage. One function for each kind of stage is registered here."""
    raise TypeError(f"no programs are known for a {type(stage).__name__}")


@stage_programs.register
def _model(stage: ModelStage, at: StageAt, programs: Programs) -> StagePrograms:
    if stage.batching or stage.units:
        roles = served_model(stage, at, programs)
        return StagePrograms(next(position for name, position in roles.items() if "[" not in name), roles)
    first, *later = programs.parts(stage.model)
    return StagePrograms(first, part_roles(later))


@stage_programs.register
def _code(stage: CodeStage, at: StageAt, programs: Programs) -> StagePrograms:
    if stage.units:
        roles = served_code(stage, at, programs)
        return StagePrograms(next(iter(roles.values())), roles)
    name = f"{at.workload}/{at.name}"
    return StagePrograms(programs.add(name, None, at.place, lambda: compile_code(stage.work, stage.unit, programs.loaded.device, name)))


@stage_programs.register
def _radio(stage: RadioStage, at: StageAt, programs: Programs) -> StagePrograms:
    return StagePrograms()


def _lowered(loaded: LoadedScenario, use: ModelUse, graph: Graph, name: str) -> Program:
    runtime, placement = use.runtime or loaded.scenario.runtime, training_placement(use, loaded.device)
    return compile_model(graph, loaded.device, runtime=runtime, precision=use.precision, placement=placement, threads=use.threads, name=name)


def model_graph(loaded: LoadedScenario, use: ModelUse, name: str) -> Graph:
    """A model as the scenario describes it, before its runtime lowers it: read, compressed, extended by training, cut to its part."""
    graph = load_model(
        use.source,
        directory=loaded.directory,
        layers=use.layers,
        input=training_input(use),
        options=use.options,
        shapes=training_shapes(use),
        unknown_operators=use.unknown_operators,
        name=name,
    )
    graph = compressed_model(graph, use, loaded.device, loaded.directory, loaded.scenario.runtime)
    graph = trained_model(with_accuracy(graph, use, loaded.directory), use)
    return graph if use.part is None else cut_to_part(graph, use.part)
