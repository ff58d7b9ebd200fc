"""The programs of a scenario, as its stages ask for them: each model and each piece of user code compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch

from sim.compiler import compile_code, compile_model
from sim.compiler.program import Program
from sim.errors import EdgesimError, Problem
from sim.experiment.accuracy.of_model import with_accuracy
from sim.experiment.compression import compressed_model
from sim.experiment.locate import collected
from sim.experiment.training import trained_model, training_input, training_placement, training_shapes
from sim.frontends.load import load_model
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import CodeStage, ModelStage, ModelUse, RadioStage
from sim.scenario.positions import Path


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

    def __init__(self, loaded: LoadedScenario) -> None:
        self.loaded = loaded
        self.loads: dict[str, bool | None] = {}  # of every program asked for: whether it is in memory from the start, None for user code
        self._programs: dict[str, Program] = {}
        self._compiled: dict[str, Program] = {}  # models by what they are made of
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

    def compiled(self, use: ModelUse, name: str) -> Program:
        """The program of a model; two models of a scenario that differ only in name or loading share the work."""
        key = use.model_copy(update={"load": "at_start"}).model_dump_json()
        if key not in self._compiled:
            self._compiled[key] = _compiled(self.loaded, use, name)
        return self._compiled[key]

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
    return StagePrograms(programs.model(stage.model))


@stage_programs.register
def _code(stage: CodeStage, at: StageAt, programs: Programs) -> StagePrograms:
    name = f"{at.workload}/{at.name}"
    return StagePrograms(programs.add(name, None, at.place, lambda: compile_code(stage.work, stage.unit, programs.loaded.device, name)))


@stage_programs.register
def _radio(stage: RadioStage, at: StageAt, programs: Programs) -> StagePrograms:
    return StagePrograms()


def _compiled(loaded: LoadedScenario, use: ModelUse, name: str) -> Program:
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
    runtime = use.runtime or loaded.scenario.runtime
    graph = compressed_model(graph, use, loaded.device, loaded.directory, loaded.scenario.runtime)
    graph = with_accuracy(graph, use, loaded.directory)
    graph, placement = trained_model(graph, use), training_placement(use, loaded.device)
    return compile_model(graph, loaded.device, runtime=runtime, precision=use.precision, placement=placement, threads=use.threads, name=name)
